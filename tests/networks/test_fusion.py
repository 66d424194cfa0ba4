import copy
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.flop_counter import FlopCounterMode

from captiongan.bundle.onnx_session import open_session
from captiongan.export.to_onnx import write_onnx
from captiongan.networks import dcgan
from captiongan.networks.fusion import (
    Discriminator,
    Doubling,
    Generator,
    Modulation,
    SelfAttention,
)
from captiongan.networks.layers import AppendDeviation, PairDiscriminator, PictureGenerator
from captiongan.training.losses import gan_discriminator_loss
from captiongan.training.state import lay_channels_last
from captiongan.training.step import frozen

NOISE_DIM, EMBEDDING_DIM, PROJECTED_DIM = 5, 6, 4


def generator(resolution: int = 16, embedding_dim: int = EMBEDDING_DIM) -> Generator:
    torch.manual_seed(0)
    return Generator(
        resolution=resolution,
        features=4,
        noise_dim=NOISE_DIM,
        embedding_dim=embedding_dim,
        projected_dim=PROJECTED_DIM,
    )


def trained(network: Generator) -> Generator:
    """Give the modulations weights, as training does; they start with none."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, Modulation):
            nn.init.normal_(module.read.weight, 0.0, 0.1)
            nn.init.normal_(module.read.bias, 0.0, 0.1)
    return network


def attentive(side: int, resolution: int = 32, gamma: float = 0.0) -> Generator:
    """Return a trained generator with self-attention at that side; 0 for none."""
    torch.manual_seed(0)
    network = Generator(
        resolution=resolution,
        features=16,
        noise_dim=NOISE_DIM,
        embedding_dim=EMBEDDING_DIM,
        projected_dim=PROJECTED_DIM,
        attention=side,
    )
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            nn.init.constant_(layer.gamma, gamma)
    return trained(network)


def discriminator(resolution: int = 16, embedding_dim: int = EMBEDDING_DIM) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(
        resolution=resolution, features=4, embedding_dim=embedding_dim, projected_dim=PROJECTED_DIM
    )


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def texts(count: int, dim: int, seed: int = 1) -> Tensor:
    """Embeddings as text encoders give them: of length 1."""
    return F.normalize(noise(count, dim, seed=seed))


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def modulations(network: Generator, z: Tensor, e: Tensor) -> list[Tensor]:
    """Return what each modulation reads off the condition: changes of scale, and shifts."""
    read: list[Tensor] = []
    hooks = [
        module.read.register_forward_hook(lambda _layer, _inputs, output: read.append(output))
        for module in network.modules()
        if isinstance(module, Modulation)
    ]
    with torch.no_grad():
        network(z, e)
    for hook in hooks:
        hook.remove()
    return read


def stages(network: Generator, z: Tensor, e: Tensor) -> list[Tensor]:
    """Return x after each block."""
    seen: list[Tensor] = []
    for block in network.blocks:
        block.register_forward_hook(lambda _block, _inputs, output: seen.append(output))
    with torch.no_grad():
        network(z, e)
    return seen


def normed_layers(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    for name, module in network.named_modules():
        if is_parametrized(module):
            assert isinstance(module, nn.Conv2d | nn.Linear)
            yield name, module


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
def test_pictures_and_logits_have_the_right_shape_at_each_resolution(resolution: int) -> None:
    embedding = texts(2, EMBEDDING_DIM)
    with torch.no_grad():
        pictures = generator(resolution)(noise(2, NOISE_DIM), embedding)
        assert pictures.shape == (2, 3, resolution, resolution)
        judge = discriminator(resolution)
        features = judge.features(pictures)
        assert features.shape == (2, min(resolution // 2, 256), 4, 4)
        assert judge(pictures, embedding).shape == (2, 1)


@pytest.mark.parametrize(
    ("resolution", "features", "shapes"),
    [
        (64, 32, [(256, 8), (128, 16), (64, 32), (32, 64)]),
        (128, 16, [(256, 8), (128, 16), (64, 32), (32, 64), (16, 128)]),
        (32, 300, [(300, 8), (300, 16), (300, 32)]),
    ],
)
def test_stages_are_as_wide_as_documented(
    resolution: int, features: int, shapes: list[tuple[int, int]]
) -> None:
    network = Generator(
        resolution=resolution,
        features=features,
        noise_dim=NOISE_DIM,
        embedding_dim=EMBEDDING_DIM,
        projected_dim=PROJECTED_DIM,
    )
    seen = stages(network, noise(1, NOISE_DIM), texts(1, EMBEDDING_DIM))
    assert [tuple(x.shape[1:]) for x in seen] == [(wide, side, side) for wide, side in shapes]


def test_the_discriminator_has_the_stages_documented() -> None:
    network, seen = (
        Discriminator(resolution=64, features=64, embedding_dim=384, projected_dim=128),
        [noise(2, 3, 64, 64)],
    )
    with torch.no_grad():
        for layer in network.picture.children():
            seen.append(layer(seen[-1]))
    halved = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (256, 4, 4)]
    assert [tuple(x.shape[1:]) for x in seen[1:5]] == halved
    assert seen[-1].shape == (2, 256, 4, 4)


@pytest.mark.parametrize("embedding_dim", [0, EMBEDDING_DIM])
def test_the_networks_are_built_and_called_like_the_lectures(embedding_dim: int) -> None:
    for ours, lectures in ((Generator, dcgan.Generator), (Discriminator, dcgan.Discriminator)):
        given, wanted = (inspect.signature(each).parameters for each in (ours, lectures))
        assert [given[name] for name in wanted] == list(wanted.values())
        more = [given[name] for name in given if name not in wanted]
        assert all(parameter.default is not inspect.Parameter.empty for parameter in more)
        for method in ("forward", "features", "logits"):
            if hasattr(lectures, method):
                signatures = [inspect.signature(getattr(net, method)) for net in (ours, lectures)]
                assert signatures[0] == signatures[1]
    assert isinstance(generator(embedding_dim=embedding_dim), PictureGenerator)
    assert isinstance(discriminator(embedding_dim=embedding_dim), PairDiscriminator)


def test_pictures_stay_between_minus_one_and_one_whatever_the_weights() -> None:
    network = generator()
    with torch.no_grad():
        network.get_parameter("to_rgb.weight").mul_(1e4)
    pictures = network(noise(4, NOISE_DIM), texts(4, EMBEDDING_DIM))
    assert -1 <= pictures.min() < -0.9
    assert 0.9 < pictures.max() <= 1


def test_noise_alone_and_text_alone_change_every_modulation() -> None:
    network = trained(generator(64))
    z, e = noise(2, NOISE_DIM), texts(2, EMBEDDING_DIM)
    read = modulations(network, z, e)
    assert len(read) == 2 * len(network.blocks) == 8
    other_noise = modulations(network, noise(2, NOISE_DIM, seed=2), e)
    other_text = modulations(network, z, texts(2, EMBEDDING_DIM, seed=2))
    for before, by_noise, by_text in zip(read, other_noise, other_text, strict=True):
        for difference in (before - by_noise, before - by_text):
            for scales_or_shifts in difference.chunk(2, dim=1):
                assert scales_or_shifts.abs().amax(dim=1).min() > 0.03


def test_noise_and_text_have_the_same_say_in_the_condition() -> None:
    network, z, conditions = (
        Generator(resolution=16, features=8, noise_dim=100, embedding_dim=384, projected_dim=128),
        noise(64, 100),
        [],
    )
    read = network.blocks[0].get_submodule("modulate_wide.read")
    read.register_forward_pre_hook(lambda _, inputs: conditions.append(inputs[0]))
    with torch.no_grad():
        network(z, 7 * texts(64, 384))
    assert torch.equal(conditions[0][:, :75], z[:, :75]), "truncation needs the noise as it is"
    torch.testing.assert_close(conditions[0][:, 75:].square().mean(dim=1), torch.ones(64))


def test_where_things_are_is_up_to_the_noise() -> None:
    """The 4x4 places come of z alone; text scales and shifts all places of a channel alike."""
    network, seeds = trained(generator()), []
    network.seed.register_forward_hook(lambda _layer, _inputs, output: seeds.append(output))
    z = noise(2, NOISE_DIM)
    for e in (texts(2, EMBEDDING_DIM), texts(2, EMBEDDING_DIM, seed=2)):
        network(z, e)
    network(noise(2, NOISE_DIM, seed=2), texts(2, EMBEDDING_DIM))
    assert torch.equal(seeds[0], seeds[1])
    assert not torch.isclose(seeds[0], seeds[2]).any()
    assert network.seed.bias is None


def test_the_last_quarter_of_the_noise_only_moves_the_text_along_its_directions() -> None:
    torch.manual_seed(0)
    network = trained(
        Generator(
            resolution=16,
            features=4,
            noise_dim=8,
            embedding_dim=EMBEDDING_DIM,
            projected_dim=PROJECTED_DIM,
        )
    )
    z, e = noise(3, 8), texts(3, EMBEDDING_DIM)
    changed = torch.cat([z[:, :6], noise(3, 2, seed=2)], dim=1)
    assert torch.equal(network(changed, e), network(z, e)), "before a run sets directions"
    network.wording.copy_(noise(EMBEDDING_DIM, 2, seed=3))
    moved = e + changed[:, 6:7] * network.wording[:, 0] + changed[:, 7:] * network.wording[:, 1]
    still = torch.cat([z[:, :6], torch.zeros(3, 2)], dim=1)
    torch.testing.assert_close(network(changed, e), network(still, moved))
    assert not torch.allclose(network(changed, e), network(z, e), atol=1e-3)


def test_training_leaves_the_directions_as_they_are_and_a_saved_generator_has_them() -> None:
    network = generator()
    assert "wording" in network.state_dict()
    assert "wording" not in dict(network.named_parameters())
    assert not network.wording.requires_grad


def test_at_the_start_no_modulation_changes_anything() -> None:
    modulation, x = Modulation(8, 5), noise(2, 8, 4, 4)
    assert torch.equal(modulation(x, noise(2, 5)), F.leaky_relu(x, 0.2))


def test_a_modulation_scales_and_shifts_each_channel_of_each_picture() -> None:
    modulation, x, c = Modulation(3, 2), noise(2, 3, 4, 4), noise(2, 2)
    nn.init.normal_(modulation.read.weight)
    nn.init.normal_(modulation.read.bias)
    read = modulation.read(c)
    for row in range(2):
        for channel in range(3):
            shifted = x[row, channel] * (1 + read[row, channel]) + read[row, 3 + channel]
            torch.testing.assert_close(modulation(x, c)[row, channel], F.leaky_relu(shifted, 0.2))


def test_doubling_repeats_each_pixel_four_times() -> None:
    block, x = Doubling(4, 3, 2), noise(2, 4, 8, 8)
    nn.init.zeros_(block.refine.weight)
    repeated = block.shortcut(x).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(block(x, noise(2, 2)), repeated)


def test_an_even_stage_stays_even() -> None:
    """A checkerboard would show, away from the border."""
    even = noise(1, 4, 1, 1).expand(1, 4, 8, 8)
    inner = Doubling(4, 3, 2)(even, noise(1, 2))[:, :, 4:-4, 4:-4]
    torch.testing.assert_close(inner, inner[:, :, :1, :1].expand_as(inner))


@pytest.mark.parametrize("resolution", [16, 64, 128])
def test_activations_keep_a_variance_near_one_at_the_start(resolution: int) -> None:
    torch.manual_seed(0)
    network = Generator(
        resolution=resolution, features=16, noise_dim=100, embedding_dim=384, projected_dim=128
    )
    z, e = noise(16, 100), texts(16, 384)
    for x in stages(network, z, e):
        assert 0.4 < x.square().mean() < 2.0
    pictures = network(z, e)
    assert 0.1 < pictures.std() < 0.6
    assert pictures.abs().gt(0.95).float().mean() < 0.01


def test_a_picture_is_the_same_alone_and_in_company() -> None:
    network = trained(generator(32)).train()
    z, e = noise(3, NOISE_DIM), texts(3, EMBEDDING_DIM)
    alone = torch.cat([network(z[row : row + 1], e[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(network(z, e), alone)
    assert torch.equal(network.eval()(z, e), network.train()(z, e))
    assert [name for name, _ in network.named_buffers()] == ["wording"]


@pytest.mark.parametrize("embedding_dim", [0, EMBEDDING_DIM])
def test_gradients_reach_every_weight(embedding_dim: int) -> None:
    draw, judge = trained(generator(64, embedding_dim)), discriminator(64, embedding_dim)
    e = texts(4, embedding_dim)
    judge(draw(noise(4, NOISE_DIM), e), e).square().sum().backward()
    for network in (draw, judge):
        for name, weight in network.named_parameters():
            assert weight.grad is not None and weight.grad.any(), name


def test_gradients_come_from_noise_and_from_text_to_every_modulation() -> None:
    network = generator(64)
    network(noise(4, NOISE_DIM), texts(4, EMBEDDING_DIM)).square().sum().backward()
    for module in network.modules():
        if isinstance(module, Modulation):
            assert module.read.weight.grad is not None
            for column in module.read.weight.grad.T:
                assert column.any()


# Self-attention


@pytest.mark.parametrize("side", [8, 16, 32])
def test_self_attention_draws_nothing_of_its_own_until_it_has_learned(side: int) -> None:
    plain, network = attentive(0), attentive(side)
    z, e = noise(3, NOISE_DIM), texts(3, EMBEDDING_DIM)
    assert torch.equal(network(z, e), plain(z, e))
    assert not torch.allclose(attentive(side, gamma=0.5)(z, e), plain(z, e), atol=1e-3)
    more = network.state_dict().keys() - plain.state_dict().keys()
    assert more and all(name.startswith("attentions.") for name in more)
    assert plain.state_dict().keys() <= network.state_dict().keys()


@pytest.mark.parametrize("side", [8, 16, 32])
def test_self_attention_stands_at_the_side_that_was_asked_for(side: int) -> None:
    network, sides = attentive(side), []
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            layer.register_forward_pre_hook(lambda _, inputs: sides.append(inputs[0].shape[2:]))
    network(noise(1, NOISE_DIM), texts(1, EMBEDDING_DIM))
    assert sides == [(side, side)]


@torch.no_grad()
def test_self_attention_is_that_of_its_paper() -> None:
    """Equations 1 to 3, a place at a time, over keys and values of 2x2 places."""
    layer, x = SelfAttention(16), noise(2, 16, 4, 4)
    nn.init.constant_(layer.gamma, 0.7)
    narrow = 2
    expected = x.clone()
    for picture, out in zip(x, expected, strict=True):
        seen = torch.einsum("oc,chw->ohw", layer.read.weight[:, :, 0, 0], picture)
        largest = seen.view(-1, 2, 2, 2, 2).amax(dim=(2, 4)).flatten(1)
        key, value = largest[narrow : 2 * narrow], largest[2 * narrow :]
        for row in range(4):
            for column in range(4):
                scores = torch.exp(seen[:narrow, row, column] @ key)
                gathered = value @ (scores / scores.sum())
                out[:, row, column] += 0.7 * layer.write.weight[:, :, 0, 0] @ gathered
    torch.testing.assert_close(layer(x), expected)


def test_gradients_reach_gamma_first_and_then_all_of_self_attention() -> None:
    for gamma, reached in ((0.0, 1), (0.1, 3)):
        network = attentive(16, gamma=gamma)
        network(noise(4, NOISE_DIM), texts(4, EMBEDDING_DIM)).square().sum().backward()
        weights = network.attentions.parameters()
        assert sum(weight.grad is not None and bool(weight.grad.any()) for weight in weights) == (
            reached
        )


@pytest.mark.parametrize("side", [0, 8, 16])
def test_onnx_runtime_draws_the_same(side: int, tmp_path: Path) -> None:
    network = attentive(side, resolution=16, gamma=0.5)
    write_onnx(
        network,
        (torch.zeros(2, NOISE_DIM), torch.zeros(2, EMBEDDING_DIM)),
        tmp_path / "generator.onnx",
        inputs=["noise", "embedding"],
        output="pictures",
        dynamic_axes=[{0: "batch"}, {0: "batch"}],
    )
    session = open_session((tmp_path / "generator.onnx").read_bytes(), "model")
    for batch in (1, 5):
        z, e = noise(batch, NOISE_DIM), texts(batch, EMBEDDING_DIM)
        drawn = session.run(None, {"noise": z.numpy(), "embedding": e.numpy()})[0]
        with torch.no_grad():
            np.testing.assert_allclose(np.asarray(drawn), network(z, e), rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("network", "inputs", "gflop", "weights"),
    [
        (
            Generator(
                resolution=64, features=32, noise_dim=128, embedding_dim=384, projected_dim=128
            ),
            (noise(1, 128), texts(1, 384)),
            0.46,
            2.8e6,
        ),
        (
            Generator(
                resolution=128, features=16, noise_dim=128, embedding_dim=384, projected_dim=128
            ),
            (noise(1, 128), texts(1, 384)),
            0.58,
            2.9e6,
        ),
        (
            Discriminator(resolution=64, features=64, embedding_dim=384, projected_dim=128),
            (noise(1, 3, 64, 64), texts(1, 384)),
            0.43,
            3.3e6,
        ),
    ],
    ids=["G at 64 px", "G at 128 px", "D at 64 px"],
)
def test_a_picture_costs_what_is_documented(
    network: nn.Module, inputs: tuple[Tensor, Tensor], gflop: float, weights: float
) -> None:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(*inputs)
    assert counter.get_total_flops() / 1e9 == pytest.approx(gflop, abs=0.005)
    assert count(network) == pytest.approx(weights, rel=0.02)


def test_the_networks_work_in_bf16_with_channels_last_as_in_training() -> None:
    draw, judge = generator(32), discriminator(32).eval()
    x, z, e = noise(4, 3, 32, 32), noise(4, NOISE_DIM), texts(4, EMBEDDING_DIM)
    expected, expected_logits = draw(z, e), judge(x, e)
    for network in (draw, judge.train()):
        lay_channels_last(network)
    with torch.autocast("cpu", torch.bfloat16):
        pictures, logits = draw(z, e), judge(x, e)
        (judge(pictures, e).sum() + logits.sum()).backward()
    assert pictures.dtype == logits.dtype == torch.bfloat16
    torch.testing.assert_close(pictures.float(), expected, atol=0.03, rtol=0.03)
    torch.testing.assert_close(logits.float(), expected_logits, atol=0.03, rtol=0.03)


def test_stages_lie_channels_last_once_the_weights_do() -> None:
    network = generator(32)
    lay_channels_last(network)
    for x in stages(network, noise(2, NOISE_DIM), texts(2, EMBEDDING_DIM)):
        assert x.is_contiguous(memory_format=torch.channels_last)


def test_each_picture_answers_each_text_in_its_own_way() -> None:
    """Swapping the texts of two pictures tells: D compares them, and does not only add them up."""
    network = discriminator()
    x, e = noise(8, 3, 16, 16), texts(8, EMBEDDING_DIM)
    features, swapped = network.features(x), e.roll(1, dims=0)
    gain = network.logits(features, e) - network.logits(features, swapped)
    assert gain.sum().abs() > 0.02


def test_the_text_adds_to_a_score_without_text() -> None:
    network = discriminator()
    features, e = network.features(noise(4, 3, 16, 16)), texts(4, EMBEDDING_DIM)
    with torch.no_grad():
        network.text.get_parameter("squeeze.weight").zero_()
    score = network.logits(features, e)
    assert score.abs().min() > 0
    torch.testing.assert_close(score, network.logits(features, e.roll(1, dims=0)))


def test_one_look_at_a_picture_serves_several_texts() -> None:
    network = discriminator().eval()
    x, e = noise(4, 3, 16, 16), texts(4, EMBEDDING_DIM)
    assert torch.equal(network(x, e), network.logits(network.features(x), e))


def test_spectral_norms_are_about_one_and_stay_there() -> None:
    torch.manual_seed(0)
    network = Discriminator(
        resolution=32, features=16, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for step in range(20):
        x, e = noise(4, 3, 32, 32, seed=step), texts(4, EMBEDDING_DIM, seed=step)
        optimiser.zero_grad()
        gan_discriminator_loss(network(x, e), network(x.sin(), e)).backward()
        optimiser.step()
    layers = dict(normed_layers(network.eval()))
    assert len(layers) == 1 + 3 * 2 + 1 + 1
    for name, layer in layers.items():
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert 0.8 < norm < 1.25, name  # the power iteration lags behind the steps


def test_weights_ten_times_larger_judge_the_same() -> None:
    network, x, e = discriminator().eval(), noise(4, 3, 16, 16), texts(4, EMBEDDING_DIM)
    logits = network(x, e)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("weight.original") or name == "text.squeeze.weight":
                weight.mul_(10)
    torch.testing.assert_close(network(x, e), logits)


def test_a_collapsed_batch_shows_in_the_features() -> None:
    append = AppendDeviation()
    apart = noise(64, 3, 4, 4)
    same = apart[:1].expand_as(apart)
    assert torch.equal(append(apart)[:, :3], apart)
    assert append(apart).shape == (64, 4, 4, 4)
    torch.testing.assert_close(append(apart)[:, 3:], torch.ones(64, 1, 4, 4), atol=0.05, rtol=0)
    assert append(same)[:, 3:].abs().max() < 1e-3


def test_a_batch_of_equal_pictures_has_finite_gradients() -> None:
    network, x = discriminator(), noise(1, 3, 16, 16).expand(4, 3, 16, 16).clone()
    network(x.requires_grad_(), texts(4, EMBEDDING_DIM)).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_a_frozen_discriminator_lets_gradients_through_and_keeps_none() -> None:
    network, x = discriminator(), noise(4, 3, 16, 16).requires_grad_()
    with frozen(network):
        network(x, texts(4, EMBEDDING_DIM)).sum().backward()
    assert x.grad is not None and x.grad.any()
    assert all(weight.grad is None for weight in network.parameters())
    network(x, texts(4, EMBEDDING_DIM)).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_copies_and_saved_weights_judge_the_same(tmp_path: Path) -> None:
    network = discriminator()
    lay_channels_last(network)
    x, e = noise(4, 3, 16, 16), texts(4, EMBEDDING_DIM)
    network(x, e)  # the power iteration moves on, and is part of the state
    network.eval()
    contiguous = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(contiguous, tmp_path / "discriminator.safetensors")
    torch.manual_seed(1)
    loaded = Discriminator(
        resolution=16, features=4, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    ).eval()
    assert not torch.allclose(loaded(x, e), network(x, e), atol=1e-3)
    loaded.load_state_dict(load_file(tmp_path / "discriminator.safetensors"))
    torch.testing.assert_close(loaded(x, e), network(x, e))
    torch.testing.assert_close(copy.deepcopy(network)(x, e), network(x, e))


def test_without_text_there_is_noise_alone_and_a_score_alone() -> None:
    draw, judge, nothing = generator(32, 0), discriminator(32, 0), torch.empty(2, 0)
    z = noise(2, NOISE_DIM)
    assert draw.seed.in_features == NOISE_DIM - NOISE_DIM // 4
    assert count(draw.text) == count(judge.text) == 0
    pictures = draw(z, nothing)
    assert pictures.shape == (2, 3, 32, 32)
    assert not torch.allclose(draw(noise(2, NOISE_DIM, seed=2), nothing), pictures, atol=1e-3)
    assert judge(pictures, nothing).shape == (2, 1)
    assert judge(pictures, nothing).abs().min() > 0


@pytest.mark.parametrize(("noise_dim", "embedding_dim"), [(4, 6), (6, 6), (5, 5), (5, 7)])
def test_noise_or_text_of_another_length_is_refused(noise_dim: int, embedding_dim: int) -> None:
    with pytest.raises(RuntimeError):
        generator()(noise(2, noise_dim), noise(2, embedding_dim))


def test_a_text_of_another_length_cannot_be_judged() -> None:
    with pytest.raises(RuntimeError):
        discriminator()(noise(2, 3, 16, 16), noise(2, EMBEDDING_DIM + 1))
    with pytest.raises(RuntimeError):
        discriminator(embedding_dim=0)(noise(2, 3, 16, 16), noise(2, EMBEDDING_DIM))


def test_shuffling_replaces_the_last_block_by_four_colours_for_each_place() -> None:
    torch.manual_seed(0)
    plain, network = (
        Generator(
            resolution=32,
            features=2,
            noise_dim=8,
            embedding_dim=5,
            projected_dim=4,
            shuffle=shuffle,
        )
        for shuffle in (False, True)
    )
    assert len(network.blocks) == len(plain.blocks) - 1
    drawn = network(torch.randn(2, 8), torch.randn(2, 5))
    assert drawn.shape == (2, 3, 32, 32)
    assert drawn.abs().max() < 1 and 0.05 < drawn.std() < 0.6
