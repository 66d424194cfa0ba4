"""What a bundle carries for another training to start from."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import save
from torch.nn.modules.batchnorm import _BatchNorm

from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle, write_bundle
from captiongan.bundle.manifest import (
    CARD_FILES,
    CRITIC_FILE,
    GENERATOR_FILE,
    TrainingFacts,
)
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError
from captiongan.export.export import export_run
from captiongan.networks.pixels import to_pictures
from captiongan.networks.registry import NETWORKS, UNFOLDED_NETWORKS
from captiongan.runs.build import build_discriminator, build_generator
from captiongan.runs.config import RunConfig
from captiongan.runs.load_trained import TrainedRun, load_trained
from captiongan.training.bundle_weights import read_critic, read_generator
from captiongan.training.starting_config import trained_config
from support.tiny_bundle import write_tiny_bundle
from support.tiny_run import CONFIG, EMBEDDING_DIM, RECIPE, tiny_run

PROMPTS = ["a red flower", "a yellow flower with pointed petals"]
PROJECTED = RECIPE.model_copy(update={"network": "projected"})
REED = CONFIG.model_copy(update={"network": "reed"})


def altered(
    bundle: Bundle, out: Path, training: TrainingFacts | None = None, **files: bytes
) -> Bundle:
    """Write a sound copy of a bundle with other facts or `files` (their names with _ for .)."""
    copied: dict[str, Path | bytes] = {
        name: bundle.folder / name for name in (*bundle.manifest.files, *CARD_FILES)
    }
    changed = {name.replace("__", "."): content for name, content in files.items()}
    facts = bundle.manifest.training if training is None else training
    return write_bundle(out, copied | changed, replace(bundle.manifest, training=facts))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return load_trained(tiny_run(tmp_path_factory.mktemp("run"), 2, config=RECIPE))


@pytest.fixture(scope="module")
def bundle(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return export_run(trained, tmp_path_factory.mktemp("bundle") / "small", "small", "1", PROMPTS)


@pytest.mark.parametrize("name", ["flowers", "birds", "flowers-128"])
def test_the_generator_of_a_shipped_bundle_draws_in_pytorch_what_the_bundle_draws(
    name: str,
) -> None:
    shipped = read_bundle(find_bundle(name))
    generator = build_generator(trained_config(shipped), shipped.manifest.embedding_dim)
    generator.load_state_dict(read_generator(shipped))
    random = np.random.default_rng(0)
    noise = random.standard_normal((4, shipped.manifest.noise_dim)).astype(np.float32)
    pipeline = Pipeline(shipped)
    embeddings = pipeline.encode([*PROMPTS, "a blue bird", "a white flower"])
    with torch.no_grad():
        drawn = to_pictures(generator(torch.from_numpy(noise), torch.from_numpy(embeddings)))
    expected = pipeline.draw(noise, embeddings)
    assert expected.std() > 10
    assert np.abs(drawn.numpy().astype(int) - expected.astype(int)).max() <= 1


def test_a_generator_is_read_back_as_it_was_exported(trained: TrainedRun, bundle: Bundle) -> None:
    exported, read = trained.generator.state_dict(), read_generator(bundle)
    assert exported["wording"].any()
    assert read.keys() == exported.keys()
    for name, values in read.items():
        assert values.dtype == torch.float32
        assert values.shape == exported[name].shape
        torch.testing.assert_close(values, exported[name], rtol=1e-3, atol=1e-7, msg=name)


def test_the_directions_of_wording_are_read_under_their_own_name_too(
    bundle: Bundle, tmp_path: Path
) -> None:
    model = onnx.load(bundle.folder / GENERATOR_FILE)
    expected = read_generator(bundle)["wording"]
    (weight,) = (each for each in model.graph.initializer if each.name == "permute")
    weight.CopyFrom(numpy_helper.from_array(expected.numpy(), "generator.wording"))
    named = altered(bundle, tmp_path / "named", generator__onnx=model.SerializeToString())
    assert read_generator(named)["wording"].equal(expected)


def without_wording(model: onnx.ModelProto) -> None:
    rest = [each for each in model.graph.initializer if each.name != "permute"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(rest)


def with_nan(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] = math.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def with_values_missing(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = b"\0\0"


def with_an_unknown_type(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_type = 99


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_wording, r"has no weight 'generator\.wording' or 'permute'"),
        (with_nan, r"holds values in '.+' that are not finite"),
        (with_values_missing, "cannot be read"),
        (with_an_unknown_type, "cannot be read"),
    ],
)
def test_a_generator_that_no_training_could_start_from_is_refused_in_one_line(
    bundle: Bundle,
    tmp_path: Path,
    damage: Callable[[onnx.ModelProto], None],
    message: str,
) -> None:
    model = onnx.load(bundle.folder / GENERATOR_FILE)
    damage(model)
    broken = altered(bundle, tmp_path / "broken", generator__onnx=model.SerializeToString())
    with pytest.raises(BundleError, match=rf"broken': generator\.onnx {message}") as caught:
        read_generator(broken)
    assert "start from another" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"hello", b"\x0a\x00"])
def test_a_generator_that_is_no_model_is_refused(
    bundle: Bundle, tmp_path: Path, content: bytes
) -> None:
    broken = altered(bundle, tmp_path / "broken", generator__onnx=content)
    with pytest.raises(BundleError, match=r"generator\.onnx.*(read|has no weight)"):
        read_generator(broken)


def test_a_generator_that_reaches_outside_its_file_is_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    model = onnx.load(bundle.folder / GENERATOR_FILE)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="README.md")
    outside = altered(bundle, tmp_path / "outside", generator__onnx=model.SerializeToString())
    with pytest.raises(BundleError, match=r"TensorProto has a field 1[34]"):
        read_generator(outside)


def test_a_network_is_held_weight_by_weight_unless_it_has_batch_norm_as_its_facts_say() -> None:
    sizes = {"resolution": 64, "features": 4, "noise_dim": 8, "projected_dim": 4}
    for name, network in NETWORKS.items():
        embedding_dim = EMBEDDING_DIM if network.takes_text else 0
        generator = network.build_generator(embedding_dim=embedding_dim, **sizes)
        layers = [each for each in generator.modules() if isinstance(each, _BatchNorm)]
        assert bool(layers) == network.has_batch_norm, name
        assert (name in UNFOLDED_NETWORKS) == (network.takes_text and not layers), name


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"network": "dcgan"},
            "bundle 'small' was trained by network 'dcgan', whose BatchNorm is folded into its "
            "weights; start from a bundle of fusion or projected",
        ),
        ({"name": "of before there was a choice"}, "was trained by network 'dcgan'"),
        (None, "'training > config > network' in bundle.json is missing, must be fusion or proj"),
        ({"network": ["fusion"]}, r"is \['fusion'\], must be fusion or projected"),
        ({"network": "diffusion"}, "is 'diffusion', must be fusion or projected"),
    ],
)
def test_a_generator_of_another_network_is_refused_with_those_that_can_be_read(
    bundle: Bundle, tmp_path: Path, config: dict[str, Any] | None, message: str
) -> None:
    other = altered(bundle, tmp_path / "other", training=TrainingFacts(config=config))
    with pytest.raises(BundleError, match=message) as caught:
        read_generator(other)
    assert "\n" not in str(caught.value)


def test_the_shipped_bundle_of_the_lecture_is_refused_by_its_network() -> None:
    with pytest.raises(BundleError, match="'flowers-lecture' was trained by network 'dcgan'"):
        read_generator(read_bundle(find_bundle("flowers-lecture")))


@pytest.mark.parametrize("config", [CONFIG, REED, RECIPE, PROJECTED], ids=lambda each: each.network)
def test_a_discriminator_of_any_network_is_read_back_as_it_was_exported(
    tmp_path: Path, config: RunConfig
) -> None:
    trained = load_trained(tiny_run(tmp_path, 1, scored=False, config=config))
    critic = read_critic(export_run(trained, tmp_path / "bundle", "small", "1", PROMPTS))
    expected = trained.checkpoint.tensors("discriminator")
    assert critic is not None
    for name, values in critic.items():
        assert values.dtype == expected[name].dtype
        torch.testing.assert_close(values, expected[name], rtol=1e-3, atol=1e-7, msg=name)
    build_discriminator(trained.config, EMBEDDING_DIM).load_state_dict(critic)
    assert not any(".network." in name for name in critic)  # EfficientNet's stay in their package


def test_a_bundle_without_a_discriminator_has_none_to_read(tmp_path: Path) -> None:
    assert read_critic(write_tiny_bundle(tmp_path / "tiny")) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", r"cannot be read as safetensors \("),
        (save({"weight": torch.ones(9)})[:-3], r"cannot be read as safetensors \("),
        (save({"weight": torch.tensor([1, math.nan]).half()}), "holds values in 'weight' that are"),
        (save({"weight": torch.tensor([1, math.inf])}), "holds values in 'weight' that are"),
        (
            save({"weight": torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}),
            r"cannot be read as safetensors \(",
        ),
    ],
    ids=["text", "truncated", "NaN", "infinite", "four bits"],
)
def test_a_discriminator_that_no_training_could_start_from_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    broken = write_tiny_bundle(tmp_path / "broken", critic=content)
    with pytest.raises(BundleError, match=rf"broken': {CRITIC_FILE} {message}") as caught:
        read_critic(broken)
    assert "start from another" in str(caught.value)
    assert "\n" not in str(caught.value)
