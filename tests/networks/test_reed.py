"""The networks of Reed et al. 2016, against the list of their layers."""

import pytest
import torch
from torch import Tensor, nn

from captiongan.networks.reed import Bottleneck, Discriminator, Generator

NOISE_DIM, EMBEDDING_DIM, PROJECTED_DIM = 5, 6, 4


def generator(resolution: int = 16) -> Generator:
    torch.manual_seed(0)
    return Generator(
        resolution=resolution,
        features=4,
        noise_dim=NOISE_DIM,
        embedding_dim=EMBEDDING_DIM,
        projected_dim=PROJECTED_DIM,
    )


def discriminator(resolution: int = 16) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(
        resolution=resolution, features=4, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    )


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def kinds(network: nn.Module) -> list[type[nn.Module]]:
    return [type(layer) for layer in network.children()]


def weights_of_a_bottleneck(channels: int) -> int:
    narrow = channels // 4
    convolutions = channels * narrow + 9 * narrow * narrow + 9 * narrow * channels
    return convolutions + 2 * narrow + 2 * narrow + 2 * channels


@pytest.mark.parametrize("resolution", [16, 32, 64, 128])
def test_pictures_and_logits_have_the_right_shape_at_each_resolution(resolution: int) -> None:
    embedding = noise(2, EMBEDDING_DIM)
    pictures = generator(resolution)(noise(2, NOISE_DIM), embedding)
    assert pictures.shape == (2, 3, resolution, resolution)
    judge = discriminator(resolution)
    assert judge.features(pictures).shape == (2, resolution // 2, 4, 4)
    assert judge(pictures, embedding).shape == (2, 1)


@pytest.mark.parametrize(
    ("embedding_dim", "of_generator", "of_discriminator"),
    [(1024, 18_905_472, 4_029_824), (384, 18_823_552, 3_947_904)],
)
def test_the_networks_have_as_many_weights_as_theirs(
    embedding_dim: int, of_generator: int, of_discriminator: int
) -> None:
    text = embedding_dim * 128 + 128
    drawing = 16 * (100 + 128) * 1024 + 2 * 1024 + weights_of_a_bottleneck(1024)
    drawing += sum(16 * 2 * wide * wide + 2 * wide for wide in (512, 256, 128))
    drawing += weights_of_a_bottleneck(512) + 16 * 128 * 3
    looking = 16 * 3 * 64 + sum(16 * wide * 2 * wide + 2 * 2 * wide for wide in (64, 128, 256))
    looking += weights_of_a_bottleneck(512)
    comparing = (512 + 128) * 512 + 2 * 512 + 16 * 512
    assert (
        count(
            Generator(
                resolution=64,
                features=128,
                noise_dim=100,
                embedding_dim=embedding_dim,
                projected_dim=128,
            )
        )
        == text + drawing
        == of_generator
    )
    judge = Discriminator(
        resolution=64, features=64, embedding_dim=embedding_dim, projected_dim=128
    )
    assert count(judge) == looking + text + comparing == of_discriminator


def test_the_bottlenecks_come_after_4x4_and_8x8() -> None:
    refined = [nn.ConvTranspose2d, nn.BatchNorm2d, Bottleneck, nn.ReLU]
    plain = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    *stages, last = generator(64).draw.children()
    assert [kinds(stage) for stage in stages] == [refined, refined, plain, plain]
    assert isinstance(last, nn.ConvTranspose2d)
    x, sides = noise(2, NOISE_DIM + PROJECTED_DIM, 1, 1), []
    for stage in stages:
        x = stage(x)
        sides.append(tuple(x.shape[1:]))
    assert sides == [(32, 4, 4), (16, 8, 8), (8, 16, 16), (4, 32, 32)]

    first, rectifier, *halvings = discriminator(64).picture.children()
    assert isinstance(first, nn.Conv2d) and isinstance(rectifier, nn.LeakyReLU)
    plain = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    refined = [nn.Conv2d, nn.BatchNorm2d, Bottleneck, nn.LeakyReLU]
    assert [kinds(stage) for stage in halvings] == [plain, plain, refined]


def test_a_bottleneck_adds_to_what_it_is_given() -> None:
    bottleneck, x = Bottleneck(8, nn.ReLU()), noise(2, 8, 4, 4)
    changed = bottleneck(x)
    assert changed.shape == x.shape
    assert not torch.allclose(changed, x, atol=1e-3)
    with torch.no_grad():
        bottleneck.get_parameter("residual.7.weight").zero_()
    assert torch.equal(bottleneck(x), x)


def test_the_generator_rectifies_hard_and_the_discriminator_leaks() -> None:
    draw, judge = generator(64), discriminator(64)
    assert not any(isinstance(module, nn.LeakyReLU) for module in draw.draw.modules())
    assert not any(isinstance(module, nn.ReLU) for module in judge.modules())
    leaks = [
        module.negative_slope
        for module in (*draw.text.modules(), *judge.modules())
        if isinstance(module, nn.LeakyReLU)
    ]
    assert set(leaks) == {0.2}


def test_weights_start_as_theirs() -> None:
    for network in (
        Generator(resolution=64, features=16, noise_dim=100, embedding_dim=384, projected_dim=128),
        Discriminator(resolution=64, features=16, embedding_dim=384, projected_dim=128),
    ):
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.12)
                assert module.bias is None or not module.bias.any()
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert 0.005 < module.weight.std().item() < 0.04
                assert module.weight.mean().item() == pytest.approx(1.0, abs=0.02)
                assert not module.bias.any()


def test_pictures_stay_between_minus_one_and_one_whatever_the_weights() -> None:
    network = generator()
    with torch.no_grad():
        network.get_parameter("draw.2.weight").mul_(1e4)
    pictures = network(noise(4, NOISE_DIM), noise(4, EMBEDDING_DIM))
    assert -1 <= pictures.min() < -0.9
    assert 0.9 < pictures.max() <= 1


def test_logits_are_not_probabilities() -> None:
    network = discriminator()
    with torch.no_grad():
        network.get_parameter("compare.3.weight").mul_(1e3)
    logits = network(noise(8, 3, 16, 16), noise(8, EMBEDDING_DIM))
    assert logits.abs().max() > 1


def test_the_picture_and_the_judgement_depend_on_the_text() -> None:
    draw, judge = generator().eval(), discriminator().eval()
    z, x = noise(2, NOISE_DIM), noise(2, 3, 16, 16)
    texts = [noise(2, EMBEDDING_DIM, seed=seed) for seed in (1, 2)]
    assert not torch.allclose(draw(z, texts[0]), draw(z, texts[1]), atol=1e-6)
    assert not torch.allclose(judge(x, texts[0]), judge(x, texts[1]), atol=1e-9)


def test_one_look_at_a_picture_serves_several_texts() -> None:
    network = discriminator()
    x, e = noise(4, 3, 16, 16), noise(4, EMBEDDING_DIM)
    assert torch.equal(network(x, e), network.logits(network.features(x), e))


def test_gradients_reach_every_weight() -> None:
    draw, judge, e = generator(64), discriminator(64), noise(4, EMBEDDING_DIM)
    judge(draw(noise(4, NOISE_DIM), e), e).square().sum().backward()
    for network in (draw, judge):
        for name, weight in network.named_parameters():
            assert weight.grad is not None and weight.grad.any(), name


def test_a_network_of_one_feature_still_has_bottlenecks() -> None:
    draw = Generator(
        resolution=16,
        features=1,
        noise_dim=NOISE_DIM,
        embedding_dim=EMBEDDING_DIM,
        projected_dim=PROJECTED_DIM,
    )
    assert draw(noise(2, NOISE_DIM), noise(2, EMBEDDING_DIM)).isfinite().all()


def test_networks_without_text_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="embedding_dim = 0"):
        Generator(
            resolution=16,
            features=4,
            noise_dim=NOISE_DIM,
            embedding_dim=0,
            projected_dim=PROJECTED_DIM,
        )
    with pytest.raises(ValueError, match="embedding_dim = 0"):
        Discriminator(resolution=16, features=4, embedding_dim=0, projected_dim=PROJECTED_DIM)
