import dataclasses
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.data.toy import (
    BACKGROUNDS,
    CENTRE_COLOURS,
    PETAL_COLOURS,
    PETAL_COUNTS,
    PETAL_SHAPES,
    SYNONYMS,
    ToyFlower,
    captions,
    draw,
    toy_examples,
    toy_flower,
    write_toy_folder,
)
from captiongan.data.toy_vietnamese import vietnamese_captions
from captiongan.errors import DataError, OutputError

FLOWERS = [toy_flower(0, index) for index in range(300)]


def says(caption: str, meaning: str) -> bool:
    words = caption.replace(",", " ").split()
    return any(word in words for word in SYNONYMS[meaning])


def test_the_same_seed_gives_the_same_flowers_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[bytes]:
        return [loaded.picture.tobytes() for loaded in toy_examples(4, 16, seed)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_larger_set_starts_with_the_smaller_one() -> None:
    small, large = list(toy_examples(3, 16)), list(toy_examples(6, 16))
    assert [item.example for item in small] == [item.example for item in large[:3]]
    for one, other in zip(small, large, strict=False):
        assert one.picture.tobytes() == other.picture.tobytes()


def test_flowers_stay_what_they_are_from_release_to_release() -> None:
    assert toy_flower(0, 0) == ToyFlower("blue", 6, "heart-shaped", "purple", "pale", 2440146578)


def test_every_caption_names_every_attribute_of_the_label() -> None:
    for flower in FLOWERS:
        for caption in captions(flower):
            assert says(caption, flower.petal_colour), caption
            assert says(caption, flower.petal_shape), caption
            assert says(caption, flower.centre_colour), caption
            assert PETAL_COUNTS[flower.petals] in caption.split(), caption


def test_the_colour_word_at_the_centre_is_the_colour_of_the_centre() -> None:
    for flower in FLOWERS:
        for caption in captions(flower):
            found = re.search(r"(\S+) cent(?:re|er)\b(?! is)|cent(?:re|er) is (\S+)", caption)
            assert found is not None, caption
            assert (found[1] or found[2]) in SYNONYMS[flower.centre_colour], caption


def test_a_flower_has_five_different_captions() -> None:
    assert all(len(set(captions(flower))) == 5 for flower in FLOWERS)


def test_captions_never_name_a_colour_that_the_flower_lacks() -> None:
    for flower in FLOWERS:
        absent = PETAL_COLOURS.keys() - {flower.petal_colour, flower.centre_colour}
        for caption in captions(flower):
            flower_part = caption.split(" in front of ")[0].split(" against ")[0]
            assert not any(says(flower_part, colour) for colour in absent), caption


def test_no_word_means_two_things() -> None:
    words = list(itertools.chain.from_iterable(SYNONYMS.values()))
    assert len(words) == len(set(words))


def test_captions_know_both_spellings_and_the_right_article() -> None:
    text = " ".join(caption for flower in FLOWERS for caption in captions(flower))
    assert " centre" in text
    assert " center" in text
    assert " a orange" not in text
    assert " an red" not in text


def test_swapped_colours_make_another_label() -> None:
    one = ToyFlower("red", 5, "round", "yellow", "dark", 0)
    other = dataclasses.replace(one, petal_colour="yellow", centre_colour="red")
    assert one.label != other.label


def test_petals_never_have_the_colour_of_the_centre_or_vanish_in_the_background() -> None:
    for flower in FLOWERS:
        assert flower.petal_colour != flower.centre_colour
        assert (flower.petal_colour, flower.background) not in {("white", "pale"), ("green",) * 2}


def nearest(colours: dict[str, tuple[int, int, int]], mean: np.ndarray) -> str:
    return min(colours, key=lambda name: math.dist(colours[name], mean))


@pytest.mark.parametrize("shape", PETAL_SHAPES)
@pytest.mark.parametrize("colour", PETAL_COLOURS)
def test_the_petals_have_the_colour_that_the_caption_names(colour: str, shape: str) -> None:
    for variation in range(3):
        flower = ToyFlower(colour, 6, shape, "brown", "grey", variation)
        other = "blue" if colour != "blue" else "yellow"
        picture = np.asarray(draw(flower, 64), np.int16)
        repainted = np.asarray(draw(dataclasses.replace(flower, petal_colour=other), 64), np.int16)
        petals = np.abs(picture - repainted).sum(axis=2) > 40
        assert 0.08 < petals.mean() < 0.7
        assert nearest(PETAL_COLOURS, picture[petals].mean(axis=0)) == colour


@pytest.mark.parametrize("colour", CENTRE_COLOURS)
def test_the_centre_has_the_colour_that_the_caption_names(colour: str) -> None:
    flower = ToyFlower("pink", 6, "round", colour, "grey", 0)
    other = dataclasses.replace(flower, centre_colour="purple" if colour != "purple" else "yellow")
    picture = np.asarray(draw(flower, 64), np.int16)
    disc = np.abs(picture - np.asarray(draw(other, 64), np.int16)).sum(axis=2) > 60
    assert nearest(CENTRE_COLOURS, picture[disc].mean(axis=0)) == colour


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_the_corners_have_the_colour_of_the_background(background: str) -> None:
    picture = np.asarray(draw(ToyFlower("red", 5, "round", "yellow", background, 0), 64))
    corners = picture[::63, ::63].reshape(-1, 3)
    assert nearest(BACKGROUNDS, corners.mean(axis=0)) == background


@pytest.mark.parametrize("side", [1, 8, 33, 64])
def test_a_picture_has_the_side_that_was_asked_for(side: int) -> None:
    picture = draw(toy_flower(0, 0), side)
    assert (picture.mode, picture.size) == ("RGB", (side, side))


def test_a_written_folder_reads_back_whole(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "toy", size=12, side=32, seed=3)
    items = list(read_captioned_folder(tmp_path / "toy", minimum_side=32))
    for item, made in zip(items, toy_examples(12, 32, seed=3), strict=True):
        assert isinstance(item, LoadedExample), item
        assert item.example == made.example
        assert item.picture.tobytes() == made.picture.tobytes()


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        write_toy_folder(tmp_path, size=1, side=8)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written to"):
        write_toy_folder(tmp_path / "file", size=1, side=8)


@pytest.mark.parametrize(("size", "side"), [(0, 8), (-1, 8), (1, 0)])
def test_a_size_or_side_below_one_is_refused_at_the_call(size: int, side: int) -> None:
    with pytest.raises(DataError, match="below 1"):
        toy_examples(size, side)


def test_vietnamese_captions_are_five_and_all_name_the_label() -> None:
    for index in range(60):
        flower = toy_flower(0, index)
        told = vietnamese_captions(flower)
        assert len(set(told)) == 5
        assert vietnamese_captions(flower) == told
        assert all("cánh" in caption and "nhụy" in caption for caption in told)
