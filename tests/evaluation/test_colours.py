from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from captiongan.data.store import Pictures
from captiongan.data.toy import BACKGROUNDS, CENTRE_COLOURS, PETAL_COLOURS, SYNONYMS, toy_examples
from captiongan.evaluation import colours
from captiongan.evaluation.colours import (
    COLOURS,
    ENOUGH,
    WINDOW,
    colour_agreement,
    colour_shares,
    colours_named,
)
from captiongan.evaluation.distances import Floats

QUICK = settings(max_examples=60, deadline=None, derandomize=True)

SEEDS = st.integers(0, 2**32 - 1)

TOY = list(toy_examples(200, 32))
TOY_PICTURES = np.stack([np.asarray(item.picture) for item in TOY])
TOY_CAPTIONS = [item.example.captions[0] for item in TOY]

CLEAR = {
    "black": [(0, 0, 0), (24, 22, 26), (10, 16, 40)],
    "white": [(255, 255, 255), (240, 240, 240), (250, 244, 230), (250, 225, 210)],
    "grey": [(128, 128, 128), (100, 104, 108)],
    "red": [(255, 0, 0), (220, 20, 60), (139, 0, 0)],
    "orange": [(255, 165, 0), (249, 115, 6), (255, 140, 0)],
    "yellow": [(255, 255, 0), (255, 215, 0), (250, 235, 130)],
    "green": [(0, 255, 0), (0, 128, 0), (152, 251, 152), (20, 70, 25)],
    "blue": [(0, 0, 255), (0, 0, 128), (30, 144, 255), (135, 206, 235), (0, 255, 255)],
    "purple": [(128, 0, 128), (148, 0, 211), (180, 130, 210)],
    "pink": [(255, 192, 203), (255, 105, 180), (255, 20, 147), (255, 150, 140)],
    "brown": [(139, 69, 19), (101, 55, 0), (160, 130, 115), (145, 135, 108)],
}


def flat(rgb: Sequence[int], height: int = 5, width: int = 7) -> Pictures:
    return np.full((1, height, width, 3), rgb, dtype=np.uint8)


def noise(seed: int, count: int = 4, height: int = 6, width: int = 5) -> Pictures:
    shape = (count, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def halves(left: str, right: str) -> Pictures:
    picture = np.concatenate([flat(CLEAR[name][0], 4, 4) for name in (left, right)], axis=2)
    return np.asarray(picture)


def share(shares: Floats, colour: str) -> Floats:
    return np.asarray(shares[:, COLOURS.index(colour)])


def mean_agreement(pictures: Pictures, captions: Sequence[str] = TOY_CAPTIONS) -> float:
    return float(colour_agreement(pictures, captions).mean())


@pytest.mark.parametrize(
    ("colour", "rgb"), [(colour, rgb) for colour, all_rgb in CLEAR.items() for rgb in all_rgb]
)
def test_a_picture_of_one_clear_colour_has_that_colour_alone(
    colour: str, rgb: tuple[int, int, int]
) -> None:
    shares = colour_shares(flat(rgb))
    assert share(shares, colour) == pytest.approx(1)
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("colour", "rgb"),
    [*PETAL_COLOURS.items(), *CENTRE_COLOURS.items(), ("grey", BACKGROUNDS["grey"])],
)
def test_the_colours_of_the_toy_set_are_what_it_calls_them(
    colour: str, rgb: tuple[int, int, int]
) -> None:
    assert share(colour_shares(flat(rgb)), colour) == pytest.approx(1)


def test_from_dark_to_light_a_picture_without_hue_is_black_then_grey_then_white() -> None:
    levels = [flat((level, level, level), 1, 1) for level in range(256)]
    numbers = colour_shares(np.concatenate(levels)).argmax(axis=1)
    names = [COLOURS[number] for number in numbers]
    assert [name for name, _ in groupby(names)] == ["black", "grey", "white"]
    assert names[40] == "black"
    assert names[80] == names[140] == "grey"
    assert names[180] == "white"


@QUICK
@given(SEEDS, st.integers(1, 9), st.integers(1, 9))
def test_the_shares_of_a_picture_add_up_to_all_of_it(seed: int, height: int, width: int) -> None:
    shares = colour_shares(noise(seed, 3, height, width))
    assert shares.shape == (3, len(COLOURS))
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(1)


def test_a_pixel_weighs_what_the_gaussian_window_says() -> None:
    height, width = 8, 10
    y = (np.arange(height) + 0.5) / height - 0.5
    x = (np.arange(width) + 0.5) / width - 0.5
    window = np.exp(-0.5 * (y[:, None] ** 2 + x**2) / WINDOW**2)
    dots = np.repeat(flat(CLEAR["green"][0], height, width), height * width, axis=0)
    for number, dot in enumerate(dots):
        dot[divmod(number, width)] = CLEAR["red"][0]
    expected = (window / window.sum()).ravel()
    assert share(colour_shares(dots), "red") == pytest.approx(expected)


@QUICK
@given(SEEDS)
def test_mirroring_and_turning_a_picture_upside_down_changes_nothing(seed: int) -> None:
    pictures = noise(seed)
    for other in (pictures[:, ::-1], pictures[:, :, ::-1], pictures.swapaxes(1, 2)):
        np.testing.assert_allclose(colour_shares(other), colour_shares(pictures), atol=1e-12)


def test_a_picture_scores_the_same_in_any_batch_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    shares, agreement = colour_shares(TOY_PICTURES), colour_agreement(TOY_PICTURES, TOY_CAPTIONS)
    order = np.random.default_rng(0).permutation(len(TOY))
    moved = colour_agreement(TOY_PICTURES[order], [TOY_CAPTIONS[number] for number in order])
    np.testing.assert_array_equal(moved, agreement[order])
    np.testing.assert_array_equal(
        np.concatenate([colour_shares(TOY_PICTURES[n : n + 1]) for n in range(len(TOY))]), shares
    )
    for pixels in (1, 7 * 32 * 32):
        monkeypatch.setattr(colours, "_PIXELS_AT_ONCE", pixels)
        np.testing.assert_array_equal(colour_shares(TOY_PICTURES), shares)


def test_a_picture_may_lie_anywhere_in_memory_and_stays_as_it_is() -> None:
    large = noise(0, 4, 12, 10)
    before = large.copy()
    large.setflags(write=False)
    view = large[::2, 1::2, ::-1]
    np.testing.assert_array_equal(colour_shares(view), colour_shares(view.copy()))
    np.testing.assert_array_equal(large, before)


def test_no_pictures_have_no_scores() -> None:
    assert colour_shares(noise(0, 0)).shape == (0, len(COLOURS))
    assert colour_agreement(noise(0, 0), []).shape == (0,)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_basic_colour_is_named_by_its_own_word(colour: str) -> None:
    for caption in (colour, f"A flower of {colour.upper()}.", f"light-{colour}, {colour}s"):
        assert colours_named(caption) == {colour}


@pytest.mark.parametrize(
    ("caption", "named"),
    [
        ("a gray bird, greyish below", {"grey"}),
        ("violet petals with lavender and lilac tips", {"purple"}),
        ("crimson, scarlet, redder and reddish", {"red"}),
        ("magenta and fuchsia", {"pink"}),
        ("tan and beige feathers", {"brown"}),
        ("a golden crown", {"yellow"}),
        ("a peach-coloured flower", {"orange"}),
        ("turquoise, teal and navy", {"blue"}),
        ("an olive back", {"green"}),
        ("an ivory cup", {"white"}),
        ("pinkish-purple petals, yellowish inside", {"pink", "purple", "yellow"}),
        ("red_and_white/blue", {"red", "white", "blue"}),
        ("orange, Orange and ORANGE!", {"orange"}),
    ],
)
def test_synonyms_and_inflections_name_their_colour(caption: str, named: set[str]) -> None:
    assert colours_named(caption) == named


def test_words_of_the_toy_captions_name_the_colour_they_are_used_for() -> None:
    for colour in PETAL_COLOURS | CENTRE_COLOURS:
        assert all(colours_named(word) == {colour} for word in SYNONYMS[colour])


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "the bird stands on a standing stone, tangled",
        "a shared, tired, layered and feathered thing",
        "blackbird, whitewashed, evergreen, goldfinch, greenery, blued, rosewood, marigold",
        "dark, light, bright and pale petals, vivid shades",
        "maroon, salmon, rusty and cream",
    ],
)
def test_words_that_hold_a_colour_word_or_mislead_name_no_colour(caption: str) -> None:
    assert colours_named(caption) == frozenset()


def test_a_caption_that_names_no_colour_has_no_agreement() -> None:
    agreement = colour_agreement(np.repeat(flat((255, 0, 0)), 3, axis=0), ["red", "petals", ""])
    np.testing.assert_array_equal(agreement, [1, np.nan, np.nan])


def test_agreement_is_the_part_of_the_named_colours_that_is_there() -> None:
    both = halves("red", "green")
    for caption, expected in [
        ("red and green", 1),
        ("red", 1),
        ("blue", 0),
        ("red and blue", 1 / 2),
        ("red, reddish, crimson and blue", 1 / 2),
        ("red, blue and black", 1 / 3),
    ]:
        assert colour_agreement(both, [caption])[0] == pytest.approx(expected), caption


@QUICK
@given(SEEDS, st.sets(st.sampled_from(COLOURS), min_size=1))
@example(0, set(COLOURS))
def test_a_named_colour_counts_in_full_from_enough_on_and_in_proportion_below(
    seed: int, named: set[str]
) -> None:
    pictures = noise(seed)
    degrees = [np.clip(share(colour_shares(pictures), colour) / ENOUGH, 0, 1) for colour in named]
    agreement = colour_agreement(pictures, [" ".join(named)] * len(pictures))
    assert agreement == pytest.approx(np.mean(degrees, axis=0))
    assert ((agreement >= 0) & (agreement <= 1)).all()


def test_true_captions_agree_far_better_than_those_of_other_pictures() -> None:
    others = TOY_CAPTIONS[1:] + TOY_CAPTIONS[:1]
    assert mean_agreement(TOY_PICTURES) > 0.9
    assert mean_agreement(TOY_PICTURES) - mean_agreement(TOY_PICTURES, others) > 0.5


@pytest.mark.parametrize("channels", [(1, 2, 0), (2, 0, 1), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
def test_swapping_the_palette_lowers_the_agreement(channels: tuple[int, int, int]) -> None:
    swapped = TOY_PICTURES[..., list(channels)]
    assert mean_agreement(TOY_PICTURES) - mean_agreement(swapped) > 0.25


def test_taking_the_colour_out_lowers_the_agreement() -> None:
    grey = TOY_PICTURES.mean(axis=3, keepdims=True).astype(np.uint8).repeat(3, axis=3)
    assert mean_agreement(TOY_PICTURES) - mean_agreement(grey) > 0.5


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((1, 4, 4, 3)), "pictures: float64, must be uint8; give bytes"),
        (np.zeros((1, 4, 4, 3), dtype=np.int64), "pictures: int64, must be uint8; give bytes"),
        (flat((0, 0, 0))[0], r"pictures: shape \(5, 7, 3\), must be .* give RGB, and one"),
        (flat((0, 0, 0))[..., :1], r"pictures: shape \(1, 5, 7, 1\), must be .* give RGB"),
        (flat((0, 0, 0)).transpose(0, 3, 1, 2), r"pictures: shape \(1, 3, 5, 7\), must be .* give"),
        (flat((0, 0, 0))[:, :0], r"pictures: shape \(1, 0, 7, 3\), must be .* a pixel or more"),
    ],
)
def test_what_is_not_a_batch_of_pictures_is_refused(pictures: Pictures, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        colour_shares(pictures)
    with pytest.raises(ValueError, match=message):
        colour_agreement(pictures, ["red"])


@pytest.mark.parametrize("captions", [[], ["red"], ["red", "red", "red"]])
def test_another_number_of_captions_than_pictures_is_refused(captions: list[str]) -> None:
    rule = f"captions: {len(captions)}, must be 2, as many as pictures; give each picture one"
    with pytest.raises(ValueError, match=rule):
        colour_agreement(noise(0, 2), captions)
