import inspect
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from captiongan.networks import course, dcgan, gan, reed
from captiongan.networks.dcgan import Discriminator, Generator

NOISE_DIM, EMBEDDING_DIM, PROJECTED_DIM = 5, 6, 4

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
TEXT = ["text.0.weight", "text.0.bias", *(f"text.1.{name}" for name in NORM)]
GENERATOR_NAMES = [
    *TEXT,
    "project_and_reshape.0.weight",
    *(f"project_and_reshape.1.{name}" for name in NORM),
    "upsample.0.0.weight",
    *(f"upsample.0.1.{name}" for name in NORM),
    "to_rgb.weight",
    "to_rgb.bias",
]
DISCRIMINATOR_NAMES = [
    "picture.0.weight",
    "picture.0.bias",
    "picture.2.0.weight",
    *(f"picture.2.1.{name}" for name in NORM),
    *TEXT,
    "compare.0.weight",
    *(f"compare.1.{name}" for name in NORM),
    "compare.3.weight",
    "compare.3.bias",
]
"""What checkpoints of the lecture's networks hold; a new name locks the old ones out."""


def generator(resolution: int = 16) -> Generator:
    torch.manual_seed(0)
    return Generator(
        resolution=resolution,
        features=2,
        noise_dim=NOISE_DIM,
        embedding_dim=EMBEDDING_DIM,
        projected_dim=PROJECTED_DIM,
    )


def discriminator(resolution: int = 16) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(
        resolution=resolution, features=2, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    )


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
def test_pictures_and_logits_have_the_right_shape_at_each_resolution(resolution: int) -> None:
    embedding = noise(2, EMBEDDING_DIM)
    pictures = generator(resolution)(noise(2, NOISE_DIM), embedding)
    assert pictures.shape == (2, 3, resolution, resolution)
    judge = discriminator(resolution)
    assert judge.features(pictures).shape == (2, resolution // 4, 4, 4)
    assert judge(pictures, embedding).shape == (2, 1)


def test_pictures_stay_between_minus_one_and_one_whatever_the_weights() -> None:
    network = generator()
    with torch.no_grad():
        network.to_rgb.weight.mul_(1e4)
    pictures = network(noise(4, NOISE_DIM), noise(4, EMBEDDING_DIM))
    assert -1 <= pictures.min() < -0.9
    assert 0.9 < pictures.max() <= 1


def test_the_picture_depends_on_the_noise_and_on_the_text() -> None:
    network = generator().eval()
    z, e = noise(2, NOISE_DIM), noise(2, EMBEDDING_DIM)
    picture = network(z, e)
    assert not torch.allclose(network(noise(2, NOISE_DIM, seed=2), e), picture, atol=1e-6)
    assert not torch.allclose(network(z, noise(2, EMBEDDING_DIM, seed=2)), picture, atol=1e-6)


def test_the_judgement_depends_on_the_picture_and_on_the_text() -> None:
    network = discriminator().eval()
    x, e = noise(2, 3, 16, 16), noise(2, EMBEDDING_DIM)
    logits = network(x, e)
    assert not torch.allclose(network(noise(2, 3, 16, 16, seed=2), e), logits, atol=1e-9)
    assert not torch.allclose(network(x, noise(2, EMBEDDING_DIM, seed=2)), logits, atol=1e-9)


def test_a_drawing_network_draws_each_picture_as_if_it_were_alone() -> None:
    network = generator().eval()
    z, e = noise(3, NOISE_DIM), noise(3, EMBEDDING_DIM)
    alone = torch.cat([network(z[row : row + 1], e[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(network(z, e), alone)


def test_one_look_at_a_picture_serves_several_texts() -> None:
    network = discriminator()
    x, e = noise(4, 3, 16, 16), noise(4, EMBEDDING_DIM)
    assert torch.equal(network(x, e), network.logits(network.features(x), e))


def test_the_generator_of_64_features_is_the_lectures() -> None:
    network = Generator(
        resolution=64, features=64, noise_dim=100, embedding_dim=384, projected_dim=128
    )
    assert network.project_and_reshape(noise(2, 228, 1, 1)).shape == (2, 512, 4, 4)
    stages = [network.project_and_reshape(noise(2, 228, 1, 1))]
    for stage in network.upsample:
        stages.append(stage(stages[-1]))
    assert [tuple(stage.shape[1:]) for stage in stages] == [
        (512, 4, 4),
        (256, 8, 8),
        (128, 16, 16),
        (64, 32, 32),
    ]
    text = 384 * 128 + 128 + 2 * 128
    seed = 16 * (100 + 128) * 512 + 2 * 512
    doublings = sum(16 * 2 * wide * wide + 2 * wide for wide in (256, 128, 64))
    assert count(network) == text + seed + doublings + 16 * 64 * 3 + 3


def test_the_discriminator_of_64_features_is_the_lectures() -> None:
    network = Discriminator(resolution=64, features=64, embedding_dim=384, projected_dim=128)
    assert network.features(noise(2, 3, 64, 64)).shape == (2, 512, 4, 4)
    text = 384 * 128 + 128 + 2 * 128
    halvings = sum(16 * wide * 2 * wide + 2 * 2 * wide for wide in (64, 128, 256))
    comparison = (512 + 128) * 512 + 2 * 512 + 16 * 512 + 1
    assert count(network) == 16 * 3 * 64 + 64 + halvings + text + comparison


def test_weights_start_as_in_the_dcgan_paper() -> None:
    network = Generator(
        resolution=64, features=32, noise_dim=100, embedding_dim=384, projected_dim=128
    )
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d | nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1.0, abs=0.02)
            assert not module.bias.any()


@pytest.mark.parametrize(("noise_dim", "embedding_dim"), [(4, 6), (6, 6), (5, 5), (5, 7)])
def test_noise_or_text_of_another_length_is_refused(noise_dim: int, embedding_dim: int) -> None:
    with pytest.raises(RuntimeError):
        generator()(noise(2, noise_dim), noise(2, embedding_dim))


def test_a_text_of_another_length_or_a_picture_that_is_too_small_cannot_be_judged() -> None:
    with pytest.raises(RuntimeError):
        discriminator()(noise(2, 3, 16, 16), noise(2, EMBEDDING_DIM + 1))
    with pytest.raises(RuntimeError):
        discriminator()(noise(2, 3, 8, 8), noise(2, EMBEDDING_DIM))


def test_pictures_and_texts_of_different_number_are_refused() -> None:
    with pytest.raises(RuntimeError):
        discriminator()(noise(3, 3, 16, 16), noise(2, EMBEDDING_DIM))


def test_the_names_of_the_weights_are_those_of_old_checkpoints() -> None:
    assert list(generator().state_dict()) == GENERATOR_NAMES
    assert list(discriminator().state_dict()) == DISCRIMINATOR_NAMES


@pytest.mark.parametrize("pair", [gan, course, reed])
def test_each_pair_of_networks_is_built_and_called_like_the_lectures(pair: ModuleType) -> None:
    assert inspect.signature(pair.Generator) == inspect.signature(dcgan.Generator)
    assert inspect.signature(pair.Discriminator) == inspect.signature(dcgan.Discriminator)
    for method in ("features", "logits", "forward"):
        ours, lectures = (
            getattr(network, method) for network in (pair.Discriminator, dcgan.Discriminator)
        )
        assert inspect.signature(ours) == inspect.signature(lectures)
    forwards = (pair.Generator.forward, dcgan.Generator.forward)
    assert inspect.signature(forwards[0]) == inspect.signature(forwards[1])


@pytest.mark.parametrize("embedding_dim", [0, EMBEDDING_DIM])
def test_gradients_reach_every_weight(embedding_dim: int) -> None:
    torch.manual_seed(0)
    draw = Generator(
        resolution=16,
        features=4,
        noise_dim=NOISE_DIM,
        embedding_dim=embedding_dim,
        projected_dim=PROJECTED_DIM,
    )
    judge = Discriminator(
        resolution=16, features=4, embedding_dim=embedding_dim, projected_dim=PROJECTED_DIM
    )
    embedding = noise(4, embedding_dim)
    judge(draw(noise(4, NOISE_DIM), embedding), embedding).square().sum().backward()
    for network in (draw, judge):
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.any() or name == "text.0.bias", name  # a BatchNorm follows


def test_without_text_the_networks_are_those_of_the_dcgan_paper() -> None:
    draw, judge = (
        Generator(resolution=64, features=64, noise_dim=100, embedding_dim=0, projected_dim=128),
        Discriminator(resolution=64, features=64, embedding_dim=0, projected_dim=128),
    )
    doublings = sum(16 * 2 * wide * wide + 2 * wide for wide in (256, 128, 64))
    assert count(draw) == 16 * 100 * 512 + 2 * 512 + doublings + 16 * 64 * 3 + 3
    halvings = sum(16 * wide * 2 * wide + 2 * 2 * wide for wide in (64, 128, 256))
    assert count(judge) == 16 * 3 * 64 + 64 + halvings + 16 * 512 + 1
    nothing = torch.empty(2, 0)
    pictures = draw(noise(2, 100), nothing)
    assert pictures.shape == (2, 3, 64, 64)
    assert judge(pictures, nothing).shape == (2, 1)
    assert torch.equal(judge(pictures, nothing), judge.logits(judge.features(pictures), nothing))


def test_without_text_a_text_is_refused_rather_than_unheard() -> None:
    draw, judge = (
        Generator(resolution=16, features=2, noise_dim=NOISE_DIM, embedding_dim=0, projected_dim=4),
        Discriminator(resolution=16, features=2, embedding_dim=0, projected_dim=4),
    )
    with pytest.raises(RuntimeError):
        draw(noise(2, NOISE_DIM), noise(2, 4))
    with pytest.raises(RuntimeError):
        judge(noise(2, 3, 16, 16), noise(2, 4))
    with pytest.raises(RuntimeError):
        judge(noise(3, 3, 16, 16), torch.empty(2, 0))


def test_without_text_the_length_of_its_projection_has_no_effect() -> None:
    weights = []
    for projected_dim in (1, 128):
        torch.manual_seed(0)
        draw = Generator(
            resolution=16,
            features=2,
            noise_dim=NOISE_DIM,
            embedding_dim=0,
            projected_dim=projected_dim,
        )
        judge = Discriminator(
            resolution=16, features=2, embedding_dim=0, projected_dim=projected_dim
        )
        weights.append([*draw.state_dict().values(), *judge.state_dict().values()])
    for one, other in zip(*weights, strict=True):
        assert torch.equal(one, other)


def test_logits_are_not_probabilities() -> None:
    network = discriminator()
    with torch.no_grad():
        network.get_parameter("compare.3.weight").mul_(1e3)
    logits = network(noise(8, 3, 16, 16), noise(8, EMBEDDING_DIM))
    assert logits.abs().max() > 1
