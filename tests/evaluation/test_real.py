"""Real pictures keep captions, features and embeddings together, whatever is cut out of them."""

from dataclasses import replace

import numpy as np
import pytest

from captiongan.bundle.text_encoder import Embeddings
from captiongan.data.folder import Example
from captiongan.evaluation.real import RealPictures
from support.tiny_exam import BlockMeans, WordEncoder, tiny_real

EXAMPLES = (
    Example("a.png", ("red", "a red one"), "x"),
    Example("b.png", ("blue",), None),
    Example("c.png", ("red", "rosy", "a red one"), "y"),
)
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def described(*examples: Example) -> RealPictures:
    return RealPictures.describe(examples, PICTURES[: len(examples)], BlockMeans(), WordEncoder())


def rows_of(real: RealPictures) -> list[tuple[Example, bytes, bytes, bytes]]:
    """Return what belongs to each picture."""
    firsts, counts = real.first_captions, real.caption_counts
    return [
        (
            example,
            picture.tobytes(),
            features.tobytes(),
            real.sentences[first : first + count].tobytes(),
        )
        for example, picture, features, first, count in zip(
            real.examples, real.pictures, real.features, firsts, counts, strict=True
        )
    ]


def test_captions_are_numbered_through_the_pictures_in_order() -> None:
    real = described(*EXAMPLES)
    assert real.captions == ("red", "a red one", "blue", "red", "rosy", "a red one")
    assert real.first_captions.tolist() == [0, 2, 3]
    assert real.caption_counts.tolist() == [2, 1, 3]
    np.testing.assert_array_equal(real.sentences, WordEncoder().encode(real.captions))
    assert real.labels.tolist() == ["x", None, "y"]
    assert len(real) == 3


def test_captions_of_the_same_words_share_a_number_and_no_others_do() -> None:
    real = described(*EXAMPLES)
    for one, number in zip(real.captions, real.text_numbers, strict=True):
        for other, other_number in zip(real.captions, real.text_numbers, strict=True):
            assert (one == other) == (number == other_number)


def test_after_its_last_caption_a_picture_begins_anew_with_its_first() -> None:
    real, rows = described(*EXAMPLES), np.arange(3)
    turns = [real.captions_of(rows, np.full(3, turn)).tolist() for turn in range(4)]
    assert turns == [[0, 2, 3], [1, 2, 4], [0, 2, 5], [1, 2, 3]]


@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0], [1]])
def test_a_part_has_all_that_belongs_to_its_pictures(rows: list[int]) -> None:
    real = described(*EXAMPLES)
    part = real.subset(np.array(rows))
    assert rows_of(part) == [rows_of(real)[row] for row in rows]
    assert len(part.captions) == len(part.sentences)


def test_features_are_those_of_the_extractor_and_measured_once() -> None:
    class Counting(BlockMeans):
        asked = 0

        def features(self, pictures: np.ndarray) -> np.ndarray:
            Counting.asked += 1
            return super().features(pictures)

    for _ in range(2):
        real = RealPictures.describe(EXAMPLES, PICTURES, Counting(), WordEncoder())
        np.testing.assert_array_equal(real.features, BlockMeans().features(PICTURES))
    assert Counting.asked == 1


def other_features(real: RealPictures) -> RealPictures:
    features = real.features.copy()
    features[-1, -1] += 1
    return replace(real, features=features)


def other_caption(real: RealPictures) -> RealPictures:
    first = replace(real.examples[0], captions=("else", *real.examples[0].captions[1:]))
    return replace(real, examples=(first, *real.examples[1:]))


def other_class(real: RealPictures) -> RealPictures:
    return replace(real, examples=(replace(real.examples[0], label=None), *real.examples[1:]))


def other_order(real: RealPictures) -> RealPictures:
    return real.subset(np.arange(len(real))[::-1])


@pytest.mark.parametrize("change", [other_features, other_caption, other_class, other_order])
def test_the_digest_tells_features_captions_classes_and_their_order(change: object) -> None:
    assert callable(change)
    real = tiny_real(5)
    assert real.digest == tiny_real(5).digest
    assert change(real).digest != real.digest


def test_the_digest_does_not_mind_how_features_lie_in_memory() -> None:
    real = tiny_real(5)
    columns: Embeddings = np.asfortranarray(real.features)
    assert replace(real, features=columns).digest == real.digest
