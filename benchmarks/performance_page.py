"""What docs/performance.md shows of training and drawing: tables in Markdown."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.step_profile import Part

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

BATCH = 64
MATRIX = 1024
"""Side of the matrices whose product shows what the processor can do."""


@dataclass(frozen=True)
class Figures:
    """What was measured.

    `step` and `drawing` are seconds by name, `parts` those of a step of the exercise and of ours,
    `flops_of_picture` those of the generator as it was trained and as the bundle has it.
    """

    step: Mapping[str, float]
    parts: Mapping[str, Sequence[Part]]
    drawing: Mapping[str, float]
    flops_of_picture: Mapping[str, int]
    flops_a_second: float
    process_seconds: float
    process_megabytes: int


@dataclass(frozen=True)
class Aim:
    """A figure that is to be at least, or `at_most`, what was wanted."""

    title: str
    wanted: float
    reached: float
    at_most: bool = False

    def __str__(self) -> str:
        """A row of a table."""
        met = self.reached <= self.wanted if self.at_most else self.reached >= self.wanted
        bound = "at most" if self.at_most else "at least"
        return (
            f"| {self.title} | {bound} {self.wanted:g} | {self.reached:.3g} "
            f"| {'yes' if met else 'no'} |"
        )


def in_words(figures: Figures, bundle: str) -> str:
    """Put the figures into Markdown."""
    cores = len(os.sched_getaffinity(0))
    ceiling = figures.flops_a_second / 1e9
    trained, drawn = (figures.flops_of_picture[name] / 1e9 for name in ("trained", "drawn"))
    parts = [
        f"{cores} cores, {platform.machine()}, {torch.get_num_threads()} threads; a product of "
        f"matrices of {MATRIX} x {MATRIX} in single precision runs at {ceiling:.0f} GFLOP/s: the "
        "ceiling.",
        f"Training, `gan-cls-l1-fm` at batch {BATCH}:",
        table("| | images a second | times the exercise |", _training_rows(figures.step)),
        _account(figures),
        table("| a step of ours | time | GFLOP | of the ceiling |", _part_rows(figures)),
        f"Drawing, bundle `{bundle}`:",
        table("| | |", _drawing_rows(figures)),
        f"A picture counts {trained:.2f} GFLOP in the layers as they are trained, and {drawn:.2f} "
        "in the form in which a bundle has them ([below](#the-form-of-a-bundle)). The generator "
        "alone:",
        table(
            "| | a picture | GFLOP/s | of the ceiling | counted as trained |",
            [
                _generator_row(figures, "one picture at a time", "one drawn", 1),
                _generator_row(figures, f"{BATCH} at a time", "many drawn", BATCH),
            ],
        ),
        "What was aimed at:",
        table("| | wanted | reached | |", [str(aim) for aim in _aims(figures)]),
    ]
    return "\n\n".join(parts) + "\n"


def _aims(figures: Figures) -> list[Aim]:
    step, drawing = figures.step, figures.drawing
    ours = step["ours"]
    share = 100 / figures.flops_a_second
    drawn = figures.flops_of_picture["drawn"] * BATCH / drawing["many drawn"]
    return [
        Aim("training, times the exercise", 2.5, step["exercise"] / ours),
        Aim("the same, with its decoding", 5, step["exercise, with decoding"] / ours),
        Aim("training, % of the ceiling", 60, share * _flops(figures.parts["ours"]) / ours),
        Aim("one picture of a new sentence, ms", 6, 1000 * drawing["one"], at_most=True),
        Aim("the same, times the exercise's demo", 15, drawing["demo"] / drawing["one"]),
        Aim(f"pictures a second, {BATCH} at a time", 600, BATCH / drawing["many"]),
        Aim("or the generator, % of the ceiling", 60, share * drawn),
        Aim("`captiongan generate`, seconds", 0.6, figures.process_seconds, at_most=True),
        Aim("`captiongan generate`, MB", 250, figures.process_megabytes, at_most=True),
    ]


def _training_rows(step: Mapping[str, float]) -> list[str]:
    decoding, exercise, ours = (
        step[name] for name in ("exercise, with decoding", "exercise", "ours")
    )
    return [
        f"| the exercise, decoding each picture when it is asked for | {BATCH / decoding:.1f} | |",
        f"| the exercise, without decoding | {BATCH / exercise:.1f} | 1 |",
        f"| ours | {BATCH / ours:.1f} | {exercise / ours:.2f} |",
        f"| ours against the exercise with decoding | | {decoding / ours:.2f} |",
    ]


def _account(figures: Figures) -> str:
    """Say how much of the gain is fewer products, and how much quicker ones."""
    ours, exercise = (_flops(figures.parts[name]) for name in ("ours", "exercise"))
    fewer = exercise / ours
    quicker = figures.step["exercise"] / figures.step["ours"] / fewer
    shares = [
        flops / figures.step[name] / figures.flops_a_second
        for name, flops in (("ours", ours), ("exercise", exercise))
    ]
    most = figures.step["exercise"] / (ours / figures.flops_a_second)
    return (
        f"A step of ours counts {ours / 1e9:.0f} GFLOP in convolutions and products, one of the "
        f"exercise {exercise / 1e9:.0f}: {fewer:.2f} times as many. Ours runs at "
        f"{100 * shares[0]:.0f} % of the ceiling, the exercise at {100 * shares[1]:.0f} %, so its "
        f"products are {quicker:.2f} times as quick. At the ceiling itself ours would be "
        f"{most:.1f} times the exercise. Where its time goes, by PyTorch's profiler:"
    )


def _part_rows(figures: Figures) -> list[str]:
    return [
        f"| {part.kind} | {100 * part.share:.0f} % | {_counted(part, figures)} |"
        for part in figures.parts["ours"]
    ]


def _counted(part: Part, figures: Figures) -> str:
    if part.flops < 1e8:
        return "|"
    seconds = part.share * figures.step["ours"]
    share = part.flops / seconds / figures.flops_a_second
    return f"{part.flops / 1e9:.0f} | {100 * share:.0f} %"


def _flops(parts: Sequence[Part]) -> float:
    return sum(part.flops for part in parts)


def _drawing_rows(figures: Figures) -> list[str]:
    one, text, demo, many = (figures.drawing[name] for name in ("one", "text", "demo", "many"))
    return [
        f"| one picture of a new sentence, text included | {1000 * one:.1f} ms |",
        f"| of these the text | {1000 * text:.1f} ms |",
        "| the exercise's demo: its text model, with random weights, and its generator | "
        f"{1000 * demo:.0f} ms, {demo / one:.1f} times ours |",
        f"| {BATCH} pictures | {1000 * many:.0f} ms, {BATCH / many:.0f} a second |",
        f"| `captiongan generate` as a whole process | {figures.process_seconds:.2f} s, "
        f"{figures.process_megabytes} MB |",
    ]


def _generator_row(figures: Figures, title: str, name: str, pictures: int) -> str:
    seconds = figures.drawing[name] / pictures
    drawn, trained = (figures.flops_of_picture[form] / seconds for form in ("drawn", "trained"))
    return (
        f"| {title} | {1000 * seconds:.1f} ms | {drawn / 1e9:.0f} "
        f"| {100 * drawn / figures.flops_a_second:.0f} % "
        f"| {100 * trained / figures.flops_a_second:.0f} % |"
    )


def table(head: str, rows: Sequence[str]) -> str:
    """Return a table in Markdown: its head, a rule, and its rows."""
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows])
