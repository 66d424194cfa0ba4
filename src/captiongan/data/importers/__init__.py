"""Turns foreign data sets into captioned folders; a module for each kind.

An importer is a generator that yields each picture with what its source says of it. The spine
(`importing`) writes the folder and the journal to resume from, and keeps the account.
"""

from collections.abc import Callable, Iterator

from captiongan.data.importers import (
    birds,
    coco,
    csv_table,
    flickr,
    flowers,
    folder,
    hdf5,
    hugging_face,
    webdataset,
)
from captiongan.data.importers.items import Item, Request
from captiongan.errors import DataError

Importer = Callable[[Request], Iterator[Item]]

IMPORTERS: dict[str, Importer] = {
    "birds": birds.read,
    "coco": coco.read,
    "csv": csv_table.read,
    "flickr": flickr.read,
    "flowers": flowers.read,
    "folder": folder.read,
    "hdf5": hdf5.read,
    "hf": hugging_face.read,
    "webdataset": webdataset.read,
}
"""The importers by kind."""


def choose_importer(kind: str) -> Importer:
    """Return the importer of a kind; raises DataError if there is none."""
    if kind not in IMPORTERS:
        raise DataError(f"kind '{kind}' is not known; choose one of {', '.join(IMPORTERS)}")
    return IMPORTERS[kind]
