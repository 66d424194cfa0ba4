"""What docs/text-encoder.md and its report tell of the encoders: tables, and every figure."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.text_mean import Mean
from benchmarks.text_order import Order
from benchmarks.text_retrieval import PROBES, Retrieval
from benchmarks.text_speed import Speed
from benchmarks.text_words import WordScore, WordTest
from captiongan.bundle.text_encoder import EncoderIdentity

PAGE = "text-encoder.md"
REPORT = Path("reports") / "text-encoder.json"

Numbers = Mapping[str, int | str]


@dataclass(frozen=True)
class Report:
    """All that was measured, by encoder, and of what.

    `reference` is the encoder that others are compared with, `shipped` the one whose failures the
    page lists. `retrieval` and `order` are first by data set.
    """

    reference: str
    shipped: str
    encoders: Mapping[str, EncoderIdentity]
    measured_on: Mapping[str, Numbers]
    retrieval: Mapping[str, Mapping[str, Retrieval]]
    agreement: Mapping[str, float]
    order: Mapping[str, Mapping[str, Order]]
    words: Mapping[str, WordScore]
    word_test: WordTest
    speed: Mapping[str, Speed]
    published_bytes: int


def as_json(report: Report) -> str:
    """Write the report for programs."""
    content = asdict(report)
    test = report.word_test
    content["word_test"] = {
        "plain": test.plain,
        "right": {word: sorted(right) for word, right in test.right.items()},
        "composed": sorted(test.composed),
        "chance": test.chance,
    }
    return json.dumps(content, indent=2) + "\n"


def measured(report: Report) -> str:
    """Write the measured part of the page in Markdown."""
    sections = (_retrieval, _agreement, _order, _words, _speed)
    return "\n".join(section(report) for section in sections)


def _retrieval(report: Report) -> str:
    header = ["encoder"]
    for data in report.retrieval:
        header += [f"{data}: R@1", f"over {report.reference}", "R@5", f"over {report.reference}"]
    rows = []
    for name in report.encoders:
        row = [name]
        for found in report.retrieval.values():
            each = found[name]
            row += [_mean(each.r_at_1), _gain(name, each.r_at_1_gain, report)]
            row += [_mean(each.r_at_5), _gain(name, each.r_at_5_gain, report)]
        rows.append(row)
    about = _prose(
        "How often a test picture finds its caption first, and among the first five, of 100: mean "
        f"over all captions of a picture, each among other rivals, and over {PROBES} linear "
        "probes, with the standard error over pictures. Differences are paired, picture by picture."
    )
    return f"### Retrieval\n\n{about}\n{_table(header, rows)}"


def _agreement(report: Report) -> str:
    rows = [[name, f"{value:.3f}"] for name, value in report.agreement.items()]
    about = _prose(
        "Spearman's correlation of the cosines between any two of "
        f"{report.measured_on['agreement']['sentences']:,} definitions and usage examples of "
        "WordNet that were held out of the training."
    )
    table = _table(["encoder", "correlation"], rows)
    return f"### Agreement with {report.reference}\n\n{about}\n{table}"


def _order(report: Report) -> str:
    header = ["encoder"]
    for data, orders in report.order.items():
        header += [f"{data} ({orders[report.reference].pairs:,} pairs)", "cosine"]
    rows = []
    for name in report.encoders:
        row = [name]
        for orders in report.order.values():
            order = orders[name]
            elsewhere = f" ({order.elsewhere.value:.3f})" if order.elsewhere else ""
            row += [f"{_mean(order.right)}{elsewhere}", f"{order.cosine:.3f}"]
        rows.append(row)
    about = _prose(
        "Captions with two colours exchanged between two parts: how often the matching one is "
        "nearer to the picture, by the linear probes; in brackets, with another picture instead. "
        "*Attributes*: how often a linear read-out of a caption prefers the right colours of "
        "petals and centre to the exchanged ones. Guessing is 0.5. *Cosine* is the mean between "
        "the two captions."
    )
    return f"### Word order\n\n{about}\n{_table(header, rows)}"


def _words(report: Report) -> str:
    test = report.word_test
    strange = len(test.right) - len(test.composed)
    header = ["encoder", f"all {len(test.right)}", f"the {strange} that are not composed either"]
    rows = [
        [name, _mean(score.right), _mean(score.not_composed)]
        for name, score in report.words.items()
    ]
    about = _prose(
        f"{len(test.right)} looks-words that no training caption has: how often the nearest of "
        f'{len(test.plain)} plain words, in "a crimson thing" and "a red thing", means the same. '
        f"Guessing is {test.chance:.3f}. The list was written by hand before anything was "
        f"measured; {len(test.composed)} of its words are among those of which training sentences "
        "are composed."
    )
    failures = report.words[report.shipped].failures.items()
    listed = ", ".join(f"{word} → {nearest}" for word, nearest in failures)
    failed = _prose(f"Failures of {report.shipped}: {listed or 'none'}.")
    return f"### Unseen words\n\n{about}\n{_table(header, rows)}\n{failed}"


def _speed(report: Report) -> str:
    header = ["encoder", "ms a sentence", "times faster", "MB", "times smaller"]
    rows = []
    for name, speed in report.speed.items():
        size = report.published_bytes if name == report.reference else speed.bytes_stored
        rows.append(
            [
                name,
                f"{speed.milliseconds:.2f}",
                f"{speed.times_faster:.1f}",
                f"{size / 1e6:.1f}",
                f"{report.published_bytes / size:.1f}",
            ]
        )
    halved = report.speed[report.reference].bytes_stored / 1e6
    about = _prose(
        f"{report.measured_on['speed']['sentences']:,} captions of 8 to 20 words, one by one, "
        "tokenizer included, all through ONNX Runtime on one core; medians. Of "
        f"{report.reference} the size is that of the published files, in single precision; stored "
        f"in half precision it takes {halved:.1f} MB."
    )
    return f"### Time and size\n\n{about}\n{_table(header, rows)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = (f"| {' | '.join(line)} |\n" for line in (header, *rows))
    return f"{first}|{'---|' * len(header)}\n{''.join(others)}"


def _prose(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False) + "\n"


def _mean(mean: Mean) -> str:
    return f"{mean.value:.3f} ± {mean.standard_error:.3f}"


def _gain(name: str, gain: Mean, report: Report) -> str:
    return "" if name == report.reference else f"{gain.value:+.3f} ± {gain.standard_error:.3f}"
