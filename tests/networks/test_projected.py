"""The discriminator over frozen features: what never changes, what is trained, what it judges."""

import copy
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from captiongan.networks.efficientnet_lite import VARIANTS, EfficientNetLite, SameConvolution
from captiongan.networks.frozen_convolution import FrozenConvolution
from captiongan.networks.projected import Discriminator, FrozenFeatures
from captiongan.runs.checkpoint import load_checkpoint, save_checkpoint
from captiongan.runs.load_config import load_config
from captiongan.runs.options import LossConfig
from captiongan.training.losses import gradient_penalty
from captiongan.training.state import TrainState
from captiongan.training.step import frozen, training_step
from captiongan.training.trainer import Trainer
from support.tiny_run import EMBEDDING_DIM, copied, equal, random_batch, tiny_state, tiny_trainer

FEATURES, PROJECTED_DIM = 2, 8


@cache
def built(resolution: int, embedding_dim: int) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(
        resolution=resolution,
        features=FEATURES,
        embedding_dim=embedding_dim,
        projected_dim=PROJECTED_DIM,
    )


def discriminator(resolution: int = 32, embedding_dim: int = EMBEDDING_DIM) -> Discriminator:
    return copy.deepcopy(built(resolution, embedding_dim))


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int = 2, side: int = 32, seed: int = 1) -> Tensor:
    return torch.tanh(noise(count, 3, side, side, seed=seed))


def texts(count: int = 2, seed: int = 2) -> Tensor:
    return nn.functional.normalize(noise(count, EMBEDDING_DIM, seed=seed))


def buffers(network: nn.Module) -> dict[str, Tensor]:
    """What is frozen, less the estimates of spectral norm, which training moves."""
    return {
        name: value for name, value in network.named_buffers() if "parametrizations" not in name
    }


def state_with(network: Discriminator) -> TrainState:
    state = tiny_state()
    state.discriminator = network
    state.discriminator_optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    return state


@pytest.mark.parametrize(("side", "places"), [(32, 9), (64, 9), (128, 16)])
def test_every_scale_judges_at_as_many_places(side: int, places: int) -> None:
    network = discriminator(side)
    features = network.features(pictures(side=side))
    assert features.shape == (2, 4, PROJECTED_DIM, places)
    assert network.logits(features, texts()).shape == (2, 4 * places)
    assert network(pictures(side=side), texts()).shape == (2, 4 * places)


@pytest.mark.parametrize("side", [96, 160, 224])
def test_it_looks_at_pictures_of_any_side_with_the_same_heads(side: int) -> None:
    network = Discriminator(
        resolution=32, features=FEATURES, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    )
    network.resize_to(side)
    assert network.side == side
    assert network.logits(network.features(pictures()), texts()).shape == (2, 4 * (side // 32) ** 2)


def test_each_step_looks_at_a_side_that_follows_from_the_seed_and_the_step() -> None:
    small = ["data.resolution=16", "generator.features=2", "discriminator.features=2"]
    small += ["generator.noise_dim=8", "training.batch_size=4", "training.precision=32-true"]
    config = load_config("projected", [*small, "discriminator.look=[96,128,160]"])
    one, other = tiny_trainer(config), tiny_trainer(config)

    def side_of(trainer: Trainer, step: int) -> int:
        trainer.begin_step(step)
        return int(trainer.state.discriminator.side)

    sides = [side_of(one, step) for step in range(60)]
    assert {sides.count(side) > 10 for side in (96, 128, 160)} == {True}
    assert [side_of(other, step) for step in reversed(range(60))] == sides[::-1]
    assert one.take_step().keys() == other.take_step().keys()


def test_the_maps_are_those_of_the_docstring() -> None:
    maps = FrozenFeatures(96, 64)(pictures(side=64))
    assert [tuple(each.shape[1:]) for each in maps] == [
        (64, 24, 24),
        (64, 12, 12),
        (128, 6, 6),
        (256, 3, 3),
    ]


def test_finer_maps_know_what_coarser_ones_saw() -> None:
    look = FrozenFeatures(96, FEATURES)
    before = look(pictures())
    coarsest = look.across_channels[-1].get_buffer("weight")
    coarsest.copy_(-coarsest)
    assert not any(torch.equal(old, new) for old, new in zip(before, look(pictures()), strict=True))


def test_each_pair_is_judged_in_its_company_whose_order_does_not_matter() -> None:
    network = discriminator().eval()
    x, e = pictures(3), texts(3)
    judged = network(x, e)
    torch.testing.assert_close(network(x.flip(0), e.flip(0)).flip(0), judged, rtol=1e-3, atol=1e-4)
    for row in range(3):
        alone = network(x[row : row + 1], e[row : row + 1])
        assert not torch.isclose(alone, judged[row], rtol=1e-3, atol=1e-4).all()


def test_a_batch_of_one_picture_over_and_over_is_found_out_by_every_head() -> None:
    network, x = discriminator().eval(), pictures(3)
    with torch.no_grad():
        varied, same = (network.features(batch)[0] for batch in (x, x[:1].expand_as(x)))
    for head, (one, other) in enumerate(zip(varied, same, strict=True)):
        assert not torch.isclose(one, other, rtol=1e-3, atol=1e-4).all(), head


def test_the_judgement_depends_on_the_picture_and_on_the_text() -> None:
    network = discriminator().eval()
    logits = network(pictures(), texts())
    for other in (network(pictures(seed=3), texts()), network(pictures(), texts(seed=3))):
        assert not torch.isclose(logits, other, atol=1e-6).any()


def test_picture_and_text_are_compared_rather_than_added_up() -> None:
    network = discriminator().eval()
    x, e = pictures(), texts()
    right, swapped = network(x, e), network(x, e.flip(0))
    # Of f(x) + g(e), the sum over all pairs is the same whoever stands with whom.
    assert not torch.isclose(right.sum(0), swapped.sum(0), atol=1e-6).any()


def test_one_look_at_a_picture_serves_several_texts() -> None:
    network = discriminator().eval()
    features = network.features(pictures())
    for e in (texts(), texts(seed=3)):
        assert torch.equal(network(pictures(), e), network.logits(features, e))


def test_every_picture_is_judged_with_every_text_by_the_mean_of_its_logits() -> None:
    network = discriminator().eval()
    features, e = network.features(pictures(3)), texts(3)
    logits = network.all_logits(features, e[:2])
    assert logits.shape == (3, 2)
    for column in range(2):
        expected = network.logits(features, e[column : column + 1].expand_as(e)).mean(dim=1)
        torch.testing.assert_close(logits[:, column], expected)


def test_a_picture_is_judged_alike_however_its_numbers_lie_in_memory() -> None:
    network = discriminator().eval()
    turned = pictures().contiguous(memory_format=torch.channels_last)
    assert torch.equal(network(turned, texts()), network(pictures(), texts()))


def test_pictures_are_shown_as_the_frozen_network_expects_them() -> None:
    network = discriminator(128).get_submodule("picture.0")
    assert isinstance(network, FrozenFeatures)
    shown: list[Tensor] = []
    network.network.stem.register_forward_pre_hook(lambda _, inputs: shown.extend(inputs))
    levels = torch.tensor([0, 127, 255]).view(1, 3, 1, 1).expand(1, 3, 128, 128)
    network(levels / 127.5 - 1)
    torch.testing.assert_close(shown[0], (levels - 127) / 128)


def test_gradients_reach_the_pictures_and_every_trained_weight() -> None:
    network, x = discriminator(), pictures(4).requires_grad_()
    network(x, texts(4)).square().sum().backward()
    assert x.grad is not None and x.grad.flatten(1).any(1).all()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.any(), name


def test_training_moves_every_trained_weight_and_no_frozen_one() -> None:
    network = discriminator(16)
    state = state_with(network)
    state.discriminator.requires_grad_(True)  # as after `frozen`
    still = copied(buffers(network))
    trained = copied(dict(network.named_parameters()))
    for seed in range(2):
        torch.manual_seed(seed)
        training_step(state, random_batch(), LossConfig(pixel_wise=0, feature_matching=1))
    assert len(still) > 100
    assert all(torch.equal(value, still[name]) for name, value in buffers(network).items())
    after = dict(network.named_parameters())
    assert all(not torch.equal(after[name], value) for name, value in trained.items())


@pytest.mark.parametrize(("preset", "side"), [("projected", 16), ("projected-128", 128)])
def test_its_presets_train_with_finite_terms_and_are_saved_and_restored(
    preset: str, side: int, tmp_path: Path
) -> None:
    small = [f"data.resolution={side}", "generator.features=2", "discriminator.features=2"]
    small += ["generator.noise_dim=8", "training.batch_size=4", "training.precision=32-true"]
    config = load_config(preset, small)
    trainer, restored = tiny_trainer(config), tiny_trainer(config)
    assert isinstance(trainer.state.discriminator, Discriminator)
    for _ in range(2):
        metrics = trainer.take_step()
        assert metrics.keys() >= {"loss_d", "loss_g_gan", "loss_g_contrastive"}
        assert all(value.isfinite() for value in metrics.values()), metrics
    identity = trainer.encoder.identity
    saved = save_checkpoint(trainer.state, identity, tmp_path, keep=1)
    load_checkpoint(saved, restored.state, identity)
    for each in (trainer, restored):
        each.take_step()
    assert equal(trainer.state.generator.state_dict(), restored.state.generator.state_dict())


def test_nothing_frozen_is_given_to_the_optimiser_or_asks_for_gradients() -> None:
    network = discriminator()
    with frozen(network):
        assert not any(value.requires_grad for value in network.parameters())
    frozen_values = {value.data_ptr() for value in buffers(network).values()}
    assert not frozen_values & {weight.data_ptr() for weight in network.parameters()}
    assert not any(value.requires_grad for value in buffers(network).values())
    look = network.get_submodule("picture.0")
    assert not list(look.parameters())


def test_the_state_restores_the_judgement_and_leaves_out_the_published_weights() -> None:
    network = discriminator()
    network(pictures(), texts()).square().sum().backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    state = copied(network.state_dict())
    torch.manual_seed(1)
    other = Discriminator(
        resolution=32, features=FEATURES, embedding_dim=EMBEDDING_DIM, projected_dim=PROJECTED_DIM
    )
    expected = network.eval()(pictures(), texts())
    assert not torch.allclose(other.eval()(pictures(), texts()), expected, atol=1e-3)
    other.load_state_dict(state)
    assert torch.equal(other(pictures(), texts()), expected)
    mixing = [name for name in state if name.startswith("picture.0")]
    assert len(mixing) == 8 and all("across" in name for name in mixing)


def test_without_text_the_picture_alone_is_judged() -> None:
    network, nothing = discriminator(embedding_dim=0), torch.empty(2, 0)
    logits = network(pictures(), nothing)
    assert logits.shape == (2, 36)
    logits.square().sum().backward()
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    optimiser.step()
    assert not torch.equal(network(pictures(), nothing), logits)


def test_a_text_of_another_length_or_number_is_refused() -> None:
    with pytest.raises(RuntimeError):
        discriminator()(pictures(), noise(2, EMBEDDING_DIM + 1))
    with pytest.raises(RuntimeError):
        discriminator()(pictures(3), texts(2))


def test_the_heads_are_held_to_a_spectral_norm_of_one() -> None:
    layers = [layer for layer in discriminator().modules() if is_parametrized(layer)]
    assert len(layers) == 3 + 2 + 1 + 4
    for layer in layers:
        with torch.no_grad():
            layer.get_parameter("parametrizations.weight.original").mul_(100)
        for _ in range(30):  # each look is a step of the power iteration
            weight = getattr(layer, "weight")  # noqa: B009
        norm = torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        assert norm.item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_fast_frozen_network_is_the_published_one_in_both_directions(precision: str) -> None:
    fast, plain = FrozenFeatures(96, FEATURES).network, EfficientNetLite(VARIANTS["lite0"])
    tolerance = {"float32": 1e-4, "bfloat16": 0.1}[precision]
    results = []
    for network in (fast, plain):
        x = pictures(side=64).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            maps = network.maps(x)
        torch.stack([each.float().square().mean() for each in maps]).sum().backward()
        assert x.grad is not None
        results.append((*(each.float() for each in maps), x.grad))
    for ours, theirs in zip(*results, strict=True):
        assert (ours - theirs).norm() < tolerance * theirs.norm()


@pytest.mark.parametrize("side", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_the_fast_convolution_is_exact_and_twice_differentiable(
    kernel: int, stride: int, side: int
) -> None:
    torch.manual_seed(0)
    plain = SameConvolution(2, 2, kernel, stride, groups=2).double().requires_grad_(False)
    fast = FrozenConvolution(plain)
    x = noise(2, 2, side, side).double().requires_grad_()
    torch.testing.assert_close(fast(x), plain(x))
    assert torch.autograd.gradcheck(fast, x)
    assert torch.autograd.gradgradcheck(fast, x)


def test_a_gradient_penalty_passes_the_frozen_network_as_it_would_plain_layers() -> None:
    """Its depthwise layers have a way back of their own, which is gone back once more here."""
    layer = SameConvolution(4, 4, 3, 2, groups=4).double().requires_grad_(False)
    steepness = []
    for convolve in (layer, FrozenConvolution(layer)):
        weight, x = torch.ones(4, 1, 1, dtype=torch.float64, requires_grad=True), noise(2, 4, 8, 8)
        x = x.double().requires_grad_()
        logits = convolve((weight * x).tanh()).square().flatten(1).sum(dim=1, keepdim=True)
        gradient_penalty(logits, x).backward()
        assert weight.grad is not None
        steepness.append(weight.grad)
    torch.testing.assert_close(*steepness)
