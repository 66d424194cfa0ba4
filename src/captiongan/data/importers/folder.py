"""A captioned folder as a source: to crop, shrink or lay its pictures on another background."""

from collections.abc import Iterator
from pathlib import Path

from captiongan.data.folder import METADATA, LoadedExample, Reject, read_captioned_folder
from captiongan.data.importers.items import Found, Item, Note, Rejected, Request, only_splits
from captiongan.data.importers.source import Member


def read(request: Request) -> Iterator[Item]:
    """Stream the lines of a captioned folder, or of a folder that has one for each split.

    Raises:
        DataError: there is no captioned folder.
    """
    splits = only_splits(request, "folder", "source", "none")
    source = request.source
    inner = sorted(path.parent for path in source.glob(f"*/{METADATA}"))
    if (source / METADATA).exists() or not inner:
        inner = [source]
    for root in inner:
        split = root.name if root != source else ""
        for item in read_captioned_folder(root, 1):
            yield found(root, item, split, split if splits == "source" else None)


def found(root: Path, item: LoadedExample | Reject, prefix: str, split: str | None) -> Item:
    """Turn an item of a captioned folder into an importer's item."""
    if isinstance(item, Reject):
        name = item.file_name or f"{item.file}:{item.line}"
        return Rejected(f"{prefix}/{name}".lstrip("/"), item.kind, item.reason)
    example = item.example
    file = root / example.file_name
    picture = Member(example.file_name, lambda: file.open("rb"))
    return Found(
        f"{prefix}/{example.file_name}".lstrip("/"),
        Note(example.captions, example.label, split),
        picture.read,
    )
