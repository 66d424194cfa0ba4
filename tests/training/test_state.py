from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from captiongan.compute import devices
from captiongan.networks.dcgan import Generator
from captiongan.runs.checkpoint import load_checkpoint, save_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import load_config
from captiongan.runs.options import Precision
from captiongan.training.rollback import after_rollback
from captiongan.training.state import (
    TrainState,
    choose_precision,
    learning_rate,
    settle_ema,
    update_ema,
)
from support.tiny_run import (
    BATCH_SIZE,
    CONFIG,
    EMBEDDING_DIM,
    RECIPE,
    copied,
    equal,
    random_batch,
    tiny_state,
    tiny_trainer,
)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return copied({name: weight.data for name, weight in network.named_parameters()})


def inputs(*seeds: int) -> list[tuple[Tensor, Tensor]]:
    batches = [random_batch(seed) for seed in seeds]
    return [(batch.noise, batch.matching) for batch in batches]


def generator_of(state: TrainState) -> Generator:
    generator = state.generator
    assert isinstance(generator, Generator)
    return generator


def ema_of(state: TrainState) -> Generator:
    assert isinstance(state.ema, Generator)
    return state.ema


def test_the_seed_decides_the_first_weights() -> None:
    one, other = tiny_state(), tiny_state()
    assert equal(one.generator.state_dict(), other.generator.state_dict())
    assert equal(one.discriminator.state_dict(), other.discriminator.state_dict())
    training = CONFIG.training.model_copy(update={"seed": 1})
    third = tiny_state(CONFIG.model_copy(update={"training": training}))
    assert not equal(one.generator.state_dict(), third.generator.state_dict())


def test_a_new_state_is_at_step_zero_and_its_ema_is_the_generator() -> None:
    state = tiny_state()
    assert state.step == 0
    assert equal(state.ema.state_dict(), state.generator.state_dict())


# Conditioning augmentation


def test_generator_and_ema_have_the_directions_of_the_data() -> None:
    trainer = tiny_trainer(RECIPE)
    directions = trainer.data.conditioning_augmentation()
    assert directions is not None and directions.any()
    for network in (trainer.state.generator, trainer.state.ema):
        assert torch.equal(network.get_buffer("wording"), directions)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_last_quarter_of_the_noise_counts_only_with_augmentation(strength: float) -> None:
    text = RECIPE.text.model_copy(update={"conditioning_augmentation": strength})
    trainer = tiny_trainer(RECIPE.model_copy(update={"text": text}))
    for _ in range(3):  # at first, no modulation listens to the text
        trainer.take_step()
    batch = trainer.data.batch(0)
    noise = batch.noise.clone()
    noise[:, 6:] = noise[:, 6:].flip(0)
    pictures, others = (trainer.state.ema(z, batch.matching) for z in (batch.noise, noise))
    assert torch.equal(pictures, others) == (strength == 0)


def test_conditioning_augmentation_is_as_strong_as_configured() -> None:
    text = RECIPE.text.model_copy(update={"conditioning_augmentation": 1.0})
    whole = tiny_trainer(RECIPE.model_copy(update={"text": text})).data.conditioning_augmentation()
    half = tiny_trainer(RECIPE).data.conditioning_augmentation()
    assert whole is not None and half is not None
    assert half.shape == (EMBEDDING_DIM, RECIPE.generator.noise_dim // 4)
    torch.testing.assert_close(2 * half, whole)


def test_training_and_the_ema_leave_the_directions_alone() -> None:
    trainer = tiny_trainer(RECIPE)
    before = trainer.state.ema.get_buffer("wording").clone()
    for _ in range(2):
        trainer.take_step()
    for network in (trainer.state.generator, trainer.state.ema):
        assert torch.equal(network.get_buffer("wording"), before)


# The precision


@pytest.mark.parametrize("wanted", ["32-true", "bf16-mixed"])
def test_a_precision_that_is_named_is_taken(wanted: Precision) -> None:
    assert choose_precision(wanted) == wanted


@pytest.mark.parametrize(
    ("gpu", "gpu_has", "avx512", "amx", "expected"),
    [
        (True, True, False, False, "bf16-mixed"),
        (True, False, True, True, "32-true"),
        (False, True, False, False, "32-true"),
        (False, False, True, False, "bf16-mixed"),
        (False, False, False, True, "bf16-mixed"),
    ],
    ids=["a new GPU", "an old GPU", "AVX2 alone", "AVX-512 with bf16", "AMX"],
)
def test_auto_is_bf16_where_the_hardware_that_trains_computes_it(
    gpu: bool,
    gpu_has: bool,
    avx512: bool,
    amx: bool,
    expected: Literal["32-true", "bf16-mixed"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def computed(including_emulation: bool = True) -> bool:
        return including_emulation or gpu_has

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", computed)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(devices, "slowdown_of_bf16", lambda: 0.5)
    assert choose_precision("auto") == expected


def test_auto_is_single_precision_where_bf16_is_slow_in_spite_of_the_hardware(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(devices, "slowdown_of_bf16", lambda: 4.0)
    assert choose_precision("auto") == "32-true"


def test_timing_a_cpu_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    assert devices.slowdown_of_bf16.__wrapped__() > 0
    assert torch.equal(torch.random.get_rng_state(), before)


# The running average


def test_the_average_only_draws() -> None:
    ema = tiny_state().ema
    assert not any(module.training for module in ema.modules())
    assert not any(weight.requires_grad for weight in ema.parameters())


def test_both_optimisers_are_the_configured_adam() -> None:
    state = tiny_state()
    for optimiser in (state.generator_optimiser, state.discriminator_optimiser):
        (group,) = optimiser.param_groups
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))


@pytest.mark.parametrize(
    ("step", "halflife"),
    [(10_000, 10.0), (40, 40 * BATCH_SIZE / 20), (1, BATCH_SIZE / 20)],
    ids=["far into the run", "near its start", "after one step"],
)
def test_the_average_follows_the_generator_by_the_formula(step: int, halflife: float) -> None:
    state = tiny_state()
    state.step = step
    before = weights(state.ema)
    torch.manual_seed(3)
    for weight in state.generator.parameters():
        weight.data.add_(torch.randn_like(weight))
    target = weights(generator_of(state))
    update_ema(state, BATCH_SIZE, halflife_kimg=0.01)
    keep = 0.5 ** (BATCH_SIZE / halflife)
    for name, ema in state.ema.named_parameters():
        torch.testing.assert_close(ema, keep * before[name] + (1 - keep) * target[name])


def test_after_the_halflife_the_average_has_gone_half_the_way() -> None:
    state = tiny_state()
    state.step = 10**9
    ema = ema_of(state).to_rgb.weight
    target = ema + 1
    generator_of(state).to_rgb.weight.data.copy_(target)
    for _ in range(5):
        update_ema(state, batch_size=4, halflife_kimg=0.02)
    torch.testing.assert_close(target - ema, torch.full_like(ema, 0.5))


def test_following_leaves_the_generator_alone() -> None:
    state = tiny_state()
    state.step = 7
    ema_of(state).to_rgb.weight.data.add_(1)
    before = copied(state.generator.state_dict())
    update_ema(state, BATCH_SIZE, halflife_kimg=10)
    assert equal(before, state.generator.state_dict())


def test_a_settled_average_has_the_mean_statistics_of_the_batches() -> None:
    state, batches = tiny_state(), inputs(1, 2, 3)
    projection = ema_of(state).text[0]
    projected = [projection(embedding) for _, embedding in batches]
    settle_ema(state, batches)
    norm = ema_of(state).text[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = torch.stack([batch.mean(dim=0) for batch in projected]).mean(dim=0)
    variance = torch.stack([batch.var(dim=0) for batch in projected]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)


def test_settling_remembers_nothing_of_an_earlier_one() -> None:
    once, twice = tiny_state(), tiny_state()
    settle_ema(once, inputs(1, 2))
    settle_ema(twice, inputs(5, 6, 7))
    settle_ema(twice, inputs(1, 2))
    assert equal(once.ema.state_dict(), twice.ema.state_dict())


def test_settling_changes_no_weight_and_no_player_and_ends_ready_to_draw() -> None:
    state = tiny_state()
    ema = weights(state.ema)
    generator = copied(state.generator.state_dict())
    settle_ema(state, inputs(1, 2))
    assert equal(ema, weights(state.ema))
    assert equal(generator, state.generator.state_dict())
    assert not any(module.training for module in state.ema.modules())


def test_a_run_settles_on_the_same_batches_at_any_step() -> None:
    early, late = tiny_trainer(), tiny_trainer()
    late.state.step = 50
    early.settle_ema()
    late.settle_ema()
    assert equal(early.state.ema.state_dict(), late.state.ema.state_dict())
    norms = [module for module in late.state.ema.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert {int(norm.num_batches_tracked or 0) for norm in norms} == {16}


# The learning rate


def halving(kimg: float) -> RunConfig:
    optimiser = CONFIG.optimiser.model_copy(update={"halve_every_kimg": kimg})
    return CONFIG.model_copy(update={"optimiser": optimiser})


def test_the_learning_rate_is_halved_at_the_step_and_for_good() -> None:
    config = halving(5 * BATCH_SIZE / 1000)
    rates = [learning_rate(config, step) for step in range(16)]
    assert rates == [2e-4] * 5 + [1e-4] * 5 + [5e-5] * 5 + [2.5e-5]


def test_reeds_learning_rate_is_halved_every_hundred_passes_over_the_flowers() -> None:
    config = load_config("reed")
    before, after = 736_900 // 64, 737_100 // 64
    assert [learning_rate(config, step) for step in (before, after)] == [2e-4, 1e-4]


def test_without_halving_the_learning_rate_stays() -> None:
    assert {learning_rate(CONFIG, step) for step in (0, 1, 10**9)} == {2e-4}


def test_a_step_learns_as_fast_as_its_number_says_after_a_resume_too(tmp_path: Path) -> None:
    config = halving(2 * BATCH_SIZE / 1000)
    straight = tiny_trainer(config)
    for _ in range(3):
        straight.take_step()
    saved = save_checkpoint(straight.state, straight.encoder.identity, tmp_path, keep=1)
    straight.take_step()
    straight.take_step()
    resumed = tiny_trainer(config)
    load_checkpoint(saved, resumed.state, resumed.encoder.identity)
    resumed.take_step()
    assert rates_of(resumed.state) == [1e-4, 1e-4]
    resumed.take_step()
    assert rates_of(resumed.state) == rates_of(straight.state) == [5e-5, 5e-5]
    assert equal(straight.state.generator.state_dict(), resumed.state.generator.state_dict())


def with_two_rates(config: RunConfig) -> RunConfig:
    optimiser = config.optimiser.model_copy(update={"discriminator_learning_rate": 8e-4})
    return config.model_copy(update={"optimiser": optimiser})


def test_the_discriminator_learns_at_its_own_rate_and_both_are_halved_together() -> None:
    trainer = tiny_trainer(with_two_rates(halving(BATCH_SIZE / 1000)))
    for generators, discriminators in ((2e-4, 8e-4), (1e-4, 4e-4), (5e-5, 2e-4)):
        trainer.take_step()
        assert rates_of(trainer.state) == pytest.approx([generators, discriminators])


def test_an_own_rate_equal_to_the_generators_changes_no_bit() -> None:
    states = []
    for rate in (None, CONFIG.optimiser.learning_rate):
        optimiser = CONFIG.optimiser.model_copy(update={"discriminator_learning_rate": rate})
        trainer = tiny_trainer(CONFIG.model_copy(update={"optimiser": optimiser}))
        for _ in range(2):
            trainer.take_step()
        states.append(trainer.state)
    one, other = states
    assert equal(one.generator.state_dict(), other.generator.state_dict())
    assert equal(one.discriminator.state_dict(), other.discriminator.state_dict())


def test_a_rollback_halves_both_rates_and_invents_none() -> None:
    config = with_two_rates(CONFIG)
    assert after_rollback(config).optimiser.learning_rate == 1e-4
    assert after_rollback(config).optimiser.discriminator_learning_rate == 4e-4
    assert (
        after_rollback(config).optimiser.discriminator_pace == config.optimiser.discriminator_pace
    )
    assert after_rollback(CONFIG).optimiser.discriminator_learning_rate is None


def rates_of(state: TrainState) -> list[float]:
    optimisers = (state.generator_optimiser, state.discriminator_optimiser)
    return [group["lr"] for optimiser in optimisers for group in optimiser.param_groups]
