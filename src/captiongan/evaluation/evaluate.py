"""The verb `evaluate`: open a benchmark, run every candidate on it, compare their scores."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from captiongan.bundle.manifest import RANKER_FILE
from captiongan.bundle.text_encoder import EncoderIdentity, TextEncoder
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.store import PictureStore, open_store
from captiongan.draw.prompts import check_truncation, seeds_of
from captiongan.errors import ConfigError, DataError
from captiongan.evaluation.benchmark import (
    SAME_CAPTION,
    Benchmark,
    Samples,
    captions_to_draw,
    samples_at_all_sides,
)
from captiongan.evaluation.candidate import Candidate, open_candidate
from captiongan.evaluation.comparison import Difference, differences
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import (
    Extractor,
    choose_extractor,
    choose_extractors,
    remembered_features,
)
from captiongan.evaluation.minimal_pairs import MinimalPairs
from captiongan.evaluation.probe_training import open_probes
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.scorer import Scorer, ScoreResult
from captiongan.runs.load_trained import Which
from captiongan.text.cached_embeddings import CachedTextEncoder
from captiongan.text.minilm import MiniLM

TRAIN = "train"
"""The split that candidates and probes learn from."""

MOST_PICTURES = 50_000
"""More would take the memory of a small machine, and KID hours."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class ModelResult:
    """A candidate, its samples as the benchmark at the largest side describes them, its scores."""

    candidate: Candidate
    samples: Samples
    scores: list[ScoreResult]


@dataclass(frozen=True)
class Evaluation:
    """A benchmark, the results of the candidates, and how they compare.

    `benchmarks` are that benchmark at each side of the extractor, in ascending order.
    """

    data: str
    split: str
    rejects: int
    also_in_train: int
    sentences: EncoderIdentity
    benchmarks: list[Benchmark]
    results: list[ModelResult]
    differences: list[Difference]

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark at the largest side, where the extractor sees most of a picture."""
        return self.benchmarks[-1]


def evaluate(
    models: Sequence[str],
    data: Path,
    split: str,
    extractor_name: str,
    per_picture: int,
    seed: int,
    which: Which,
    say: Say,
    truncation: float = 1.0,
    sides: Sequence[int] | None = None,
    best_of: int = 1,
) -> Evaluation:
    """Score bundles and runs on one split of a data set.

    Args:
        models: run folders, bundles' folders, or names of shipped bundles.
        data: a folder with a captioned folder for each split, `train` among them.
        split: the captioned folder in it whose captions are drawn.
        extractor_name: the network whose features are scored, see `choose_extractors`.
        per_picture: how many pictures to draw for each real one.
        seed: of the first picture, of the rival captions, and of the stand-ins.
        which: checkpoint of a run.
        say: called with each line of progress.
        truncation: multiplies the noise of all models, see `Pipeline.generate`.
        sides: in pixels, to which the extractor resizes pictures; each score is the mean over
            them. Without any, those of `choose_extractors`.
        best_of: how many pictures to draw for each that is scored; the one that the model's own
            ranker likes best is kept.

    Raises:
        BundleError, RunError: a model cannot be opened, or draws what is not finite.
        ConfigError: models of different resolutions, too many pictures, an extractor that is
            unknown, took part, or has none of these sides, or a model without a ranker with
            `best_of` above 1.
        DataError: the split cannot be used.
        OutputError: the cache cannot be written.
        PromptError: `truncation` is not above 0 and at most 1, or `best_of` not 1 to 64.
    """
    keep_freed_memory()
    truncation = check_truncation(truncation)
    seeds_of(0, 1, best_of)
    opened = [open_candidate(model, which) for model in models]
    for each in opened:
        _check_ranker(each, best_of)
    candidates = _told_apart(
        [replace(each, truncation=truncation, best_of=best_of) for each in opened]
    )
    resolution = _common_resolution(candidates)
    took_part = {name for candidate in candidates for name in candidate.took_part}
    extractors = choose_extractors(extractor_name, sides, took_part)
    encoder = CachedTextEncoder(
        MiniLM(), lambda done, total: say(f"encoded {done:,} of {total:,} new captions")
    )
    store = _open_split(data, split, resolution)
    _check_total(len(store.examples), per_picture)
    first, *others = extractors
    benchmark = _open_benchmark(store, data, split, first, encoder, per_picture, seed, say)
    benchmarks = [benchmark, *(_seen_by(each, benchmark, encoder.identity, say) for each in others)]
    benchmarks = _of_one_size(benchmarks, choose_extractor(extractor_name, took_part))
    scorer, results = Scorer(*benchmarks), []
    for candidate in candidates:
        say(f"{candidate.name}: drawing and scoring {benchmark.captions.size:,} pictures")
        samples = samples_at_all_sides(benchmarks, candidate)
        results.append(ModelResult(candidate, samples[-1], scorer.score(*samples)))
    return Evaluation(
        data=data.resolve().name,
        split=split,
        rejects=len(store.rejects),
        also_in_train=_also_in_train(benchmark),
        sentences=encoder.identity,
        benchmarks=benchmarks,
        results=results,
        differences=differences([result.scores for result in results], seed),
    )


def _check_ranker(candidate: Candidate, best_of: int) -> None:
    if best_of > 1 and candidate.score is None:
        raise ConfigError(
            f"--best-of {best_of}: '{candidate.name}' has no {RANKER_FILE}; teach a copy of the "
            "bundle to rank (captiongan rank train BUNDLE DATA --out NEW) and evaluate that"
        )


def _told_apart(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Number the candidates of one name."""
    names = [candidate.name for candidate in candidates]
    return [
        replace(each, name=f"{each.name} #{names[: place + 1].count(each.name)}")
        if names.count(each.name) > 1
        else each
        for place, each in enumerate(candidates)
    ]


def _common_resolution(candidates: Sequence[Candidate]) -> int:
    resolutions = {candidate.resolution for candidate in candidates}
    if len(resolutions) > 1:
        each = ", ".join(f"{one.name} {one.resolution}" for one in candidates)
        raise ConfigError(
            f"the models draw pictures of different sides ({each}), whose scores do not compare; "
            "evaluate them one by one"
        )
    return resolutions.pop()


def _open_split(data: Path, split: str, resolution: int) -> PictureStore:
    if not (data / split).is_dir():
        raise DataError(
            f"--data '{data}' has no folder '{split}'; give a folder with one captioned folder for "
            f"each split, such as {TRAIN} and test, and name one of them with --split"
        )
    store = open_store(str(data / split), resolution, minimum_side=1)
    if len(store.examples) < 2:
        raise DataError(
            f"--split '{data / split}' has {len(store.examples)} usable picture; it takes 2 to "
            "compare anything, and 100 for all scores"
        )
    return store


def _open_benchmark(
    store: PictureStore,
    data: Path,
    split: str,
    extractor: Extractor,
    encoder: TextEncoder,
    per_picture: int,
    seed: int,
    say: Say,
) -> Benchmark:
    say(f"{len(store.examples):,} real pictures of '{split}', extractor {extractor.identity}")
    real = RealPictures.describe(store.examples, store.pictures, extractor, encoder)
    train, no_train = None, _why_no_train(data, split)
    if not no_train:
        say(f"learning from '{TRAIN}'; the first time takes minutes")
        learned = open_store(str(data / TRAIN), store.pictures.shape[1], minimum_side=1)
        train = RealPictures.describe(learned.examples, learned.pictures, extractor, encoder)
    return Benchmark(
        real=real,
        train=train,
        no_train=no_train,
        probes=open_probes(train, extractor.identity, encoder.identity) if train else None,
        extractor=extractor,
        captions=captions_to_draw(real, per_picture, SAME_CAPTION),
        seed=seed,
        pairs=MinimalPairs.of(real, encoder),
    )


def _seen_by(
    extractor: Extractor, benchmark: Benchmark, sentences: EncoderIdentity, say: Say
) -> Benchmark:
    """Return the same benchmark as another extractor sees it, with probes of its own."""
    say(f"extractor {extractor.identity}")
    train = benchmark.train.seen_by(extractor) if benchmark.train else None
    return replace(
        benchmark,
        real=benchmark.real.seen_by(extractor),
        train=train,
        probes=open_probes(train, extractor.identity, sentences) if train else None,
        extractor=extractor,
    )


def _of_one_size(benchmarks: Sequence[Benchmark], own: Extractor) -> list[Benchmark]:
    """Scale the features of each side, so that they have the size of those at the own side.

    The size is the root mean square over the real pictures. Features shrink as the side grows, by
    four times from 96 to 224 pixels, and KID and FID with them. Unscaled, the smallest side would
    outweigh all others.
    """
    wanted = _size(remembered_features(own, benchmarks[0].real.pictures))
    return [
        replace(benchmark, scale=wanted / _size(benchmark.real.features))
        for benchmark in benchmarks
    ]


def _size(features: Features) -> float:
    return float(np.sqrt(np.square(features, dtype=np.float64).mean()))


def _also_in_train(benchmark: Benchmark) -> int:
    """Count the real pictures that the train split has as well, pixel for pixel."""
    learned = benchmark.train.pictures if benchmark.train else ()
    known = {hashlib.sha256(picture.tobytes()).digest() for picture in learned}
    return sum(hashlib.sha256(each.tobytes()).digest() in known for each in benchmark.real.pictures)


def _check_total(pictures: int, per_picture: int) -> None:
    if pictures * per_picture > MOST_PICTURES:
        raise ConfigError(
            f"--per-picture {per_picture}: {pictures * per_picture:,} pictures for {pictures:,} "
            f"real ones, at most {MOST_PICTURES:,} can be scored; take "
            f"{max(1, MOST_PICTURES // pictures)} or a smaller split"
        )


def _why_no_train(data: Path, split: str) -> str:
    if not (data / TRAIN).is_dir():
        return f"the data set has no folder '{TRAIN}' to learn from"
    if (data / split).samefile(data / TRAIN):
        return f"'{TRAIN}' is what the probes would learn from"
    return ""
