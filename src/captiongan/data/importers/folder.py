"""A captioned folder as a source: to crop, shrink or lay its pictures on another background."""

import io
import posixpath
from collections.abc import Iterator
from pathlib import Path

from captiongan.base.lines import numbered
from captiongan.data.folder import (
    METADATA,
    LoadedExample,
    Reject,
    leads_out,
    parsed,
    read_captioned_folder,
)
from captiongan.data.importers.items import (
    Found,
    Item,
    Note,
    Rejected,
    Request,
    captioned,
    linked,
    only_splits,
)
from captiongan.data.importers.source import Member, is_archive, members
from captiongan.errors import DataError


def read(request: Request) -> Iterator[Item]:
    """Stream the lines of a captioned folder, or of a folder that has one for each split.

    The folder may be an archive.

    Raises:
        DataError: there is no captioned folder.
    """
    splits = only_splits(request, "folder", "source", "none")
    source = request.source
    if is_archive(source.name) and source.is_file():
        yield from _packed(source, splits == "source")
        return
    inner = sorted(path.parent for path in source.glob(f"*/{METADATA}"))
    if (source / METADATA).exists() or not inner:
        inner = [source]
    for root in inner:
        split = root.name if root != source else ""
        if split and root.is_symlink():
            yield linked(f"{split}/")
            continue
        for item in read_captioned_folder(root, 1):
            yield found(root, item, split, split if splits == "source" else None)


def found(root: Path, item: LoadedExample | Reject, prefix: str, split: str | None) -> Item:
    """Turn an item of a captioned folder into an importer's item."""
    if isinstance(item, Reject):
        return _rejected(prefix, item)
    example = item.example
    file = root / example.file_name
    picture = Member(example.file_name, lambda: file.open("rb"))
    return Found(
        f"{prefix}/{example.file_name}".lstrip("/"),
        Note(example.captions, example.label, split),
        picture.read,
    )


def _rejected(prefix: str, item: Reject) -> Rejected:
    """Name a reject by its line, because a later line may name the same picture rightly."""
    name = f"{prefix}/{item.file}:{item.line}".lstrip("/")
    named = f"{name} {item.file_name}" if item.file_name else name
    return Rejected(named, item.kind, item.reason)


def _packed(source: Path, by_source: bool) -> Iterator[Item]:
    """Stream the pictures of an archive by the metadata that lie least deep in it."""
    metadata = {
        posixpath.dirname(member.name): member.notes()
        for member in members(source)
        if posixpath.basename(member.name) == METADATA
    }
    if not metadata:
        raise DataError(f"source '{source}' has no {METADATA}; name a captioned folder")
    depth = min(folder.count("/") for folder in metadata)
    roots = [folder for folder in metadata if folder.count("/") == depth]
    notes: dict[str, Note] = {}
    for root in roots:
        split = posixpath.basename(root) if by_source and len(roots) > 1 else None
        for number, line in numbered(io.BytesIO(metadata[root])):
            item = parsed(number, line)
            if isinstance(item, Reject):
                yield _rejected(root, item)
                continue
            name = posixpath.normpath(f"{root}/{item.example.file_name}")
            if leads_out(item.example.file_name):
                refused = item.refused("outside the folder", "file_name must be a relative path")
                yield _rejected(root, refused)
            elif name in notes:
                yield _rejected(root, item.refused("duplicate", "an earlier line names it"))
            else:
                notes[name] = Note(item.example.captions, item.example.label, split)
    yield from captioned(source, notes, lambda name: name if name in notes else None)
