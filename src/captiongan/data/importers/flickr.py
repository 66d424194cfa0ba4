"""Flickr8k and Flickr30k (Hodosh et al. 2013, Young et al. 2014).

A folder with the captions in any of the layouts in circulation, and the pictures, as folders or
archives (Flickr8k_Dataset.zip):

    Flickr8k.token.txt, results_20130124.token     1000268201.jpg#0<tab>A child in a pink dress ...
    captions.txt                                   image,caption
    results.csv                                    image_name| comment_number| comment

Flickr_8k.trainImages.txt, .devImages.txt and .testImages.txt are the splits, if present.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import replace

from captiongan.base.csv_rows import BadRow, csv_rows
from captiongan.base.lines import lines_of, numbered
from captiongan.data.importers.csv_table import REST_OF_ROW
from captiongan.data.importers.items import (
    Item,
    Note,
    Rejected,
    Request,
    captioned,
    only_splits,
    picture_name,
)
from captiongan.data.importers.source import Member, members
from captiongan.errors import DataError

_TOKENS = re.compile(r"(?:^|/)(?:[^/]*\.token(?:\.txt)?|captions\.txt|results\.csv)$")
_SPLIT = re.compile(r"(?:^|/)Flickr_?\w*\.(train|dev|test)Images\.txt$")
_NUMBERED = re.compile(r"(.+)#\d+$")


def read(request: Request) -> Iterator[Item]:
    """Stream the pictures with five captions each; they have no classes.

    Raises:
        DataError: the source has no captions.
    """
    splits = only_splits(request, "flickr", "source", "none")
    notes: dict[str, Note] = {}
    split_of: dict[str, str] = {}
    for member in members(request.source):
        if _TOKENS.search(member.name):
            yield from _take(member, notes)
        elif splits == "source" and (found := _SPLIT.search(member.name)):
            split_of |= {name.strip(): found[1] for name in lines_of(member.text())}
    if not notes:
        raise DataError(
            "source has no captions: put Flickr8k.token.txt, captions.txt, results.csv or "
            "results_20130124.token into the folder"
        )
    split_notes = {name: replace(note, split=split_of.get(name)) for name, note in notes.items()}
    yield from captioned(request.source, split_notes, picture_name)


def _take(member: Member, notes: dict[str, Note]) -> Iterator[Rejected]:
    """Note the captions of a file; another file of the same picture replaces them."""
    own: dict[str, Note] = {}
    for row in _rows(member.text()):
        if isinstance(row, BadRow):
            yield Rejected(f"{member.name}:{row.line}", "bad row", row.reason)
            continue
        name, caption, *remarks = row
        before = own.get(name, Note(()))
        told = tuple(dict.fromkeys([*before.remarks, *remarks]))
        own[name] = Note((*before.captions, caption), remarks=told)
    notes |= own


def _rows(text: str) -> Iterator[list[str] | BadRow]:
    """Split any of the layouts into a picture's name, a caption, and remarks."""
    lines = lines_of(text)
    heading = lines[0].replace(" ", "")
    if heading == "image,caption":
        for row in csv_rows(numbered(io.StringIO(text, newline=""))):
            if isinstance(row, BadRow):
                yield row
            elif row.line > 1 and len(row.cells) > 1:
                name, *cells = row.cells
                yield [name, ",".join(cells), *([REST_OF_ROW] if len(cells) > 1 else [])]
    elif heading == "image_name|comment_number|comment":
        parted = ([part.strip() for part in line.split("|", 2)] for line in lines[1:])
        yield from ([parts[0], parts[-1]] for parts in parted if len(parts) > 1)
    else:
        for line in lines:
            name, _, caption = line.partition("\t")
            if found := _NUMBERED.match(name):
                yield [found[1], caption]
