"""The HDF5 files of aelnouby's Text-to-Image-Synthesis (flowers and birds), and their like.

train/image_00001_0/   img (the bytes of a JPEG), txt (a caption), name, class, embeddings
train/image_00001_1/   the same picture with another caption
valid/..., test/...
"""

import itertools
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from captiongan.base.files import os_errors_as
from captiongan.base.image_reading import without_path
from captiongan.base.lines import MAXIMUM_LINE
from captiongan.data.importers.items import Found, Item, Note, Rejected, Request, needs, only_splits
from captiongan.data.importers.source import MAXIMUM_FILE, MemberError, as_text, unbroken
from captiongan.errors import DataError

GZIP, SHUFFLE, CHECKSUM = 1, 2, 3
FILTERS = {GZIP, SHUFFLE, CHECKSUM}
"""What chunks may have gone through, by HDF5's numbers; none of it but gzip changes their size."""


def read(request: Request) -> Iterator[Item]:
    """Stream the pictures, each with all its captions that follow each other.

    Links into other files are not followed.

    Raises:
        DataError: the source is no HDF5 file.
    """
    with needs("hdf5"):
        import h5py
    splits = only_splits(request, "hdf5", "source", "none")
    with os_errors_as(DataError, f"source '{request.source}' is no HDF5 file", "name one"):
        file = h5py.File(request.source, "r")
    with file, unbroken(request.source):
        for split in file:
            try:
                group = _own(file, split)
            except MemberError as error:
                yield Rejected(split, error.kind, error.reason)
                continue
            if isinstance(group, h5py.Group):
                yield from _pictures(group, split, split if splits == "source" else None)


def _pictures(group: Any, prefix: str, split: str | None) -> Iterator[Item]:
    for name, keys in itertools.groupby(group, lambda key: key.rpartition("_")[0]):
        whole, listed = f"{prefix}/{name}", list(keys)
        try:
            examples = [_own(group, key) for key in listed]
            captions = _captions(examples)
            label = _class(examples)
        except MemberError as error:
            yield Rejected(whole, error.kind, error.reason)
        else:
            yield Found(whole, Note(captions, label, split), partial(_content, examples[0]))


def _own(group: Any, name: str) -> Any:
    """Return a member of a group; raises MemberError unless it lies in this very file."""
    import h5py

    try:
        if not isinstance(group, h5py.Group) or name not in group:
            raise MemberError("missing file", f"no `{name}`")
        member = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        outside = isinstance(member, h5py.Dataset) and (member.external or member.is_virtual)
    except (OSError, KeyError, RuntimeError) as error:
        raise MemberError("unreadable file", without_path(error)) from error
    if member is None or outside:
        raise MemberError("outside the folder", f"`{name}` leads out of the file")
    return member


def _captions(examples: Sequence[Any]) -> tuple[str, ...]:
    captions: list[str] = []
    room = MAXIMUM_LINE
    for example in examples:
        captions.append(_text(example, "txt"))
        room -= len(captions[-1])
        if room < 0:
            raise MemberError("line too long", f"captions of more than {MAXIMUM_LINE} characters")
    return tuple(captions)


def _class(examples: Sequence[Any]) -> str | None:
    """Return the class of a picture; raises MemberError if its captions disagree."""
    labels = {_text(example, "class") for example in examples if "class" in example}
    if len(labels) > 1:
        raise MemberError("contradiction", f"of several classes: {', '.join(sorted(labels))}")
    return next(iter(labels), None)


def _content(example: Any) -> bytes:
    return bytes(_value(example, "img", MAXIMUM_FILE))


def _text(example: Any, name: str) -> str:
    value = _value(example, name, MAXIMUM_LINE)
    return as_text(value) if isinstance(value, bytes) else str(value)


def _value(example: Any, name: str, most: int) -> Any:
    data = _own(example, name)
    try:
        if data.shape is None:
            raise MemberError("missing file", f"`{name}` is empty")
        if _unpacked(data) > most:
            raise MemberError(
                "too large", f"`{name}` is, or is packed in pieces, above {most} bytes"
            )
        if data.chunks:
            _check_chunks(data)
        value = data[()]
        return value.tobytes() if hasattr(value, "tobytes") else value
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError, zlib.error) as error:
        raise MemberError("unreadable file", without_path(error)) from error


def _unpacked(data: Any) -> int:
    """Return how many bytes are unpacked for a value: whole chunks, however little lies in them."""
    chunk = int(math.prod(data.chunks or ()) * data.dtype.itemsize)
    if data.dtype.hasobject and data.size > 1:  # each may be as large as the file
        return sys.maxsize
    return max(int(data.nbytes), chunk)


def _check_chunks(data: Any) -> None:
    """Refuse chunks that unpack to more than they should: HDF5 would unpack all of it."""
    facts, size = data.id.get_create_plist(), math.prod(data.chunks) * data.dtype.itemsize
    filters = [facts.get_filter(number)[0] for number in range(facts.get_nfilters())]
    if not set(filters) <= FILTERS or filters.count(GZIP) > 1:
        raise MemberError("unreadable file", "packed otherwise than by gzip")
    for number in range(data.id.get_num_chunks() if GZIP in filters else 0):
        chunk = data.id.get_chunk_info(number)
        if chunk.size > MAXIMUM_FILE:
            raise MemberError("too large", f"a chunk of more than {MAXIMUM_FILE} bytes")
        passed_over, packed = data.id.read_direct_chunk(chunk.chunk_offset)
        if passed_over >> filters.index(GZIP) & 1:
            continue
        if len(zlib.decompressobj().decompress(packed, size + 1)) > size:
            raise MemberError("too large", "a chunk unpacks to more than it should")
