import numpy as np

from captiongan.evaluation.retrieval import r_at_1


def test_r_at_1_counts_pictures_nearest_to_their_own_caption() -> None:
    captions = np.eye(200, dtype=np.float32)
    assert r_at_1(captions, captions) == 1
    pictures = captions.copy()
    pictures[:50] = np.roll(captions[:50], 1, axis=0)
    assert r_at_1(captions, pictures) == 0.75
