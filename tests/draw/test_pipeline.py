from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captiongan.draw.interpolation import arc
from captiongan.draw.noise import noise_of
from captiongan.draw.picture import Picture
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import UnknownWordsWarning, check_prompt, check_truncation, seeds_of
from captiongan.draw.sessions import MAX_BATCH
from captiongan.errors import PromptError

PROMPT = "a yellow flower with pointed petals"


def same(one: Picture, other: Picture) -> bool:
    return one.metadata == other.metadata and one.image.tobytes() == other.image.tobytes()


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 2 * MAX_BATCH + 3), seed=st.integers(0, 2**32 - 2 * MAX_BATCH - 3))
def test_a_seed_draws_the_same_picture_alone_and_in_any_batch(
    pipeline: Pipeline, n: int, seed: int
) -> None:
    together = pipeline.generate(PROMPT, n, seed)
    assert [picture.seed for picture in together] == list(range(seed, seed + n))
    for place in {0, n // 2, n - 1}:
        assert same(together[place], pipeline.generate(PROMPT, seed=seed + place)[0])


def test_the_noise_of_a_seed_never_changes() -> None:
    expected = [1.6905257, -0.4659374, 0.0328202]
    assert noise_of(7, 3).dtype == np.float32
    assert np.allclose(noise_of(7, 3), expected, rtol=0, atol=1e-6)


def test_noise_is_the_same_after_any_other_and_in_any_thread() -> None:
    seeds = [7, 8, 7, 2**32 - 1, 0, 7]
    expected = [np.random.RandomState(s).standard_normal(3).astype(np.float32) for s in seeds]
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda seed: noise_of(seed, 3), seeds * 50))
    assert np.array_equal([noise_of(seed, 3) for seed in seeds], expected)
    assert np.array_equal(drawn, expected * 50)


def test_other_seeds_and_other_sentences_draw_other_pictures(pipeline: Pipeline) -> None:
    first, second = pipeline.generate(PROMPT, n=2)
    (other,) = pipeline.generate("a red flower")
    assert len({picture.image.tobytes() for picture in (first, second, other)}) == 3


def test_a_picture_is_rgb_of_the_promised_size(pipeline: Pipeline) -> None:
    (picture,) = pipeline.generate(PROMPT)
    assert (picture.image.mode, picture.image.size) == ("RGB", (8, 8))
    assert (picture.bundle, picture.bundle_version) == ("tiny", "0.1.0")


def test_white_space_around_a_prompt_does_not_count(pipeline: Pipeline) -> None:
    assert same(pipeline.generate(f" \n{PROMPT}\t")[0], pipeline.generate(PROMPT)[0])


def test_the_first_and_the_last_seed_can_be_drawn(pipeline: Pipeline) -> None:
    assert pipeline.generate(PROMPT, seed=0)[0].seed == 0
    assert pipeline.generate(PROMPT, n=2, seed=2**32 - 2)[1].seed == 2**32 - 1


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(PromptError, match="is empty; describe"):
        check_prompt(prompt)


def test_a_prompt_has_at_most_1000_characters() -> None:
    assert len(check_prompt("a" * 1_000)) == 1_000
    with pytest.raises(PromptError, match="has 100,000 characters") as caught:
        check_prompt("a" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\t", r"\t"),
        ("\n", r"\n"),
        ("\0", r"\x00"),
        ("\x1b", r"\x1b"),
        ("\x85", r"\x85"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
    ],
)
def test_a_control_character_is_named_with_its_position(character: str, shown: str) -> None:
    with pytest.raises(PromptError) as caught:
        check_prompt(f"a red{character}flower")
    assert f"control character '{shown}' at position 6" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("prompt", [None, 7, b"a flower", ["a flower"]])
def test_a_prompt_that_is_no_text_is_refused(pipeline: Pipeline, prompt: str) -> None:
    with pytest.raises(PromptError, match="is not a text"):
        pipeline.generate(prompt)


@pytest.mark.parametrize("prompt", ["\N{SUNFLOWER}\N{ROSE}", "!?...", "-- ,"])
def test_a_prompt_without_words_is_refused(pipeline: Pipeline, prompt: str) -> None:
    with pytest.raises(PromptError, match="has no words"):
        pipeline.generate(prompt)


@pytest.mark.parametrize("prompt", ["eine gelbe Blume", "黄色い花", "ein red Blatt"])
def test_a_prompt_in_another_language_is_refused(pipeline: Pipeline, prompt: str) -> None:
    with pytest.raises(PromptError, match=r"unknown .* English captions"):
        pipeline.generate(prompt)


def test_some_unknown_words_are_a_warning_that_names_them(pipeline: Pipeline) -> None:
    with pytest.warns(UnknownWordsWarning, match="these words: mauve$") as caught:
        assert len(pipeline.generate("a mauve flower")) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("n", [0, -1, 1_001, 10_000, 10**400, True, 1.0, "3", None])
def test_n_is_a_whole_number_from_1_to_1000(n: int) -> None:
    with pytest.raises(PromptError, match=r"n .* is not a whole number from 1 to 1,000"):
        seeds_of(0, n)


@pytest.mark.parametrize("seed", [-1, 2**32 - 1, 2**64, False, 0.5, "7", None])
def test_a_seed_is_a_whole_number_that_leaves_room_for_n(seed: int) -> None:
    with pytest.raises(PromptError, match=r"seed .* from 0 to 4294967294"):
        seeds_of(seed, n=2)


def test_a_truncation_of_1_draws_what_was_drawn_before_there_was_one(pipeline: Pipeline) -> None:
    plain = pipeline.generate(PROMPT, n=3, seed=7)
    for before, after in zip(plain, pipeline.generate(PROMPT, 3, 7, truncation=1), strict=True):
        assert same(before, after)
    noise = np.stack([noise_of(seed, pipeline.manifest.noise_dim) for seed in (7, 8, 9)])
    expected = pipeline.draw(noise, pipeline.encode([PROMPT] * 3))
    assert [each.image.tobytes() for each in plain] == [each.tobytes() for each in expected]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), truncation=st.floats(0, 1, exclude_min=True))
def test_truncation_multiplies_the_noise_of_every_seed(
    pipeline: Pipeline, seed: int, truncation: float
) -> None:
    (picture,) = pipeline.generate(PROMPT, seed=seed, truncation=truncation)
    noise = np.float32(truncation) * noise_of(seed, pipeline.manifest.noise_dim)
    (expected,) = pipeline.draw(noise[None], pipeline.encode([PROMPT]))
    assert picture.image.tobytes() == expected.tobytes()
    assert picture.truncation == truncation


def test_truncated_noise_draws_pictures_that_are_more_alike(pipeline: Pipeline) -> None:
    def spread(truncation: float) -> float:
        pictures = pipeline.generate(PROMPT, n=50, truncation=truncation)
        return float(np.std([np.asarray(each.image) for each in pictures], axis=0).mean())

    spreads = [spread(truncation) for truncation in (0.05, 0.4, 0.7, 1.0)]
    assert spreads == sorted(spreads)
    assert spreads[0] < 0.1 * spreads[-1]


@pytest.mark.parametrize("truncation", [1, 1.0, 0.5, np.float32(0.5), Fraction(1, 2), 1e-300])
def test_a_truncation_is_any_number_above_0_and_at_most_1(truncation: float) -> None:
    checked = check_truncation(truncation)
    assert type(checked) is float
    assert checked == truncation


@pytest.mark.parametrize(
    "truncation",
    [0, 0.0, -0.5, 1.0001, 2, 10**400, float("nan"), float("inf"), True, "0.7", None, 1j, [0.7]],
)
def test_another_truncation_is_refused_with_the_rule(pipeline: Pipeline, truncation: float) -> None:
    rule = r"^truncation .* is not a number above 0 and at most 1; 1 gives the full variety"
    with pytest.raises(PromptError, match=rule):
        pipeline.generate(PROMPT, truncation=truncation)
    with pytest.raises(PromptError, match=rule):
        pipeline.interpolate([PROMPT, "a red flower"], truncation=truncation)


@settings(max_examples=25, deadline=None)
@given(around=st.integers(0, 2**32 - 1), seed=st.integers(0, 2**32 - 2))
def test_variations_go_from_the_picture_itself_to_those_of_their_own_seeds(
    pipeline: Pipeline, around: int, seed: int
) -> None:
    def pixels(**given: Any) -> list[bytes]:
        return [picture.image.tobytes() for picture in pipeline.generate(PROMPT, **given)]

    assert pixels(n=2, seed=seed, around=around, strength=0) == 2 * pixels(seed=around)
    assert pixels(n=2, seed=seed, around=around, strength=1) == pixels(n=2, seed=seed)


def test_a_variation_lies_on_the_arc_between_two_noises(pipeline: Pipeline) -> None:
    dim = pipeline.manifest.noise_dim
    way = arc(noise_of(3, dim), noise_of(8, dim), 5)
    expected = pipeline.draw(np.float32(0.7) * way, pipeline.encode([PROMPT] * 5))
    for share, image in zip((0, 0.25, 0.5, 0.75, 1), expected, strict=True):
        (picture,) = pipeline.generate(PROMPT, 1, 8, truncation=0.7, around=3, strength=share)
        assert picture.image.tobytes() == image.tobytes()
        assert (picture.around, picture.strength) == (3, share)


def test_a_variation_is_drawn_again_from_its_metadata(pipeline: Pipeline) -> None:
    drawn = pipeline.generate(PROMPT, 3, 7, 0.9, around=42, strength=1 / 3)[2]
    told = drawn.metadata
    (again,) = pipeline.generate(
        told["prompt"],
        seed=int(told["seed"]),
        truncation=float(told["truncation"]),
        around=int(told["around"]),
        strength=float(told["strength"]),
    )
    assert same(drawn, again)
    assert {"around", "strength"}.isdisjoint(pipeline.generate(PROMPT)[0].metadata)


@pytest.mark.parametrize("around", [-1, 2**32, 0.5, True, "7"])
def test_pictures_vary_around_a_seed_and_nothing_else(pipeline: Pipeline, around: int) -> None:
    with pytest.raises(PromptError, match=r"^around .* is not a whole number from 0 to 4294967295"):
        pipeline.generate(PROMPT, around=around)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), True, "1", None])
def test_the_strength_of_variations_is_from_0_to_1(pipeline: Pipeline, strength: float) -> None:
    with pytest.raises(PromptError, match=r"^strength .* is not a number from 0 to 1"):
        pipeline.generate(PROMPT, around=3, strength=strength)


def test_a_reading_tells_what_the_encoder_sees_and_does_not_know(pipeline: Pipeline) -> None:
    reading = pipeline.read("  a Mauve flower! ")
    assert reading.text == "a Mauve flower!"
    assert reading.tokens == ["a", "[UNK]", "flower", "[UNK]"]
    assert (reading.words, list(reading.unknown_words), reading.cut) == (3, ["mauve"], False)
    assert np.array_equal(reading.embedding, pipeline.encode(["a Mauve flower!"])[0])


def test_a_prompt_too_long_to_be_read_to_its_end_is_a_warning(pipeline: Pipeline) -> None:
    long = "a red flower " * 30
    assert pipeline.read(long).cut and len(pipeline.read(long).tokens) == 64
    with pytest.warns(UserWarning, match="more than the 64 tokens .* is not read") as caught:
        pipeline.generate(long)
    assert caught[0].filename == __file__


def test_a_plan_may_be_drawn_in_parts(pipeline: Pipeline) -> None:
    plan = pipeline.plan([PROMPT, "a red flower"], n=3, seed=7)
    parts = [pipeline.draw(plan.noise[i : i + 1], plan.embedding[i : i + 1]) for i in range(6)]
    expected = [*pipeline.generate(PROMPT, 3, 7), *pipeline.generate("a red flower", 3, 7)]
    assert all(map(same, plan.result(np.concatenate(parts)), expected))


def test_an_error_names_the_argument_that_broke_the_rule(pipeline: Pipeline) -> None:
    for name, value in {"n": 0, "seed": -1, "truncation": 2.0, "around": -1}.items():
        with pytest.raises(PromptError) as caught:
            pipeline.generate(PROMPT, **{name: value})  # type: ignore[arg-type]
        assert caught.value.argument == name
        assert str(caught.value).startswith(f"{name} ")


@pytest.mark.parametrize(
    ("noise_shape", "embedding_shape"), [((0, 5), (0, 6)), ((2, 4), (2, 6)), ((2, 5), (1, 6))]
)
def test_draw_says_which_array_does_not_fit(
    pipeline: Pipeline, noise_shape: tuple[int, int], embedding_shape: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="must be float32"):
        pipeline.draw(np.zeros(noise_shape, np.float32), np.zeros(embedding_shape, np.float32))


def test_the_noise_of_several_seeds_is_that_of_each_times_the_truncation(
    pipeline: Pipeline,
) -> None:
    seeds, dim = (7, 2**32 - 1), pipeline.manifest.noise_dim
    for row, seed in zip(pipeline.noise(seeds, 0.5), seeds, strict=True):
        assert row.tobytes() == (np.float32(0.5) * noise_of(seed, dim)).tobytes()
    assert pipeline.noise(seeds).dtype == np.float32
