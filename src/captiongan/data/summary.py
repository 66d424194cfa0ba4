"""Counts what a captioned folder holds, and tells whether a run can train on it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from captiongan.data.folder import Kind, LoadedExample, Reject


@dataclass(frozen=True)
class Summary:
    """The numbers of pictures, captions, classes and rejects of a captioned folder.

    `fewest`, `mean` and `most` count captions per usable picture (0 without pictures). `classes`
    maps each class to its number of pictures, `rejects` each kind of fault to its number of lines.
    """

    pictures: int
    captions: int
    fewest: int
    mean: float
    most: int
    classes: Mapping[str, int]
    rejects: Mapping[Kind, int]

    @property
    def obstacle(self) -> str | None:
        """Why no run can train on this; None if one can."""
        return obstacle(self.pictures, self.classes)


def summarise(items: Iterable[LoadedExample | Reject]) -> Summary:
    """Count the items of a captioned folder, without keeping pictures."""
    captions: list[int] = []
    classes: Counter[str] = Counter()
    rejects: Counter[Kind] = Counter()
    for item in items:
        if isinstance(item, Reject):
            rejects[item.kind] += 1
            continue
        captions.append(len(item.example.captions))
        if item.example.label is not None:
            classes[item.example.label] += 1
    return Summary(
        pictures=len(captions),
        captions=sum(captions),
        fewest=min(captions, default=0),
        mean=sum(captions) / max(len(captions), 1),
        most=max(captions, default=0),
        classes=classes,
        rejects=rejects,
    )


def obstacle(pictures: int, classes: Mapping[str, int]) -> str | None:
    """Return why no run can train on so many pictures of these classes; None if one can."""
    if pictures < 2:
        return f"{pictures} usable pictures are too few, no caption can mismatch; add more"
    if pictures in classes.values():
        return (
            f"all {pictures} pictures are of class '{next(iter(classes))}', so no caption can "
            "mismatch; leave `class` out or add pictures of another class"
        )
    return None
