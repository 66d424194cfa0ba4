"""The page of a report: one HTML file that needs no script and loads nothing.

This module chooses what the page shows; `page.html.jinja` has the words, `page.css` the style.
"""

import base64
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from captiongan.data.pairs import Indices
from captiongan.data.store import Pictures
from captiongan.evaluation.benchmark import SAME_CAPTION, Benchmark, Samples
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.charts import curve, histogram
from captiongan.evaluation.coverage import nearest
from captiongan.evaluation.evaluate import Evaluation, ModelResult
from captiongan.evaluation.real import RealPictures

EXAMPLES = 12
FEWER = 8
"""Pictures to look at for memory, and at either end of alignment."""

NEIGHBOURS = 3
EXAMPLE_STREAM = 5
"""Keeps the choice of examples apart from other random numbers of the benchmark."""


@dataclass(frozen=True)
class PublicPrompts:
    """Prompts of one's own and their pictures, for a page that shows nothing of the data.

    `pictures` has an array (P, S, H, W, 3) uint8 for each candidate: S pictures of P prompts.
    """

    prompts: tuple[str, ...]
    pictures: tuple[Pictures, ...]


def draw_public(
    candidates: Sequence[Candidate], prompts: Sequence[str], seed: int
) -> PublicPrompts:
    """Let every candidate draw four pictures of each prompt, of the seeds `seed` to `seed` + 3.

    Where a candidate keeps the best of k, they are the best of the seeds `seed` to `seed` + 4k - 1.
    """
    captions = [prompt for prompt in prompts for _ in range(SAME_CAPTION)]
    drawn = [
        candidate.pictures_of(
            captions, [*range(seed, seed + SAME_CAPTION * candidate.best_of)] * len(prompts)
        )
        for candidate in candidates
    ]
    shape = (len(prompts), SAME_CAPTION)
    return PublicPrompts(
        tuple(prompts), tuple(each.reshape(*shape, *each.shape[1:]) for each in drawn)
    )


def page(facts: Mapping[str, Any], evaluation: Evaluation, public: PublicPrompts | None) -> str:
    """Return the page with the facts of `report_facts` and with examples.

    With `public`, nothing of the data is in it: no caption, no real picture, and no picture that
    was drawn of a caption.
    """
    environment = Environment(
        loader=PackageLoader("captiongan", "evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "decimals": decimals, "place": place}
    return environment.get_template("page.html.jinja").render(
        facts=facts,
        meaning={each.score.name: each.score.meaning for each in evaluation.results[0].scores},
        public=public is not None,
        examples=list(_own(public) if public else _examples(evaluation)),
        memory=list(_memory(evaluation, with_pictures=public is None)),
        no_memory=evaluation.benchmark.no_train,
        alignment=[] if public else list(_alignment(evaluation)),
        curves=[curve(result.candidate) for result in evaluation.results],
        grids=[] if public else list(_grids(evaluation.results)),
    )


def quote(score: Mapping[str, Any]) -> str:
    """Return a sentence that says all about one score of the facts, for others to repeat."""
    error, places = score["standard_error"], decimals(score)
    noise = "" if error is None else f" ± {figure(error, places)}"
    note = f"; {score['note']}" if score["note"] else ""
    extractor, sha256 = score["extractor"], score["model_sha256"] or "unknown"
    sides = "/".join(map(str, extractor["input_sides"]))
    truncation = "" if score["truncation"] == 1 else f", truncation {score['truncation']:g}"
    drawn_with = truncation + ("" if score["best_of"] == 1 else f", best of {score['best_of']}")
    return (
        f"{score['title']} {figure(score['value'], places)}{noise} "
        f"({score['n']:,} drawn, {score['real_pictures']:,} real, {score['resize']}, "
        f"{score['data']}/{score['split']}, "
        f"{extractor['name']} {sides} px, seed {score['seed']}{drawn_with}, "
        f"captiongan {score['captiongan']}, {score['model_kind']} {sha256[:8]}{note})"
    )


def decimals(score: Mapping[str, Any]) -> int:
    """Choose decimals for a score: two digits of its noise, or four of a value without noise."""
    error = score["standard_error"]
    size, digits = (error, 2) if error else (abs(score["value"]), 4)
    return min(max(digits - 1 - math.floor(math.log10(size)), 0), 8) if size else 4


def figure(value: float, places: int) -> str:
    """Write a number with so many decimals, and never a zero with a sign."""
    return f"{value:z,.{places}f}".replace("-", "\N{MINUS SIGN}")


def place(score: Mapping[str, Any]) -> float | None:
    """Say where a score lies on the way from its floor (0) to its ceiling (1).

    None where the floor is not the worse of the two: the score is fooled by what knows nothing.
    """
    if score["floor"] is None or score["ceiling"] is None:
        return None
    floor, ceiling = score["floor"]["value"], score["ceiling"]["value"]
    fooled = floor <= ceiling if score["best"] == "low" else floor >= ceiling
    return None if fooled else float((score["value"] - floor) / (ceiling - floor))


def _own(public: PublicPrompts) -> Iterator[dict[str, Any]]:
    for number, prompt in enumerate(public.prompts):
        drawn = [_data_uris(pictures[number]) for pictures in public.pictures]
        yield {"caption": prompt, "real": None, "drawn": drawn}


def _examples(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    benchmark, results = evaluation.benchmark, evaluation.results
    for row in np.sort(_choice(benchmark, _share(EXAMPLES, results))):
        yield {
            "caption": benchmark.real.captions[benchmark.captions[0, row]],
            "real": _data_uri(benchmark.real.pictures[row]),
            "drawn": [_data_uris(each.samples.pictures[:SAME_CAPTION, row]) for each in results],
        }


def _memory(evaluation: Evaluation, with_pictures: bool) -> Iterator[dict[str, Any]]:
    """For each model: how far its pictures, and real ones, are from the nearest train picture.

    The distances are multiples of `unit`, the mean distance of the real ones.
    """
    benchmark, results = evaluation.benchmark, evaluation.results
    if benchmark.train is None:
        return
    of_real = nearest(benchmark.real.features, benchmark.train.features)[1]
    unit = float(of_real.mean()) or 1.0
    for result in results:
        samples = result.samples
        drawn = samples.features.reshape(-1, samples.features.shape[-1])
        distances = nearest(drawn, benchmark.train.features)[1]
        rows = [int(distances.argmin()), *_choice(benchmark, _share(FEWER, results))]
        yield {
            "unit": unit,
            "closest": float(distances.min()) / unit,
            "chart": histogram(
                "Share of the pictures",
                "distance to the nearest train picture",
                {"drawn": distances / unit, "real": of_real / unit},
            ),
            "pictures": [
                _neighbours(benchmark.train, samples, row, unit) for row in rows if with_pictures
            ],
        }


def _neighbours(train: RealPictures, samples: Samples, row: int, unit: float) -> dict[str, Any]:
    place = np.unravel_index(row, samples.captions.shape)
    distances = np.linalg.norm(train.features - samples.features[place], axis=1) / unit
    found = distances.argsort()[:NEIGHBOURS]
    return {
        "drawn": _data_uri(samples.pictures[place]),
        "train": [(_data_uri(train.pictures[each]), float(distances[each])) for each in found],
    }


def _alignment(evaluation: Evaluation) -> Iterator[dict[str, list[dict[str, Any]]]]:
    benchmark, results = evaluation.benchmark, evaluation.results
    if benchmark.probes is None:
        return
    count = _share(FEWER, results)
    for result in results:
        numbers, pictures = result.samples.captions[0], result.samples.pictures[0]
        cosines = benchmark.probes.retrieval.cosine(
            result.samples.features[0], benchmark.real.sentences[numbers]
        )
        order = cosines.argsort()
        yield {
            end: [
                {
                    "picture": _data_uri(pictures[row]),
                    "caption": benchmark.real.captions[numbers[row]],
                    "cosine": float(cosines[row]),
                }
                for row in rows
            ]
            for end, rows in (("best", order[::-1][:count]), ("worst", order[:count]))
        }


def _grids(results: Sequence[ModelResult]) -> Iterator[dict[str, Any]]:
    for result in results:
        if found := result.candidate.sample_grids:
            yield {
                "name": result.candidate.name,
                "captions": found.captions,
                "grids": {step: _png_uri(grid) for step, grid in found.grids.items()},
            }


def _choice(benchmark: Benchmark, count: int) -> Indices:
    random = np.random.default_rng([benchmark.seed, EXAMPLE_STREAM])
    return random.permutation(len(benchmark.real))[:count]


def _share(most: int, results: Sequence[ModelResult]) -> int:
    """From three models on, show fewer pictures of each, so that the page stays light."""
    return max(min(most, 2 * most // len(results)), 1)


def _data_uris(pictures: Pictures) -> list[str]:
    return [_data_uri(picture) for picture in pictures]


def _data_uri(picture: Pictures) -> str:
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="PNG", optimize=True)
    return _png_uri(encoded.getvalue())


def _png_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
