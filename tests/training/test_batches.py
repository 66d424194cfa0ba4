import dataclasses
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from captiongan.data.pairs import PairSampler
from captiongan.data.store import Pictures, PictureStore
from captiongan.errors import DataError
from captiongan.networks.pixels import to_pictures
from captiongan.runs.options import DataConfig, TextConfig
from captiongan.text.no_text import NoText
from captiongan.training.batches import TrainingData
from support.tiny_run import (
    BATCH_SIZE,
    CONFIG,
    EMBEDDING_DIM,
    MARGIN,
    StubEncoder,
    fields,
    tiny_data,
)

SIDE = CONFIG.data.resolution


def data_that_tells_its_place(flip: bool, margin: int = MARGIN) -> TrainingData:
    """Return a data set whose pixels are (row, column, number of the picture)."""
    config = CONFIG.model_copy(
        update={"data": DataConfig(source="toy:10", resolution=SIDE, margin=margin, flip=flip)}
    )
    data = tiny_data(config)
    pictures = np.zeros((10, SIDE + margin, SIDE + margin, 3), dtype=np.uint8)
    pictures[..., 0] = np.arange(SIDE + margin)[:, None]
    pictures[..., 1] = np.arange(SIDE + margin)
    pictures[..., 2] = np.arange(10)[:, None, None]
    store = PictureStore(pictures, data.store.examples, ())
    return dataclasses.replace(data, store=store)


def crops(data: TrainingData, steps: int) -> Pictures:
    return np.concatenate([to_pictures(data.batch(step).pictures) for step in range(steps)])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU, and there is none")
def test_a_batch_put_together_on_a_gpu_is_that_of_the_processor() -> None:
    here = data_that_tells_its_place(flip=True)
    device = torch.device("cuda")
    there = dataclasses.replace(here, device=device, embeddings=here.embeddings.to(device))
    batches = [there.batch(step) for step in range(20)]  # none waits for the one before
    for step, batch in enumerate(batches):
        for one, other in zip(fields(here.batch(step)), fields(batch), strict=True):
            torch.testing.assert_close(other.cpu(), one)


@pytest.mark.parametrize("margin", [0, MARGIN])
def test_crops_are_windows_inside_the_picture_and_reach_every_place(margin: int) -> None:
    data = data_that_tells_its_place(flip=False, margin=margin)
    corners = set()
    for crop in crops(data, 40):
        top, left, row = crop[0, 0].tolist()
        window = data.store.pictures[row, top : top + SIDE, left : left + SIDE]
        np.testing.assert_array_equal(crop, window)
        corners.add((top, left))
    assert corners == {(top, left) for top in range(margin + 1) for left in range(margin + 1)}


def test_pictures_are_mirrored_only_if_configured() -> None:
    def is_mirrored(crop: Pictures) -> bool:
        columns = crop[0, :, 1].astype(int)
        steps = set(np.diff(columns).tolist())
        assert steps in ({1}, {-1})
        return steps == {-1}

    assert not any(map(is_mirrored, crops(data_that_tells_its_place(flip=False), 10)))
    mirrored = [is_mirrored(crop) for crop in crops(data_that_tells_its_place(flip=True), 10)]
    assert 0 < sum(mirrored) < len(mirrored)


def test_with_facing_the_turned_pictures_are_mirrored_and_no_others() -> None:
    turned = np.arange(10) % 3 == 0
    for flip in (True, False):
        data = dataclasses.replace(data_that_tells_its_place(flip), turned=turned)
        for crop in crops(data, 10):
            backwards = crop[0, 0, 1] > crop[0, 1, 1]
            assert backwards == turned[crop[0, 0, 2]]
        shown = data.centre(list(range(10)))
        as_stored = data_that_tells_its_place(flip).centre(list(range(10)))
        np.testing.assert_array_equal(shown[turned], as_stored[turned, :, ::-1])
        np.testing.assert_array_equal(shown[~turned], as_stored[~turned])


def test_facing_is_found_in_the_pictures_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Pictures] = []

    def every_other(pictures: Pictures) -> npt.NDArray[np.bool_]:
        seen.append(pictures)
        return np.array([True, False] * 5)

    monkeypatch.setattr("captiongan.training.batches.to_be_turned", every_other)
    config = CONFIG.model_copy(update={"data": CONFIG.data.model_copy(update={"facing": True})})
    data, plain = (TrainingData.open(each, StubEncoder()) for each in (config, CONFIG))
    assert plain.turned is None and len(seen) == 1
    np.testing.assert_array_equal(seen[0], plain.centre(list(range(10))))
    assert data.turned is not None and data.turned.tolist() == [True, False] * 5


def test_the_batch_of_a_step_is_the_same_at_every_call() -> None:
    data = tiny_data()
    first = data.batch(3)
    data.batch(4)
    for one, other in zip(fields(first), fields(data.batch(3)), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(fields(first), fields(data.batch(4)), strict=True):
        assert not torch.equal(one, other)


def test_a_batch_pairs_each_picture_with_the_embeddings_of_the_sampled_captions() -> None:
    data = data_that_tells_its_place(flip=False)
    captions = [caption for example in data.store.examples for caption in example.captions]
    batch, pairs = data.batch(2), data.sampler(2)
    shown = to_pictures(batch.pictures)[:, 0, 0, 2]
    np.testing.assert_array_equal(shown.numpy(), pairs.pictures)
    for tensor, chosen in (
        (batch.matching, pairs.matching),
        (batch.mismatching, pairs.mismatching),
    ):
        expected = StubEncoder().encode([captions[row] for row in chosen])
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_a_text_can_be_the_mean_embedding_of_captions_of_the_same_picture() -> None:
    config = CONFIG.model_copy(update={"text": TextConfig(averaged=2)})
    data = tiny_data(config)
    batch, pairs = data.batch(2), data.sampler(2)
    for tensor, chosen in (
        (batch.matching, pairs.matching),
        (batch.mismatching, pairs.mismatching),
    ):
        for embedding, caption in zip(tensor, chosen, strict=True):
            _, row, number = data.store.captions[caption].split()
            captions = data.store.examples[int(row)].captions
            two = [captions[int(number)], captions[(int(number) + 1) % len(captions)]]
            expected = StubEncoder().encode(two).mean(axis=0)
            np.testing.assert_allclose(embedding, expected, rtol=1e-6)


def noisy(length: float) -> TrainingData:
    return tiny_data(CONFIG.model_copy(update={"text": TextConfig(noise=length)}))


def test_noise_on_texts_differs_from_step_to_step_and_is_the_same_at_every_call() -> None:
    data = noisy(0.5)
    first, again = data.batch(3), noisy(0.5).batch(3)
    assert torch.equal(first.matching, again.matching)
    assert torch.equal(first.mismatching, again.mismatching)
    same = dataclasses.replace(data, embeddings=data.embeddings[:1].expand_as(data.embeddings))
    assert len(torch.cat([same.batch(0).matching, same.batch(1).matching]).unique(dim=0)) == 8


def test_noise_on_texts_leaves_them_at_length_one_and_everything_else_as_it_was() -> None:
    batch, plain = noisy(0.5).batch(2), tiny_data().batch(2)
    for texts in (batch.matching, batch.mismatching):
        torch.testing.assert_close(texts.norm(dim=1), torch.ones(BATCH_SIZE))
    assert torch.equal(batch.pictures, plain.pictures)
    assert torch.equal(batch.noise, plain.noise)


def test_noise_on_texts_has_the_configured_length() -> None:
    """At right angles to a text of length 1, which is where it leads to."""
    data, dim = noisy(0.3), 400
    texts = F.normalize(torch.randn(len(data.embeddings), dim, generator=torch.manual_seed(0)))
    data = dataclasses.replace(data, embeddings=texts)
    tangents = []
    for step in range(20):
        chosen, moved = texts[data.sampler(step).matching], data.batch(step).matching
        tangents.append((moved / (moved * chosen).sum(dim=1, keepdim=True) - chosen).norm(dim=1))
    assert torch.cat(tangents).mean().item() == pytest.approx(0.3, rel=0.03)


def test_matching_and_mismatching_texts_are_moved_apart_from_each_other() -> None:
    data = noisy(10.0)  # so far that what is left is the noise alone
    same = dataclasses.replace(data, embeddings=torch.zeros_like(data.embeddings))
    batches = [same.batch(step) for step in range(100)]
    matching = torch.cat([batch.matching for batch in batches])
    mismatching = torch.cat([batch.mismatching for batch in batches])
    cosines = (matching * mismatching).sum(dim=1)
    assert abs(cosines.mean()) < 0.1
    assert cosines.std() == pytest.approx(EMBEDDING_DIM**-0.5, rel=0.1)


def test_only_first_captions_are_read_where_configured() -> None:
    config = CONFIG.model_copy(update={"text": TextConfig(captions="first")})
    data = TrainingData.open(config, StubEncoder())
    everything = TrainingData.open(CONFIG, StubEncoder())
    first = [example.captions[0] for example in everything.store.examples]
    np.testing.assert_array_equal(data.embeddings, StubEncoder().encode(first))
    assert data.facts()["captions"] == len(first) < everything.facts()["captions"]


def test_mismatching_captions_come_from_the_batch_where_configured() -> None:
    plan = CONFIG.data.model_copy(update={"mismatching": "batch", "source": "toy:12"})
    data = TrainingData.open(CONFIG.model_copy(update={"data": plan}), StubEncoder())
    for step in range(9):  # 12 pictures in batches of 4
        batch = data.batch(step)
        assert not (batch.mismatching == batch.matching).all(dim=1).any()
        assert torch.equal(batch.mismatching.sort(dim=0)[0], batch.matching.sort(dim=0)[0])


def test_pictures_are_squashed_where_configured(tmp_path: Path) -> None:
    halves = np.zeros((40, 80, 3), dtype=np.uint8)
    halves[:, 70:] = 255  # far outside the middle square
    for name in "ab":
        Image.fromarray(halves).save(tmp_path / f"{name}.png")
    lines = [json.dumps({"file_name": f"{name}.png", "text": name}) for name in "ab"]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    for squash, brightest in ((False, 0), (True, 255)):
        plan = DataConfig(source=str(tmp_path), resolution=16, margin=0, squash=squash)
        data = TrainingData.open(CONFIG.model_copy(update={"data": plan}), StubEncoder())
        assert data.store.pictures.max() == brightest


def test_without_text_pictures_of_one_class_are_enough_and_embeddings_are_empty(
    tmp_path: Path,
) -> None:
    lines = []
    for name in "ab":
        Image.new("RGB", (16, 16)).save(tmp_path / f"{name}.png")
        lines.append(json.dumps({"file_name": f"{name}.png", "text": name, "class": "rose"}))
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    plan = DataConfig(source=str(tmp_path), resolution=16, margin=0)
    config = CONFIG.model_copy(update={"data": plan, "text": TextConfig(encoder="none")})
    batch = TrainingData.open(config, NoText()).batch(0)
    assert batch.matching.shape == batch.mismatching.shape == (BATCH_SIZE, 0)
    with pytest.raises(DataError, match="rose"):
        TrainingData.open(CONFIG.model_copy(update={"data": plan}), StubEncoder())


def test_the_noise_is_standard_normal_and_of_the_configured_length() -> None:
    data = tiny_data()
    noise = torch.cat([data.batch(step).noise for step in range(100)])
    assert noise.shape == (100 * BATCH_SIZE, CONFIG.generator.noise_dim)
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 1) < 0.1


def test_the_centre_of_a_picture_is_its_middle_crop() -> None:
    data = data_that_tells_its_place(flip=True, margin=4)
    centre = data.centre([7, 2])
    assert centre.shape == (2, SIDE, SIDE, 3)
    assert centre[:, 0, 0].tolist() == [[2, 2, 7], [2, 2, 2]]


def test_opening_decodes_the_pictures_and_encodes_every_caption_in_order() -> None:
    data = TrainingData.open(CONFIG, StubEncoder())
    assert data.store.pictures.shape == (10, SIDE + MARGIN, SIDE + MARGIN, 3)
    captions = [caption for example in data.store.examples for caption in example.captions]
    np.testing.assert_array_equal(data.embeddings.numpy(), StubEncoder().encode(captions))
    assert data.batch(0).pictures.shape == (BATCH_SIZE, 3, SIDE, SIDE)


def test_the_sampler_follows_the_configured_batch_size_and_seed() -> None:
    training = CONFIG.training.model_copy(update={"batch_size": 6, "seed": 5})
    data = TrainingData.open(CONFIG.model_copy(update={"training": training}), StubEncoder())
    expected = PairSampler(data.store.examples, 6, 5)(1)
    np.testing.assert_array_equal(data.sampler(1).matching, expected.matching)


def test_opening_a_data_set_with_nothing_in_it_is_refused() -> None:
    config = CONFIG.model_copy(update={"data": DataConfig(source="toy:0")})
    with pytest.raises(DataError, match="toy:0"):
        TrainingData.open(config, StubEncoder())
