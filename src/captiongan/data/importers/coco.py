"""MS COCO captions (Lin et al. 2014, Chen et al. 2015), or anything in their layout.

A folder with the captions, as JSON files or in annotations_trainval2014.zip, and the pictures, as
folders or archives (train2014.zip). What follows `captions_` names the split.

    {"images": [{"id": 9, "file_name": "COCO_train2014_000000000009.jpg"}, ...],
     "annotations": [{"image_id": 9, "caption": "A closeup of bins of food"}, ...]}
"""

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from captiongan.data.importers.items import (
    Item,
    Note,
    Request,
    captioned,
    only_splits,
    picture_name,
    split_in,
)
from captiongan.data.importers.source import Member, members
from captiongan.errors import DataError

MOST_OBJECTS = 2**22
"""The most objects and lists of a file: each takes many times its bytes. The official files have
710,000."""

_CAPTIONS = re.compile(r"(?:^|/)captions_[^/]*\.json$")


def read(request: Request) -> Iterator[Item]:
    """Stream the pictures that have captions; they have no classes.

    Raises:
        DataError: the captions are missing or broken.
    """
    splits = only_splits(request, "coco", "source", "none")
    notes: dict[str, Note] = {}
    for member in members(request.source):
        if _CAPTIONS.search(member.name):
            notes |= _notes(member, split_in(member.name) if splits == "source" else None)
    if not notes:
        raise DataError(
            "source has no captions_SPLIT.json: put annotations_trainval2014.zip into the folder"
        )
    return captioned(request.source, notes, picture_name)


def _notes(member: Member, split: str | None) -> dict[str, Note]:
    texts: defaultdict[Any, list[str]] = defaultdict(list)
    try:
        text = member.text()
        if text.count("{") + text.count("[") > MOST_OBJECTS:
            raise ValueError(f"more than {MOST_OBJECTS:,} objects and lists")
        content = json.loads(text)
        for annotation in content["annotations"]:
            texts[annotation["image_id"]].append(str(annotation["caption"]))
        return {
            posixpath.basename(image["file_name"]): Note(tuple(texts[image["id"]]), split=split)
            for image in content["images"]
            if image["id"] in texts
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"'{member.name}' is not in COCO's layout ({type(error).__name__}: {error}): it holds "
            "`images` with id and file_name, and `annotations` with image_id and caption"
        ) from error
