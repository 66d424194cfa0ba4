"""A run's progress, said as the length of a training from scratch."""

import pytest

from captiongan.training.progress_in_kimg import FROM_SCRATCH, like_kimg


@pytest.mark.parametrize(("kimg", "share"), FROM_SCRATCH)
def test_what_was_measured_is_given_back(kimg: float, share: float) -> None:
    assert like_kimg(share) == pytest.approx(kimg)


def test_the_better_a_run_the_longer_the_training_from_scratch_that_it_equals() -> None:
    shares = [0.4, 0.3, 0.15, 0.1, 0.06, 0.05]
    lengths = [like_kimg(share) for share in shares]
    known = [length for length in lengths if length is not None]
    assert known == sorted(known)
    assert len(set(known)) == len(shares)


@pytest.mark.parametrize("share", [0.001, 0.0, -0.01])
def test_a_run_better_than_all_that_was_measured_is_like_the_longest(share: float) -> None:
    assert like_kimg(share) == pytest.approx(FROM_SCRATCH[-1][0])


def test_a_run_worse_than_all_that_was_measured_is_like_none() -> None:
    assert like_kimg(2.0) is None
