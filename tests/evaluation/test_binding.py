"""Binding tells a painter who puts colours where the words say from one who does not."""

from dataclasses import replace

import numpy as np
import pytest

from captiongan.data.folder import Example
from captiongan.evaluation.benchmark import Benchmark, Samples
from captiongan.evaluation.binding import binding
from captiongan.evaluation.distances import Features
from captiongan.evaluation.minimal_pairs import MinimalPairs
from captiongan.evaluation.needs import FEWEST_PAIRS
from captiongan.evaluation.probes import LinearMap, RetrievalProbe
from captiongan.evaluation.score_type import NotMeaningfulError
from support.tiny_exam import WordEncoder, tiny_benchmark

COUNT = 30
SENTENCES = np.random.default_rng(0).standard_normal((2, COUNT, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    """A benchmark with pairs, in which features and sentences are the same numbers."""
    plain = tiny_benchmark(COUNT, rounds=1)
    assert plain.probes is not None
    same = LinearMap(np.eye(6, dtype=np.float32), np.zeros(6, dtype=np.float32))
    pairs = MinimalPairs(np.arange(COUNT), (("own",) * COUNT, ("other",) * COUNT), SENTENCES)
    probes = replace(plain.probes, retrieval=RetrievalProbe(same, same))
    return replace(plain, probes=probes, pairs=pairs)


def samples(benchmark: Benchmark, features: Features) -> Samples:
    return replace(benchmark.of_real, pair_features=features)


def test_who_binds_is_always_right_and_who_binds_the_other_way_never(benchmark: Benchmark) -> None:
    assert binding(benchmark, samples(benchmark, SENTENCES)).value == 1
    assert binding(benchmark, samples(benchmark, SENTENCES[::-1])).value == 0


def test_who_draws_both_captions_alike_is_right_in_one_of_two_cases(benchmark: Benchmark) -> None:
    alike = samples(benchmark, SENTENCES[[0, 0]])
    found = binding(benchmark, alike)
    assert (found.value, found.pictures) == (0.5, 2 * COUNT)
    assert found.parts is not None and set(found.parts) == {0.5}


def test_real_pictures_show_their_own_captions_only(benchmark: Benchmark) -> None:
    found = binding(benchmark, samples(benchmark, SENTENCES[:1]))
    assert (found.value, found.pictures) == (1, COUNT)


def test_a_split_with_few_pairs_has_no_binding(benchmark: Benchmark) -> None:
    few = slice(FEWEST_PAIRS - 1)
    pairs = MinimalPairs(np.arange(COUNT)[few], ((), ()), SENTENCES[:, few])
    for each in (pairs, None):
        with pytest.raises(NotMeaningfulError, match="two colours to exchange; it takes 20"):
            binding(replace(benchmark, pairs=each), samples(benchmark, SENTENCES))


def test_the_pair_of_a_picture_is_its_first_caption_with_two_colours_to_exchange() -> None:
    real = tiny_benchmark(3, rounds=1).real
    captions = (
        ("a red flower", "red petals with a yellow centre", "white petals with a pink centre"),
        ("a flower",),
        ("a blue bird with a white belly",),
    )
    examples = tuple(Example("x.png", each, None) for each in captions)
    pairs = MinimalPairs.of(replace(real, examples=examples), WordEncoder())
    assert pairs is not None and pairs.rows.tolist() == [0, 2]
    assert pairs.texts == (
        ("red petals with a yellow centre", "a blue bird with a white belly"),
        ("yellow petals with a red centre", "a white bird with a blue belly"),
    )
    assert pairs.sentences.shape == (2, 2, WordEncoder.dim)
    assert MinimalPairs.of(replace(real, examples=examples[1:2]), WordEncoder()) is None
