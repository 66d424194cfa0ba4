"""Counts in one pass what a captioned folder holds, and judges whether a run can train on it."""

import random
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from captiongan.data import TRAINED_SIDE
from captiongan.data.folder import (
    Example,
    LoadedExample,
    Reject,
    read_captioned_folder,
)
from captiongan.data.importers.journal import JOURNAL, read_journal
from captiongan.data.near_duplicates import Little, little_picture, near_duplicates
from captiongan.data.readiness import Judgement, judge
from captiongan.data.summary import Summary, summarise

SHOWN = 24
"""The number of pictures on the contact sheet."""

WIDE = 2.0
"""Ratio of the sides from which the middle square loses half of a picture or more."""

LISTED = 50
"""The most rejects, words and groups that are listed one by one."""

_LONG_CAPTION = 50  # words; the text encoders read 64 tokens or more
_ARTICLES = {"a", "an", "the"}
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


@dataclass(frozen=True)
class Survey:
    """The counts; `facts` sums them up."""

    folder: Path
    summary: Summary
    sizes: list[tuple[int, int]]
    duplicates: list[list[int]]
    rejects: list[str]
    sheet: list[tuple[Example, Image.Image]]
    imported: Mapping[str, int]
    words: Counter[str]
    lengths: list[int]

    @property
    def captions_of(self) -> list[tuple[str, ...]]:
        """The captions of each picture."""
        return [example.captions for example in self.summary.examples]


def survey(folder: Path, minimum_side: int = TRAINED_SIDE, seed: int = 0) -> Survey:
    """Read a captioned folder once, and count.

    Memory holds one picture at a time, the captions and a few hundred numbers of each, and `SHOWN`
    small pictures.

    Args:
        folder: the captioned folder.
        minimum_side: fewest pixels of a picture's short side.
        seed: decides which pictures are shown.

    Raises:
        DataError: as in `read_captioned_folder`.
    """
    counter = _Counter(random.Random(seed))
    summary = summarise(counter.passing(read_captioned_folder(folder, minimum_side)))
    words: Counter[str] = Counter()
    lengths = []
    for caption in (caption for each in summary.examples for caption in each.captions):
        of_caption = words_of(caption)
        words.update(of_caption)
        lengths.append(len(of_caption))
    return Survey(
        folder=folder,
        summary=summary,
        sizes=counter.sizes,
        duplicates=near_duplicates(counter.little),
        rejects=counter.rejects,
        sheet=[counter.sheet[place] for place in sorted(counter.sheet)],
        imported=_rejected_at_import(folder),
        words=words,
        lengths=lengths,
    )


def words_of(caption: str) -> list[str]:
    """Return the words of a caption in lower case, without punctuation."""
    return _WORD.findall(caption.lower())


def facts(survey: Survey) -> dict[str, Any]:
    """Return a survey as JSON values, those of `captiongan data stats`."""
    summary = survey.summary
    ratios = [max(size) / min(size) for size in survey.sizes]
    ranked = survey.words.most_common()
    repeated = _repeated(survey.captions_of)
    judgement = judge(summary.examples, str(survey.folder))
    content: dict[str, Any] = {
        "folder": survey.folder.name,
        "pictures": summary.pictures,
        "captions": summary.captions,
        "rejected": dict(sorted(summary.rejects.items())),
        "rejected_at_import": dict(sorted(survey.imported.items())),
        "short_side": _spread([min(size) for size in survey.sizes]),
        "long_side": _spread([max(size) for size in survey.sizes]),
        "aspect_ratio": _spread([round(ratio, 3) for ratio in ratios]),
        "wide_or_tall": sum(ratio >= WIDE for ratio in ratios),
        "captions_per_picture": _spread([len(each) for each in survey.captions_of]),
        "words_per_caption": _spread(survey.lengths),
        "long_captions": sum(length > _LONG_CAPTION for length in survey.lengths),
        "vocabulary": len(ranked),
        "words_met_once": sum(count == 1 for _, count in ranked),
        "most_frequent_words": ranked[:LISTED],
        "least_frequent_words": ranked[-LISTED:][::-1],
        "classes": dict(sorted(summary.classes.items(), key=lambda each: (-each[1], each[0]))),
        "near_duplicates": {
            "pictures": sum(len(group) for group in survey.duplicates),
            "groups": len(survey.duplicates),
            "largest": [
                [summary.examples[number].file_name for number in group[:8]]
                for group in sorted(survey.duplicates, key=len, reverse=True)[:LISTED]
            ],
        },
        "captions_of_several_pictures": {
            "captions": sum(repeated.values()),
            "different": len(repeated),
            "most_frequent": repeated.most_common(LISTED),
        },
    }
    return content | {
        "verdict": verdict(content, judgement),
        "advice": list(judgement.advice),
    }


def verdict(content: Mapping[str, Any], judgement: Judgement) -> list[str]:
    """Return a sentence for each thing to fix before training; none if the set is ready."""
    pictures = max(content["pictures"], 1)

    def share(count: int) -> str:
        return f"{100 * count / pictures:.0f} %"

    small = content["rejected"].get("too small", 0)
    faulty = sum(content["rejected"].values()) - small
    wide, near = content["wide_or_tall"], content["near_duplicates"]["pictures"]
    repeated, captions = content["captions_of_several_pictures"], max(content["captions"], 1)
    spare = near - content["near_duplicates"]["groups"]
    remarks = {
        f"It cannot be trained on: {judgement.obstacle}.": judgement.obstacle is not None,
        **dict.fromkeys(judgement.to_fix, True),
        f"{faulty} lines are rejected: fix or remove them (reasons below).": faulty
        > 0.01 * pictures,
        f"{small} pictures are too small and are not trained on: get larger ones, or enlarge them "
        "with `captiongan data import folder SET NEW --enlarge SIDE`.": small > 0.01 * pictures,
        f"{share(wide)} of the pictures are at least {WIDE:g} times as long as wide, so their "
        "middle square loses half or more: import them with --crop pad, or with boxes.": wide
        > 0.1 * pictures,
        f"{share(spare)} of the pictures are near-duplicates of another: take them out, or keep "
        "them on one side with `captiongan data split`.": spare > 0.05 * pictures,
        f"{100 * repeated['captions'] / captions:.0f} % of the captions are those of another "
        "picture too: write what tells the pictures apart.": repeated["captions"] > 0.5 * captions,
        f"{content['long_captions']} captions have more than {_LONG_CAPTION} words: what comes "
        "late in them may not be read; shorten them.": content["long_captions"] > 0.01 * captions,
    }
    return [remark for remark, holds in remarks.items() if holds]


class _Counter:
    """Collects facts on the items of a folder as they pass through."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.sizes: list[tuple[int, int]] = []
        self.little: list[Little] = []
        self.rejects: list[str] = []
        self.sheet: dict[int, tuple[Example, Image.Image]] = {}

    def passing(self, items: Iterator[LoadedExample | Reject]) -> Iterator[LoadedExample | Reject]:
        for item in items:
            if isinstance(item, Reject):
                if len(self.rejects) < LISTED:
                    self.rejects.append(str(item))
            else:
                self._look(item)
            yield item

    def _look(self, item: LoadedExample) -> None:
        number = len(self.sizes)
        self.sizes.append(item.picture.size)
        self.little.append(little_picture(item.picture))
        # Reservoir sampling: each picture so far is on the sheet with the same probability.
        if number >= SHOWN and self._rng.random() >= SHOWN / (number + 1):
            return
        if len(self.sheet) == SHOWN:
            del self.sheet[self._rng.choice(list(self.sheet))]
        small = item.picture.copy()
        small.thumbnail((192, 192))
        self.sheet[number] = item.example, small


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Return the range, median and mean of numbers; an empty dict for none."""
    if not values:
        return {}
    return {
        "least": min(values),
        "median": statistics.median(values),
        "mean": round(statistics.fmean(values), 3),
        "most": max(values),
    }


def _repeated(captions_of: Sequence[tuple[str, ...]]) -> Counter[str]:
    """Count the captions of more than one picture, without case, punctuation and articles."""
    pictures: Counter[str] = Counter()
    for captions in captions_of:
        pictures.update({_bare(caption) for caption in captions})
    return Counter({words: count for words, count in pictures.items() if count > 1})


def _bare(caption: str) -> str:
    return " ".join(word for word in words_of(caption) if word not in _ARTICLES)


def _rejected_at_import(folder: Path) -> Counter[str]:
    """Count what the import that wrote a folder, or the folder above it, rejected."""
    kinds: Counter[str] = Counter()
    for journal in (folder / JOURNAL, folder.resolve().parent / JOURNAL):
        if journal.is_file():
            kinds.update(line["kind"] for line in read_journal(journal) if "kind" in line)
            break
    return kinds
