"""Oxford-102 flowers (Nilsback and Zisserman 2008), captioned by Reed et al. 2016.

A folder with these, as archives or unpacked:

    102flowers.tgz            jpg/image_00001.jpg ... image_08189.jpg
    cvpr2016_flowers.tar.gz   captions and splits by class, see `reed`
    imagelabels.mat           `labels`: the class of each picture; without it, its caption folder's
    setid.mat                 `trnid`, `valid`, `tstid`: the photographers' split (--splits source)
"""

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from captiongan.base.image_reading import without_path
from captiongan.data.importers.items import Item, Note, Request, captioned, needs, only_splits
from captiongan.data.importers.reed_captions import ReedReader
from captiongan.data.importers.source import Member, members
from captiongan.errors import DataError

_PICTURE = re.compile(r"(?:^|/)jpg/(image_\d{5})\.jpg$")
_MATLAB = re.compile(r"(?:^|/)(imagelabels|setid)\.mat$")
_MAXIMUM_MATLAB = 2**18  # the real ones have 502 bytes and 15 kB
_SPLITS = {"trnid": "train", "valid": "val", "tstid": "test"}


def read(request: Request) -> Iterator[Item]:
    """Stream the flowers with ten captions each and the official number as class.

    Raises:
        DataError: captions or files that the splits need are missing or broken.
    """
    splits = only_splits(request, "flowers", "classes", "source", "none")
    reader, tables = ReedReader(), {}
    for member in members(request.source):
        if not reader.take(member) and (found := _MATLAB.search(member.name)):
            tables[found[1]] = _matlab(member)
    reed = reader.result(splits, "cvpr2016_flowers.tar.gz")
    labels = _labels(tables.get("imagelabels", {}))
    official = _official_splits(tables.get("setid", {})) if splits == "source" else {}
    notes = {}
    for (folder, picture), captions in reed.captions.items():
        label = labels.get(picture, folder.removeprefix("class_").lstrip("0"))
        split = reed.split_of(folder) if splits == "classes" else official.get(picture)
        notes[picture] = Note(captions, label, split)
    return captioned(request.source, notes, _key)


def _key(name: str) -> str | None:
    found = _PICTURE.search(name)
    return found[1] if found else None


def _labels(table: Mapping[str, Any]) -> dict[str, str]:
    labels = table.get("labels", ())
    return {_picture(number): str(label) for number, label in enumerate(labels, start=1)}


def _official_splits(table: Mapping[str, Any]) -> dict[str, str]:
    splits = {
        _picture(number): split for key, split in _SPLITS.items() for number in table.get(key, ())
    }
    if not splits:
        raise DataError("source has no setid.mat to split by: add it, or give --splits none")
    return splits


def _picture(number: int) -> str:
    return f"image_{number:05d}"


def _matlab(member: Member) -> dict[str, list[int]]:
    """Read the lists of whole numbers of a MATLAB file, by name."""
    with needs("train"):
        from scipy.io import loadmat
    content = member.notes()
    try:
        if len(content) > _MAXIMUM_MATLAB:
            raise ValueError(f"more than {_MAXIMUM_MATLAB} bytes")
        tables = loadmat(io.BytesIO(content), variable_names=["labels", *_SPLITS])
        return {
            name: [int(number) for number in numbers.ravel()]
            for name, numbers in tables.items()
            if not name.startswith("__")
        }
    except Exception as error:  # foreign bytes can make a decoder raise almost anything
        raise DataError(
            f"'{member.name}' is no MATLAB file of whole numbers ({without_path(error)}): fetch it "
            "again"
        ) from error
