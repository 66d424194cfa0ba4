"""What an extractor promises, whichever it is, and how its answers are remembered."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from captiongan.base.cache import CACHE_VARIABLE, cache_folder
from captiongan.base.files import sha256_of
from captiongan.data.store import Pictures
from captiongan.errors import ConfigError, OutputError, RunError
from captiongan.evaluation import extractors
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import (
    EXTRACTORS,
    INPUT_SIDES,
    Extractor,
    ExtractorIdentity,
    NetworkExtractor,
    choose_extractor,
    choose_extractors,
    remembered_features,
)
from captiongan.networks.efficientnet_lite import VARIANTS, EfficientNetLite

PUBLISHED = {"lite0": "57934424", "lite1": "77cc7160", "lite2": "9656183e"}
IDENTITY = ExtractorIdentity("sums", 2, 4, "none", "0" * 64)
CPU = torch.device("cpu")


def random_pictures(count: int, side: int = 4, seed: int = 0) -> Pictures:
    shape = (count, side, side, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth_pictures(count: int, side: int) -> Pictures:
    """Pictures that look alike at any side, unlike noise."""
    return np.array([enlarged(picture, side) for picture in random_pictures(count, 5)])


def enlarged(picture: Pictures, side: int) -> Pictures:
    return np.array(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


class CountingExtractor:
    """Describes a picture by two sums over its levels, and takes notes."""

    def __init__(self, identity: ExtractorIdentity = IDENTITY) -> None:
        self.identity = identity
        self.asked = 0

    def features(self, pictures: Pictures) -> Features:
        self.asked += 1
        return self.answer(pictures)

    def answer(self, pictures: Pictures) -> Features:
        levels = pictures.reshape(len(pictures), -1).astype(np.float32)
        sign = -1 if self.identity != IDENTITY else 1
        return np.stack([levels.sum(axis=1), sign * levels[:, :5].sum(axis=1)], axis=1)


class Means(nn.Module):
    """Two numbers per picture; not finite where the first level is 255 or 254."""

    def forward(self, levels: Tensor) -> Tensor:
        first = levels[:, 0, 0, 0].float()
        spoilt = torch.where(first == 255, torch.nan, torch.where(first == 254, torch.inf, first))
        return torch.stack([spoilt, levels.float().mean(dim=(1, 2, 3))], dim=1)


def means() -> NetworkExtractor:
    return NetworkExtractor(IDENTITY, Means(), lambda levels: levels, CPU)


@pytest.fixture(scope="module", params=sorted(PUBLISHED))
def lite(request: pytest.FixtureRequest) -> Extractor:
    return choose_extractor(request.param)


def test_features_are_float32_one_row_per_picture(lite: Extractor) -> None:
    for count in (0, 1, 3):
        features = lite.features(random_pictures(count, 8))
        assert features.shape == (count, 1280)
        assert features.dtype == np.float32


def test_features_depend_neither_on_the_batch_nor_on_the_order(
    lite: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = smooth_pictures(5, 16)
    order = np.array([3, 0, 4, 2, 1])
    together = lite.features(pictures)
    monkeypatch.setattr(extractors, "BATCH", 2)
    np.testing.assert_allclose(lite.features(pictures), together, atol=1e-4)
    np.testing.assert_allclose(lite.features(pictures[order]), together[order], atol=1e-4)
    assert np.abs(together - together[order]).max() > 0.1


def test_the_identity_names_the_published_weights(lite: Extractor) -> None:
    identity = lite.identity
    assert len(identity.sha256) == 64
    assert identity.sha256.startswith(PUBLISHED[identity.name])
    for fact in (identity.name, identity.sha256[:12], str(identity.input_side), identity.resize):
        assert fact in str(identity)


def test_pictures_of_the_input_side_reach_the_network_as_its_training_had_them() -> None:
    pictures = smooth_pictures(2, INPUT_SIDES["lite0"])
    prepared = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128
    expected = EfficientNetLite(VARIANTS["lite0"])(prepared).numpy()
    features = choose_extractor("lite0").features(pictures)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [64, 300])
def test_pictures_are_resized_as_pillow_does(side: int) -> None:
    lite0 = choose_extractor("lite0")
    pictures = random_pictures(2, side)
    resized = np.array([enlarged(picture, INPUT_SIDES["lite0"]) for picture in pictures])
    features, expected = lite0.features(pictures), lite0.features(resized)
    assert np.abs(features - expected).mean() < 0.03 * np.abs(expected).mean()


def test_pictures_may_lie_on_disk_and_be_any_slice(tmp_path: Path) -> None:
    whole = random_pictures(40)
    whole.tofile(tmp_path / "pictures.u8")
    stored = np.memmap(tmp_path / "pictures.u8", np.uint8, mode="r", shape=whole.shape)
    expected = means().features(whole)
    np.testing.assert_array_equal(means().features(stored[5:37]), expected[5:37])
    np.testing.assert_array_equal(means().features(stored[::-3]), expected[::-3])
    counting = CountingExtractor()
    for _ in range(2):
        answer = remembered_features(counting, stored[::-3])
        np.testing.assert_array_equal(answer, counting.answer(whole[::-3]))
    assert counting.asked == 1


@pytest.mark.parametrize(
    "pictures",
    [
        random_pictures(2).astype(np.float32),
        random_pictures(2).view(np.int8),
        random_pictures(2)[0],
        random_pictures(2)[:, :3],
        random_pictures(2)[..., :1],
        np.zeros((2, 3, 8, 8), np.uint8),
        np.zeros((2, 0, 0, 3), np.uint8),
    ],
    ids=lambda pictures: f"{pictures.dtype}-{pictures.shape}",
)
def test_pictures_of_another_kind_are_refused(pictures: Pictures) -> None:
    remembered_features(means(), random_pictures(2))
    for describe in (means().features, lambda wrong: remembered_features(means(), wrong)):
        with pytest.raises(ValueError, match=r"must be uint8 \(N, side, side, 3\)"):
            describe(pictures)


@pytest.mark.parametrize("level", [254, 255])
def test_features_that_are_not_finite_are_refused_with_the_picture(level: int) -> None:
    pictures = random_pictures(40) // 2
    pictures[[19, 33], 0, 0, 0] = level
    with pytest.raises(RunError, match="extractor 'sums': features of picture 19 are not finite"):
        means().features(pictures)
    with pytest.raises(RunError, match="picture 19"):
        remembered_features(means(), pictures)
    assert not list(cache_folder("features").iterdir())


def test_batch_normalisation_uses_what_it_learned_in_training() -> None:
    network = nn.Sequential(Means(), nn.BatchNorm1d(2))
    extractor = NetworkExtractor(IDENTITY, network, lambda levels: levels, CPU)
    pictures = random_pictures(6) // 2
    np.testing.assert_array_equal(
        extractor.features(pictures)[:1], extractor.features(pictures[:1])
    )


def test_an_unknown_extractor_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        ConfigError, match="unknown extractor 'vgg'; choose lite0, lite1, lite2, inception"
    ):
        choose_extractor("vgg")


@pytest.mark.parametrize("name", EXTRACTORS)
def test_an_extractor_does_not_judge_what_it_helped_to_train(name: str) -> None:
    others = ", ".join(other for other in EXTRACTORS if other != name)
    with pytest.raises(ConfigError, match=f"'{name}' took part.* choose another: {others}$"):
        choose_extractor(name, took_part={name})


def test_an_extractor_judges_what_another_helped_to_train() -> None:
    assert choose_extractor("lite0", took_part=["lite1"]).identity.name == "lite0"


def test_an_extractor_looks_at_several_sides_each_with_an_identity_of_its_own() -> None:
    identities = [each.identity for each in choose_extractors("lite1", None)]
    assert [identity.input_side for identity in identities] == [96, 128, 160, 224]
    assert [replace(each, input_side=0) for each in identities] == 4 * [
        replace(identities[0], input_side=0)
    ]
    assert choose_extractor("lite1").identity == identities[2]  # as it has always been
    (one,) = choose_extractors("lite1", [256])
    assert one.identity.input_side == 256
    pictures = smooth_pictures(1, 16)
    there, here = one.features(pictures), choose_extractor("lite1").features(pictures)
    assert np.abs(there - here).max() > 0.1


@pytest.mark.parametrize("side", [100, 64, 288, 0, -96])
def test_a_side_that_the_network_cannot_halve_five_times_is_refused(side: int) -> None:
    rule = rf"--sides {side}: a side must be a multiple of 32 from 96 to 256 pixels; leave --sides"
    with pytest.raises(ConfigError, match=rule):
        choose_extractors("lite1", [96, side])


@pytest.mark.parametrize("sides", [[], [96, 128, 96]])
def test_no_side_and_a_side_given_twice_are_refused(sides: list[int]) -> None:
    with pytest.raises(
        ConfigError, match=r"--sides '.*': give one or more sides, each of them once"
    ):
        choose_extractors("lite1", sides)


def test_features_are_computed_once_in_all_processes_together() -> None:
    first, second = CountingExtractor(), CountingExtractor()
    pictures = random_pictures(7)
    computed, remembered = (remembered_features(each, pictures) for each in (first, second))
    np.testing.assert_array_equal(computed, remembered)
    np.testing.assert_array_equal(remembered, first.answer(pictures))
    assert (first.asked, second.asked) == (1, 0)
    assert remembered.dtype == np.float32
    assert remembered.flags.writeable


def test_no_picture_has_no_features() -> None:
    for _ in range(2):
        assert remembered_features(means(), random_pictures(0)).shape == (0, 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[:-8],
        lambda content: content + bytes(8),
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"garbage" * len(content),
    ],
    ids=["empty", "shorter", "longer", "one bit", "garbage"],
)
def test_damaged_features_are_computed_anew(damage: Callable[[bytes], bytes]) -> None:
    counting, pictures = CountingExtractor(), random_pictures(7)
    remembered_features(counting, pictures)
    (file,) = cache_folder("features").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    for _ in range(2):
        answer = remembered_features(counting, pictures)
        np.testing.assert_array_equal(answer, counting.answer(pictures))
    assert counting.asked == 2


def test_other_pictures_of_the_same_shape_or_of_the_same_bytes_are_kept_apart() -> None:
    counting, pictures = CountingExtractor(), random_pictures(8)
    changed = pictures.copy()
    changed[-1, -1, -1, -1] ^= 1
    for each in (pictures, changed, pictures[::-1], pictures.reshape(2, 8, 8, 3)):
        np.testing.assert_array_equal(remembered_features(counting, each), counting.answer(each))
    assert counting.asked == 4


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, name="other"),
        replace(IDENTITY, input_side=5),
        replace(IDENTITY, resize="bilinear"),
        replace(IDENTITY, sha256="0" * 63 + "1"),
    ],
    ids=["name", "side", "resize", "weights"],
)
def test_extractors_that_differ_in_anything_are_kept_apart(other: ExtractorIdentity) -> None:
    pictures = random_pictures(3)
    for extractor in (CountingExtractor(), CountingExtractor(other)):
        answer = remembered_features(extractor, pictures)
        np.testing.assert_array_equal(answer, extractor.answer(pictures))


def test_a_cache_that_cannot_be_written_is_an_error_with_the_variable_to_set() -> None:
    pictures = random_pictures(3)
    remembered_features(means(), pictures)
    (file,) = cache_folder("features").iterdir()
    file.unlink()
    file.mkdir()
    with pytest.raises(OutputError, match=CACHE_VARIABLE):
        remembered_features(means(), pictures)


class StandInInception(nn.Module):
    """Called, and answering, as torch-fidelity 0.3 and 0.4 are and do."""

    failure: Exception | None = None

    def __init__(
        self,
        name: str,
        features_list: list[str],
        feature_extractor_weights_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        assert (name, features_list) == ("inception-v3-compat", ["2048"])
        assert feature_extractor_weights_path is None
        assert kwargs == {"verbose": False}
        if self.failure:
            raise self.failure
        file = Path(torch.hub.get_dir()) / "checkpoints" / "weights-of-a-stand-in.pth"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"weights")

    def forward(self, levels: Tensor) -> tuple[Tensor]:
        assert levels.dtype == torch.uint8
        assert levels.shape[1:] == (3, 4, 4)
        return (levels.flatten(1)[:, :1].float().repeat(1, 2048),)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[StandInInception]:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    package, module = ModuleType("torch_fidelity"), ModuleType("feature_extractor_inceptionv3")
    names = {
        "FeatureExtractorInceptionV3": StandInInception,
        "URL_INCEPTION_V3": "https://example.org/weights-of-a-stand-in.pth",
    }
    vars(module).update(names)
    vars(package).update(feature_extractor_inceptionv3=module)
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    return StandInInception


@pytest.mark.usefixtures("stand_in")
def test_inception_keeps_its_one_side() -> None:
    (extractor,) = choose_extractors("inception", None)
    assert extractor.identity.input_side == 299
    with pytest.raises(ConfigError, match=r"'inception' has 299 pixels only.*leave --sides out"):
        choose_extractors("inception", [128])


@pytest.mark.usefixtures("stand_in")
def test_inception_describes_levels_with_the_weights_that_were_fetched(tmp_path: Path) -> None:
    extractor = choose_extractor("inception")
    pictures = random_pictures(20)
    features = extractor.features(pictures)
    assert features.shape == (20, extractor.identity.dim) == (20, 2048)
    np.testing.assert_array_equal(features, pictures[:, :1, 0, 0].repeat(2048, axis=1))
    (file,) = (tmp_path / "torch").rglob("*.pth")
    assert extractor.identity.sha256 == sha256_of(file)
    assert str(extractor.identity).endswith("299 pixels (bilinear as TensorFlow 1 did)")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (URLError("no such host"), r"cannot be fetched from https://example\.org.*no such host"),
        (EOFError("too short"), r"weights-of-a-stand-in\.pth' cannot be read.*remove the file"),
    ],
)
def test_inception_without_its_weights_is_an_error_that_names_another_extractor(
    stand_in: type[StandInInception],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    words: str,
) -> None:
    monkeypatch.setattr(stand_in, "failure", failure)
    with pytest.raises(ConfigError, match=f"{words}.*--extractor lite1"):
        choose_extractor("inception")


class Broken(ModuleType):
    """What importing does where torchvision was built for another PyTorch."""

    def __getattr__(self, name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")


@pytest.mark.parametrize("package", [None, Broken("torch_fidelity")], ids=["missing", "broken"])
def test_inception_without_its_package_is_an_error_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, package: ModuleType | None
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    with pytest.raises(ConfigError, match=r"pip install 'captiongan\[inception\]'"):
        choose_extractor("inception")
