import pytest
import torch
from torch import Tensor, nn

from captiongan.networks.gan import Discriminator, Generator

NOISE_DIM = 5


def generator(resolution: int = 16) -> Generator:
    torch.manual_seed(0)
    return Generator(
        resolution=resolution, features=2, noise_dim=NOISE_DIM, embedding_dim=0, projected_dim=4
    )


def discriminator(resolution: int = 16) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(resolution=resolution, features=2, embedding_dim=0, projected_dim=4)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def nothing(pairs: int) -> Tensor:
    return torch.empty(pairs, 0)


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_pictures_and_logits_have_the_right_shape_at_each_resolution(resolution: int) -> None:
    pictures = generator(resolution)(noise(2, NOISE_DIM), nothing(2))
    assert pictures.shape == (2, 3, resolution, resolution)
    judge = discriminator(resolution)
    assert judge.features(pictures).shape == (2, 8)
    assert judge(pictures, nothing(2)).shape == (2, 1)


def test_the_networks_are_fully_connected() -> None:
    draw, judge = (
        Generator(resolution=64, features=64, noise_dim=100, embedding_dim=0, projected_dim=128),
        Discriminator(resolution=64, features=64, embedding_dim=0, projected_dim=128),
    )
    hidden = (256 + 1) * 512 + (512 + 1) * 1024
    assert count(draw) == (100 + 1) * 256 + hidden + (1024 + 1) * 3 * 64 * 64
    hidden = (1024 + 1) * 512 + (512 + 1) * 256
    assert count(judge) == (3 * 64 * 64 + 1) * 1024 + hidden + 256 + 1
    for network in (draw, judge):
        layers = [module for module in network.modules() if list(module.parameters(False))]
        assert all(isinstance(layer, nn.Linear) for layer in layers)
        assert sum(isinstance(module, nn.LeakyReLU) for module in network.modules()) == 3


def test_pictures_stay_between_minus_one_and_one_whatever_the_weights() -> None:
    network = generator()
    with torch.no_grad():
        network.get_parameter("to_rgb.0.weight").mul_(1e4)
    pictures = network(noise(4, NOISE_DIM), nothing(4))
    assert -1 <= pictures.min() < -0.9
    assert 0.9 < pictures.max() <= 1


def test_logits_are_not_probabilities() -> None:
    network = discriminator()
    with torch.no_grad():
        network.get_parameter("compare.weight").mul_(1e3)
    logits = network(noise(8, 3, 16, 16), nothing(8))
    assert logits.abs().max() > 1


def test_the_picture_depends_on_the_noise_and_the_judgement_on_the_picture() -> None:
    draw, judge = generator(), discriminator()
    pictures = [draw(noise(2, NOISE_DIM, seed=seed), nothing(2)) for seed in (1, 2)]
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-6)
    logits = [judge(noise(2, 3, 16, 16, seed=seed), nothing(2)) for seed in (1, 2)]
    assert not torch.allclose(logits[0], logits[1], atol=1e-6)


def test_each_picture_is_drawn_and_judged_as_if_it_were_alone() -> None:
    draw, judge, z = generator(), discriminator(), noise(3, NOISE_DIM)
    pictures = draw(z, nothing(3))
    alone = torch.cat([draw(z[row : row + 1], nothing(1)) for row in range(3)])
    torch.testing.assert_close(pictures, alone)
    logits = torch.cat([judge(pictures[row : row + 1], nothing(1)) for row in range(3)])
    torch.testing.assert_close(judge(pictures, nothing(3)), logits)


def test_a_picture_is_judged_alike_however_its_numbers_lie_in_memory() -> None:
    x = noise(2, 3, 16, 16)
    turned = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(discriminator()(turned, nothing(2)), discriminator()(x, nothing(2)))


def test_the_judgement_is_that_of_the_last_hidden_layer() -> None:
    network, x = discriminator(), noise(4, 3, 16, 16)
    features = network.features(x)
    assert torch.equal(network(x, nothing(4)), network.logits(features, nothing(4)))
    layer = network.compare
    assert isinstance(layer, nn.Linear)
    torch.testing.assert_close(network(x, nothing(4)), features @ layer.weight.T + layer.bias)


def test_gradients_reach_every_weight() -> None:
    draw, judge = generator(), discriminator()
    judge(draw(noise(4, NOISE_DIM), nothing(4)), nothing(4)).sum().backward()
    for network in (draw, judge):
        for name, weight in network.named_parameters():
            assert weight.grad is not None and weight.grad.any(), name


def test_a_text_is_refused_rather_than_unheard() -> None:
    with pytest.raises(ValueError, match="embedding_dim = 384: must be 0"):
        Generator(
            resolution=16, features=2, noise_dim=NOISE_DIM, embedding_dim=384, projected_dim=4
        )
    with pytest.raises(ValueError, match="embedding_dim = 384: must be 0"):
        Discriminator(resolution=16, features=2, embedding_dim=384, projected_dim=4)
    with pytest.raises(RuntimeError):
        generator()(noise(2, NOISE_DIM), noise(2, 6))
    with pytest.raises(RuntimeError):
        discriminator()(noise(2, 3, 16, 16), noise(2, 6))
    with pytest.raises(RuntimeError):
        discriminator()(noise(3, 3, 16, 16), nothing(2))
