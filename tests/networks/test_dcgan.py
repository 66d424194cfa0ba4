import pytest
import torch
from torch import Tensor, nn

from captiongan.networks.dcgan import Discriminator, Generator

NOISE_DIM, EMBEDDING_DIM, PROJECTED_DIM = 5, 6, 4


def generator(resolution: int = 16) -> Generator:
    torch.manual_seed(0)
    return Generator(resolution, 2, NOISE_DIM, EMBEDDING_DIM, PROJECTED_DIM)


def discriminator(resolution: int = 16) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(resolution, 2, EMBEDDING_DIM, PROJECTED_DIM)


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
    assert torch.equal(network(x, e), network.judge(network.features(x), e))


def test_the_generator_of_64_features_is_the_lectures() -> None:
    network = Generator(64, 64, 100, 384, 128)
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
    network = Discriminator(64, 64, 384, 128)
    assert network.features(noise(2, 3, 64, 64)).shape == (2, 512, 4, 4)
    text = 384 * 128 + 128 + 2 * 128
    halvings = sum(16 * wide * 2 * wide + 2 * 2 * wide for wide in (64, 128, 256))
    comparison = (512 + 128) * 512 + 2 * 512 + 16 * 512 + 1
    assert count(network) == 16 * 3 * 64 + 64 + halvings + text + comparison


def test_weights_start_as_in_the_dcgan_paper() -> None:
    network = Generator(64, 32, 100, 384, 128)
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
