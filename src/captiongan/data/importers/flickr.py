"""Flickr8k and Flickr30k (Hodosh et al. 2013, Young et al. 2014).

A folder with the captions in any of the layouts in circulation, and the pictures, as folders or
archives (Flickr8k_Dataset.zip):

    Flickr8k.token.txt, results_20130124.token     1000268201.jpg#0<tab>A child in a pink dress ...
    captions.txt                                   image,caption
    results.csv                                    image_name| comment_number| comment

Flickr_8k.trainImages.txt, .devImages.txt and .testImages.txt are the splits, if present.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator

from captiongan.data.importers.items import (
    Item,
    Note,
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
    captions: dict[str, list[str]] = {}
    split_of: dict[str, str] = {}
    for member in members(request.source):
        if _TOKENS.search(member.name):
            captions |= _captions(member)
        elif splits == "source" and (found := _SPLIT.search(member.name)):
            split_of |= {name.strip(): found[1] for name in member.text().splitlines()}
    if not captions:
        raise DataError(
            "source has no captions: put Flickr8k.token.txt, captions.txt, results.csv or "
            "results_20130124.token into the folder"
        )
    notes = {name: Note(tuple(texts), split=split_of.get(name)) for name, texts in captions.items()}
    return captioned(request.source, notes, picture_name)


def _captions(member: Member) -> dict[str, list[str]]:
    lines = member.text().splitlines()
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for row in _rows(lines):
        if len(row) > 1:
            texts[row[0]].append(row[-1])
    return texts


def _rows(lines: list[str]) -> Iterator[list[str]]:
    """Split lines of any of the layouts into a picture's name and a caption."""
    heading = lines[0].replace(" ", "") if lines else ""
    if heading == "image,caption":
        yield from csv.reader(lines[1:])
    elif heading == "image_name|comment_number|comment":
        yield from ([part.strip() for part in line.split("|", 2)] for line in lines[1:])
    else:
        for line in lines:
            name, _, caption = line.partition("\t")
            if found := _NUMBERED.match(name):
                yield [found[1], caption]
