"""What a training needs of a set is judged before it, by one function for all verbs."""

from collections.abc import Sequence

import numpy as np
import pytest

from captiongan.data.folder import Example
from captiongan.data.pairs import Mismatching, PairSampler, equal_texts
from captiongan.data.readiness import Judgement, Training, judge
from captiongan.runs.config import RunConfig


def examples(count: int, texts: Sequence[str] = (), classes: int = 0) -> list[Example]:
    """Return pictures with a text each, one after the other of `texts`, or with texts of their own.

    With `classes`, picture n is of class n modulo that.
    """
    return [
        Example(
            f"{number}.png",
            (texts[number % len(texts)] if texts else f"flower {number}",),
            str(number % classes) if classes else None,
        )
        for number in range(count)
    ]


def told(pictures: int, training: Training, texts: Sequence[str] = ()) -> str:
    judgement = judge(examples(pictures, texts), "my set", training)
    return " ".join((judgement.obstacle or "", *judgement.to_fix, *judgement.advice))


@pytest.mark.parametrize(
    ("set_of", "training", "reason"),
    [
        (examples(0), Training(), "0 usable pictures are too few"),
        (examples(1), Training(), "1 usable pictures are too few"),
        (examples(3, classes=1), Training(), "all 3 pictures are of class '0'"),
        (examples(3, classes=1), Training(mismatching="batch"), None),
        (examples(34, ["a flower"]), Training(), "all 34 pictures have the same caption"),
        (examples(34, ["a flower"]), Training(mismatching="batch"), "same caption 'a flower'"),
        (examples(34, ["a flower"]), Training(mismatching=None), None),
        (examples(2), Training(), None),
        (examples(2, classes=2), Training(), None),
    ],
)
def test_a_set_of_which_no_caption_can_mismatch_is_told(
    set_of: list[Example], training: Training, reason: str | None
) -> None:
    obstacle = judge(set_of, "x", training).obstacle
    assert obstacle is None if reason is None else reason in str(obstacle)


def test_a_set_that_fits_its_training_has_nothing_to_fix() -> None:
    judgement = judge(examples(8_000), "x")
    shown = "A training of 400 kimg shows each picture about 50 times."
    assert judgement == Judgement(None, (), (shown,))


@pytest.mark.parametrize(
    ("pictures", "training", "texts", "says"),
    [
        (2, Training(), (), "2 pictures are too few to learn from"),
        (200, Training(), ["red", "blue"], "6 % of the mismatching captions"),
        (90, Training(kimg=1000), (), "each picture about 11,111 times, and may learn to repeat"),
        (90, Training(kimg=1000), (), "training.kimg=90 or less"),
        (300, Training(), (), "captiongan train --from flowers --data 'my set'"),
        (300, Training(), (), "captiongan train --config toy --data 'my set'"),
    ],
)
def test_what_a_training_lacks_is_told_with_figures(
    pictures: int, training: Training, texts: Sequence[str], says: str
) -> None:
    assert says in told(pictures, training, texts)


def test_a_bundle_is_recommended_to_small_sets_that_do_not_start_from_one() -> None:
    assert "--from" in told(4_999, Training())
    assert "--from" not in told(5_000, Training()) + told(300, Training(from_scratch=False))


def test_without_a_configuration_the_training_of_the_default_preset_is_meant() -> None:
    assert Training().kimg == RunConfig().training.kimg
    assert Training().mismatching == RunConfig().data.mismatching


@pytest.mark.parametrize("mismatching", ["class", "batch"])
@pytest.mark.parametrize("classes", [0, 3])
def test_the_share_of_wrong_texts_that_are_right_is_the_one_that_is_drawn(
    mismatching: Mismatching, classes: int
) -> None:
    texts = ["red", "red", "red", "blue", "red"]
    pictures = examples(200, texts, classes)
    sampler = PairSampler(pictures, 100, 0, within_batch=mismatching == "batch")
    words = np.array([example.captions[0] for example in pictures])
    drawn = [words[pairs.matching] == words[pairs.mismatching] for pairs in map(sampler, range(60))]
    assert equal_texts(pictures, mismatching) == pytest.approx(np.mean(drawn), abs=0.03)
