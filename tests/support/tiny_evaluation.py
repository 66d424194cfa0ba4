"""An evaluation in miniature: painters run the benchmark of `tiny_exam`."""

from collections.abc import Sequence
from dataclasses import replace

from captiongan.evaluation.benchmark import Benchmark, samples_at_all_sides
from captiongan.evaluation.candidate import Candidate
from captiongan.evaluation.comparison import differences
from captiongan.evaluation.evaluate import Evaluation, ModelResult
from captiongan.evaluation.scorer import Scorer
from support.tiny_exam import SIDE, WordEncoder, at_side, painter, tiny_benchmark

SHA256 = "1a2b3c4d" * 8


def tiny_model(
    name: str = "painter", strength: float = 1.0, curve: Sequence[dict[str, float]] = ()
) -> Candidate:
    """Return a painter with the facts that a bundle has."""
    facts = {"kind": "bundle", "name": name, "version": "1", "sha256": SHA256, "kimg": 12.5}
    return replace(painter(name, strength), facts=facts, curve=curve)


def tiny_evaluation(
    *models: Candidate, benchmark: Benchmark | None = None, sides: Sequence[int] = (SIDE,)
) -> Evaluation:
    """Score models, one painter if none is given."""
    benchmark = benchmark or tiny_benchmark()
    benchmarks = [
        benchmark if side == benchmark.side else at_side(benchmark, side) for side in sides
    ]
    scorer, results = Scorer(*benchmarks), []
    for model in models or [tiny_model()]:
        samples = samples_at_all_sides(benchmarks, model)
        results.append(ModelResult(model, samples[-1], scorer.score(*samples)))
    return Evaluation(
        data="garden",
        split="test",
        rejects=3,
        also_in_train=0,
        sentences=WordEncoder().identity,
        benchmarks=benchmarks,
        results=results,
        differences=differences([result.scores for result in results]),
    )


def without_train() -> Benchmark:
    """Return a benchmark with nothing to learn from."""
    return replace(tiny_benchmark(), train=None, probes=None, no_train="nothing to learn from")
