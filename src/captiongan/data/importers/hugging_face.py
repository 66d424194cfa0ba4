"""Image-text data sets of the Hugging Face hub, by their parquet files.

The hub keeps every public data set as parquet too (branch `refs/convert/parquet`), so one reader
serves all: a column of pictures `{"bytes": ..., "path": ...}`, a column of captions (a string or a
list of strings), and perhaps one of classes.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from captiongan.base.image_reading import without_path
from captiongan.base.lines import MAXIMUM_LINE
from captiongan.base.parquet_pages import check_pages, texts_in_lists
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

MOST_DIGITS = 9
"""Of the number of a class."""

LEAST_TEXT = 64
"""How many bytes of memory a text takes, be it empty."""

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

    with path.open("rb") as content:
        columns = _Columns(parquet.read_schema(content), path, request)
        # A text that stands in a list many times is in memory once.
        listed = texts_in_lists(content, parquet.ParquetFile(content), columns.needed)
        file = parquet.ParquetFile(content, read_dictionary=listed)
        if check_pages(content, file, columns.needed) > most_unfolded(path):
            raise bomb(path)
        # A row at a time: in a dictionary, a large value may stand for any number of rows.
        for number, batch in enumerate(file.iter_batches(1, columns=columns.needed)):
            row = {column: batch.column(column)[0] for column in columns.needed}
            row_name = f"{name}/{number:07d}"
            try:
                yield columns.item(row, row_name, split)
            except UnicodeDecodeError as error:
                yield Rejected(row_name, "not UTF-8", f"{error.reason}; save the captions in UTF-8")
            except MemberError as error:
                yield Rejected(row_name, error.kind, error.reason)


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

    def item(self, row: Mapping[str, Any], name: str, split: str | None) -> Item:
        """Return the picture of a row of Arrow's scalars; raises MemberError."""
        picture = row[self._picture]
        if isinstance(picture, Mapping):
            picture = picture.get("bytes", picture)
        content = _buffer(picture)
        if content is None or "string" in str(picture.type):
            return Rejected(name, "missing file", "the row holds no bytes of a picture")
        captions = _texts(row[self._caption])
        note = Note(captions, self._class(row), split, remarks=self._remarks)
        return Found(name, note, lambda: _bounded(content))

    def _class(self, row: Mapping[str, Any]) -> str | None:
        if not self._label:
            return None
        label = next(iter(_texts(row[self._label])), None)
        if label is None or not label.isdecimal() or len(label) > MOST_DIGITS:
            return label
        return self._classes[int(label)] if int(label) < len(self._classes) else label

    def _column(self, meaning: str, usual: Iterable[str], optional: bool = False) -> str:
        wanted = self._asked.get(meaning)
        found = wanted or next((name for name in usual if name in self._names), "")
        if (found and found not in self._names) or not (found or optional):
            raise DataError(
                f"'{self._path}' has no column {wanted or f'for the {meaning}'} (it has "
                f"{', '.join(self._names)}); name one with --{meaning}-column"
            )
        return found


def _buffer(cell: Any) -> Any:
    """Return the bytes of a text or of binary data, not copied; None of anything else."""
    if cell.is_valid and hasattr(cell, "dictionary"):
        cell = cell.value
    return cell.as_buffer() if cell.is_valid and hasattr(cell, "as_buffer") else None


def _texts(cell: Any) -> tuple[str, ...]:
    """Return the text of a cell, or those of the list in it; raises MemberError."""
    from pyarrow import types

    kind = cell.type
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    texts, room = [], MAXIMUM_LINE
    for each in (cell.values or ()) if is_list else (cell,):
        content = _buffer(each)
        room -= LEAST_TEXT + (0 if content is None else content.size)
        if room < 0 or types.is_nested(each.type):
            raise MemberError("bad caption", f"a list of lists, or above {MAXIMUM_LINE} bytes")
        texts.append(each.as_py())
    return tuple(str(text) for text in texts if text is not None)


def _bounded(content: Any) -> bytes:
    if content.size > MAXIMUM_FILE:
        raise MemberError("too large", f"more than {MAXIMUM_FILE} bytes")
    return bytes(content)


def _class_names(schema: Any, label: str) -> list[str]:
    """Return the names of numbered classes from the hub's notes; empty if there are none."""
    try:
        noted = json.loads((schema.metadata or {})[b"huggingface"])
        return [str(name) for name in noted["info"]["features"][label]["names"]]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
