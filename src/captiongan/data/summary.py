"""Counts what a captioned folder holds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from captiongan.data.folder import Example, Kind, LoadedExample, Reject


@dataclass(frozen=True)
class Summary:
    """The usable pictures of a captioned folder, and the numbers of captions, classes and rejects.

    `fewest`, `mean` and `most` count captions per usable picture (0 without pictures). `classes`
    maps each class to its number of pictures, `rejects` each kind of fault to its number of lines.
    """

    examples: tuple[Example, ...]
    captions: int
    fewest: int
    mean: float
    most: int
    classes: Mapping[str, int]
    rejects: Mapping[Kind, int]

    @property
    def pictures(self) -> int:
        """How many pictures are usable."""
        return len(self.examples)


def summarise(items: Iterable[LoadedExample | Reject]) -> Summary:
    """Count the items of a captioned folder, without keeping pictures."""
    examples: list[Example] = []
    rejects: Counter[Kind] = Counter()
    for item in items:
        if isinstance(item, Reject):
            rejects[item.kind] += 1
        else:
            examples.append(item.example)
    captions = [len(example.captions) for example in examples]
    classes = Counter(example.label for example in examples if example.label is not None)
    return Summary(
        examples=tuple(examples),
        captions=sum(captions),
        fewest=min(captions, default=0),
        mean=sum(captions) / max(len(captions), 1),
        most=max(captions, default=0),
        classes=classes,
        rejects=rejects,
    )
