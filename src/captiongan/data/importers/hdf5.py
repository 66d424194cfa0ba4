"""The HDF5 files of aelnouby's Text-to-Image-Synthesis (flowers and birds), and their like.

train/image_00001_0/   img (the bytes of a JPEG), txt (a caption), name, class, embeddings
train/image_00001_1/   the same picture with another caption
valid/..., test/...
"""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

from captiongan.base.files import os_errors_as
from captiongan.base.image_reading import without_path
from captiongan.data.importers.items import Found, Item, Note, Rejected, Request, needs, only_splits
from captiongan.data.importers.source import MAXIMUM_FILE, MemberError, unbroken
from captiongan.errors import DataError


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
            captions = tuple(_text(example, "txt") for example in examples)
            label = _text(examples[0], "class") if "class" in examples[0] else None
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


def _content(example: Any) -> bytes:
    return bytes(_value(example, "img"))


def _text(example: Any, name: str) -> str:
    value = _value(example, name)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _value(example: Any, name: str) -> Any:
    data = _own(example, name)
    try:
        if data.nbytes > MAXIMUM_FILE:
            raise MemberError("too large", f"`{name}` has {data.nbytes} bytes")
        value = data[()]
        return value.tobytes() if hasattr(value, "tobytes") else value
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise MemberError("unreadable file", without_path(error)) from error
