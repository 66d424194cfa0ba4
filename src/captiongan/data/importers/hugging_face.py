"""Image-text data sets of the Hugging Face hub, by their parquet files.

The hub keeps every public data set as parquet too (branch `refs/convert/parquet`), so one reader
serves all: a column of pictures `{"bytes": ..., "path": ...}`, a column of captions (a string or a
list of strings), and perhaps one of classes.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from captiongan.base.image_reading import without_path
from captiongan.data.importers.columns import COLUMNS, not_taken
from captiongan.data.importers.items import (
    COLUMN_OPTIONS,
    Found,
    Item,
    Note,
    Rejected,
    Request,
    needs,
    only_splits,
    split_in,
)
from captiongan.data.importers.source import (
    MAXIMUM_FILE,
    MemberError,
    bomb,
    misplaced,
    most_unfolded,
    unbroken,
)
from captiongan.errors import DataError

_BRANCH = "refs/convert/parquet"
_ON_THE_HUB = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_PICTURES = ("image", "img", "picture", "jpg", "png", "webp")


def read(request: Request) -> Iterator[Item]:
    """Stream the rows of a parquet file, of a folder of them, or of a data set of the hub.

    Raises:
        DataError: there is no such data set, or its columns have unknown names.
    """
    with needs("hf"):
        import pyarrow.parquet  # noqa: F401
    splits = only_splits(request, "hf", "source", "none", uses=COLUMN_OPTIONS)
    for name, path in _files(request.source):
        split = split_in(name) if splits == "source" else None
        if request.source.is_dir() and (fault := misplaced(path, request.source)):
            yield Rejected(name, fault, "only plain files inside the source are read")
            continue
        with unbroken(path):
            yield from _rows(path, name, split, request)


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield parquet files with their names in the data set, those of the hub one by one."""
    if source.is_file():
        yield source.name, source
    elif source.is_dir():
        paths = sorted(source.rglob("*.parquet"))
        if not paths:
            raise DataError(f"source '{source}' has no parquet files; name a folder with some")
        yield from ((path.relative_to(source).as_posix(), path) for path in paths)
    elif _ON_THE_HUB.fullmatch(source.as_posix()):
        yield from _hub(source.as_posix())
    else:
        raise DataError(
            f"source '{source}' does not exist; name a parquet file, a folder of them, or "
            "OWNER/NAME on the Hugging Face hub"
        )


def _hub(name: str) -> Iterator[tuple[str, Path]]:
    with needs("hf"):
        from huggingface_hub import HfApi, hf_hub_download
    asked: dict[str, Any] = {"repo_type": "dataset", "revision": _BRANCH}
    try:
        files = sorted(HfApi().list_repo_files(name, **asked))
        for file in files:
            if file.endswith(".parquet"):
                yield file, Path(hf_hub_download(name, file, **asked))
    except Exception as error:  # a client of a network can raise almost anything
        raise DataError(
            f"source '{name}' does not exist here, and cannot be fetched from the hub "
            f"({without_path(error)}); name a parquet file, a folder of them, or OWNER/NAME"
        ) from error


def _rows(path: Path, name: str, split: str | None, request: Request) -> Iterator[Item]:
    import pyarrow.parquet as parquet

    file = parquet.ParquetFile(path)
    columns = _Columns(file.schema_arrow, path, request)
    _check_unfolded(file.metadata, path, columns.needed)
    # A row at a time: in a dictionary, a large value may stand for any number of rows.
    for number, batch in enumerate(file.iter_batches(1, columns=columns.needed)):
        row_name = f"{name}/{number:07d}"
        try:
            (row,) = batch.to_pylist()
        except UnicodeDecodeError as error:
            yield Rejected(row_name, "not UTF-8", f"{error.reason}; save the captions in UTF-8")
        else:
            yield columns.item(row, row_name, split)


def _check_unfolded(metadata: Any, path: Path, needed: list[str]) -> None:
    """Refuse a file that says that its columns unpack to far more than it holds."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    wanted = (each for each in chunks if each.path_in_schema.partition(".")[0] in needed)
    if sum(each.total_uncompressed_size for each in wanted) > most_unfolded(path):
        raise bomb(path)


class _Columns:
    """The columns of the picture, its captions and its class."""

    def __init__(self, schema: Any, path: Path, request: Request) -> None:
        self._path, self._names, self._asked = path, list(schema.names), request.columns
        self._picture = self._column("picture", _PICTURES)
        self._caption = self._column("caption", COLUMNS["caption"])
        self._label = self._column("class", COLUMNS["class"], optional=True)
        self._classes = _class_names(schema, self._label)
        chosen = {"caption": self._caption, "class": self._label}
        self._remarks = not_taken(chosen, self._names, self._asked)

    @property
    def needed(self) -> list[str]:
        """The columns to read."""
        return [name for name in (self._picture, self._caption, self._label) if name]

    def item(self, row: dict[str, Any], name: str, split: str | None) -> Item:
        """Return the picture of a row."""
        picture, caption = row[self._picture], row[self._caption]
        content = picture.get("bytes") if isinstance(picture, dict) else picture
        if not isinstance(content, bytes):
            return Rejected(name, "missing file", "the row holds no bytes of a picture")
        captions = caption if isinstance(caption, list) else [caption]
        texts = tuple(str(text) for text in captions if text is not None)
        note = Note(texts, self._class(row), split, remarks=self._remarks)
        return Found(name, note, lambda: _bounded(content))

    def _class(self, row: dict[str, Any]) -> str | None:
        label = row[self._label] if self._label else None
        if isinstance(label, int) and 0 <= label < len(self._classes):
            return self._classes[label]
        return None if label is None else str(label)

    def _column(self, meaning: str, usual: Iterable[str], optional: bool = False) -> str:
        wanted = self._asked.get(meaning)
        found = wanted or next((name for name in usual if name in self._names), "")
        if (found and found not in self._names) or not (found or optional):
            raise DataError(
                f"'{self._path}' has no column {wanted or f'for the {meaning}'} (it has "
                f"{', '.join(self._names)}); name one with --{meaning}-column"
            )
        return found


def _bounded(content: bytes) -> bytes:
    if len(content) > MAXIMUM_FILE:
        raise MemberError("too large", f"more than {MAXIMUM_FILE} bytes")
    return content


def _class_names(schema: Any, label: str) -> list[str]:
    """Return the names of numbered classes from the hub's notes; empty if there are none."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])
        return [str(name) for name in noted["info"]["features"][label]["names"]]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
