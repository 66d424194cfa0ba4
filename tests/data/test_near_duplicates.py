"""Pictures that are nearly the same are found, and only they."""

import io

import numpy as np
from PIL import Image

from captiongan.data.near_duplicates import Union, little_picture, near_duplicates
from captiongan.data.toy import draw, toy_flower


def flowers(count: int, side: int = 96) -> list[Image.Image]:
    return [draw(toy_flower(0, number), side) for number in range(count)]


def groups(pictures: list[Image.Image]) -> list[list[int]]:
    return near_duplicates([little_picture(picture) for picture in pictures])


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def test_different_flowers_are_no_duplicates() -> None:
    assert groups(flowers(150)) == []


def test_copies_resized_and_compressed_again_are_in_one_group() -> None:
    pictures = flowers(40)
    pictures += [pictures[3].resize((64, 64), Image.Resampling.LANCZOS)]
    pictures += [recompressed(pictures[7], 50), recompressed(pictures[3], 70), pictures[3]]
    assert groups(pictures) == [[3, 40, 42, 43], [7, 41]]


def test_a_small_difference_in_one_place_tells_pictures_apart() -> None:
    """As between clocks that show another hour."""
    clock = Image.new("RGB", (64, 64), "white")
    other = clock.copy()
    other.paste("black", (30, 10, 34, 30))
    assert groups([clock, other, clock]) == [[0, 2]]


def test_thousands_of_equal_pictures_are_one_group() -> None:
    little = [little_picture(Image.new("RGB", (8, 8), "red"))] * 5000
    little += [little_picture(Image.new("RGB", (8, 8), "blue"))]
    assert near_duplicates(little) == [list(range(5000))]


def test_few_pictures_have_no_duplicates() -> None:
    assert near_duplicates([]) == near_duplicates([np.zeros(768, np.uint8)]) == []


def test_joined_numbers_are_one_group_whatever_the_order() -> None:
    union = Union(6)
    for one, other in [(4, 5), (1, 3), (3, 5)]:
        union.join(one, other)
    assert union.groups() == [[0], [1, 3, 4, 5], [2]]
