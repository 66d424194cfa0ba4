"""The networks of the exercise, against the list of their layers."""

import pytest
import torch
from torch import Tensor, nn

from captiongan.networks.course import Discriminator, Generator

NOISE_DIM, EMBEDDING_DIM, PROJECTED_DIM = 5, 6, 3


def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(
        resolution=64,
        features=4,
        noise_dim=NOISE_DIM,
        embedding_dim=EMBEDDING_DIM,
        projected_dim=PROJECTED_DIM,
    )


def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(
        resolution=64, features=4, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    )


def the_exercises_own(embedding_dim: int = 768) -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return Generator(
        resolution=64, features=128, noise_dim=100, embedding_dim=embedding_dim, projected_dim=256
    ), Discriminator(resolution=64, features=128, embedding_dim=embedding_dim, projected_dim=256)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def shapes_after_each_layer(layers: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    shapes = []
    for layer in layers.children():
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    return shapes


def test_the_generators_layers_are_those_of_the_exercise() -> None:
    network, _ = the_exercises_own()
    assert network.text(noise(2, 768)).shape == (2, 256)
    assert shapes_after_each_layer(network.draw, noise(2, 356, 1, 1)) == [
        (512, 2, 2),
        (256, 4, 4),
        (128, 8, 8),
        (64, 16, 16),
        (32, 32, 32),
        (3, 64, 64),
    ]
    *hidden, last = network.draw.children()
    for stage in hidden:
        kinds = [type(layer) for layer in stage.children()]
        assert kinds == [nn.ConvTranspose2d, nn.BatchNorm2d, nn.GELU]
    assert isinstance(last, nn.ConvTranspose2d)


def test_the_discriminators_layers_are_those_of_the_exercise() -> None:
    _, network = the_exercises_own()
    assert network.text(noise(2, 768)).shape == (2, 256)
    assert shapes_after_each_layer(network.picture, noise(2, 3, 64, 64)) == [
        (128, 32, 32),
        (128, 32, 32),
        (256, 16, 16),
        (256, 16, 16),
        (512, 8, 8),
        (1024, 4, 4),
    ]
    for stage in network.picture.children():
        assert [type(layer) for layer in stage.children()] == [nn.Conv2d, nn.BatchNorm2d, nn.GELU]
    assert network.compare(noise(2, 1280, 4, 4)).shape == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("embedding_dim", "of_generator", "of_discriminator"),
    [(768, 5_903_523, 7_158_657), (384, 5_805_219, 7_060_353)],
)
def test_the_networks_have_as_many_weights_as_the_exercises(
    embedding_dim: int, of_generator: int, of_discriminator: int
) -> None:
    text = embedding_dim * 256 + 256 + 2 * 256
    doublings = [(356, 512), (512, 256), (256, 128), (128, 64), (64, 32)]
    drawing = sum(16 * before * after + after + 2 * after for before, after in doublings)
    drawing += 16 * 32 * 3 + 3
    stages = [(3, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 1024)]
    looking = sum(9 * before * after + after + 2 * after for before, after in stages)
    comparing = 16 * (1024 + 256) + 1
    draw, judge = the_exercises_own(embedding_dim)
    assert count(draw) == text + drawing == of_generator
    assert count(judge) == looking + text + comparing == of_discriminator


def test_weights_start_as_pytorch_has_them() -> None:
    for network in the_exercises_own():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                bound = nn.init._calculate_fan_in_and_fan_out(module.weight)[0] ** -0.5
                assert 0.95 * bound < module.weight.abs().max() <= bound
                assert module.bias is not None and module.bias.any()
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert (module.weight == 1).all()


def test_pictures_stay_between_minus_one_and_one_whatever_the_weights() -> None:
    network = generator()
    with torch.no_grad():
        network.get_parameter("draw.5.weight").mul_(1e4)
    pictures = network(noise(4, NOISE_DIM), noise(4, EMBEDDING_DIM))
    assert pictures.shape == (4, 3, 64, 64)
    assert -1 <= pictures.min() < -0.9
    assert 0.9 < pictures.max() <= 1


def test_logits_are_not_probabilities() -> None:
    network = discriminator()
    with torch.no_grad():
        network.get_parameter("compare.weight").mul_(1e3)
    logits = network(noise(8, 3, 64, 64), noise(8, EMBEDDING_DIM))
    assert logits.shape == (8, 1)
    assert logits.abs().max() > 1


def test_the_text_is_compared_at_every_place_after_the_features() -> None:
    network, seen = discriminator(), []
    network.compare.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.eval()
    x, e = noise(2, 3, 64, 64), noise(2, EMBEDDING_DIM)
    network(x, e)
    assert torch.equal(seen[0][:, :32], network.features(x))
    for row, column in ((0, 0), (1, 2), (3, 3)):
        assert torch.equal(seen[0][:, 32:, row, column], network.text(e))


def test_the_picture_and_the_judgement_depend_on_the_text() -> None:
    draw, judge = generator().eval(), discriminator().eval()
    z, x = noise(2, NOISE_DIM), noise(2, 3, 64, 64)
    texts = [noise(2, EMBEDDING_DIM, seed=seed) for seed in (1, 2)]
    assert not torch.allclose(draw(z, texts[0]), draw(z, texts[1]), atol=1e-6)
    assert not torch.allclose(judge(x, texts[0]), judge(x, texts[1]), atol=1e-6)
    assert not torch.allclose(
        draw(noise(2, NOISE_DIM, seed=2), texts[0]), draw(z, texts[0]), atol=1e-6
    )


def test_one_look_at_a_picture_serves_several_texts() -> None:
    network = discriminator()
    x, e = noise(4, 3, 64, 64), noise(4, EMBEDDING_DIM)
    assert torch.equal(network(x, e), network.logits(network.features(x), e))


def test_gradients_reach_every_weight() -> None:
    draw, judge, e = generator(), discriminator(), noise(4, EMBEDDING_DIM)
    judge(draw(noise(4, NOISE_DIM), e), e).square().sum().backward()
    for network in (draw, judge):
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            # A BatchNorm takes away what a bias before it adds.
            assert weight.grad.any() or name.endswith(".0.bias"), name


@pytest.mark.parametrize(
    ("resolution", "features", "embedding_dim", "named"),
    [
        (64, 4, 0, "embedding_dim = 0"),
        (32, 4, 6, "resolution = 32"),
        (128, 4, 6, "resolution = 128"),
        (64, 6, 6, "features = 6"),
        (64, 0, 6, "features = 0"),
    ],
)
def test_what_the_exercise_cannot_do_is_refused_by_name(
    resolution: int, features: int, embedding_dim: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        Generator(
            resolution=resolution,
            features=features,
            noise_dim=NOISE_DIM,
            embedding_dim=embedding_dim,
            projected_dim=3,
        )
    with pytest.raises(ValueError, match=named):
        Discriminator(
            resolution=resolution, features=features, embedding_dim=embedding_dim, projected_dim=3
        )
