"""A run's progress, said as the length of a training from scratch."""

import pytest

from captiongan.training.equivalent import FROM_SCRATCH, like_kimg


@pytest.mark.parametrize(("kimg", "share"), FROM_SCRATCH)
def test_what_was_measured_is_given_back(kimg: float, share: float) -> None:
    assert like_kimg(share) == pytest.approx(kimg)


def test_the_better_a_run_the_longer_the_training_from_scratch_that_it_equals() -> None:
    shares = [0.4, 0.3, 0.15, 0.1, 0.06, 0.05]
    lengths = [like_kimg(share) for share in shares]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == len(lengths)


@pytest.mark.parametrize(("share", "kimg"), [(2.0, 22), (0.001, 1000), (-0.01, 1000)])
def test_beyond_what_was_measured_its_ends_are_given(share: float, kimg: float) -> None:
    assert like_kimg(share) == pytest.approx(kimg)
