import pytest
import torch
from torch import Tensor, nn

from captiongan.errors import RunError
from captiongan.networks.dcgan import Generator
from captiongan.training.game import Game, check_weights, settle_average, update_average
from tiny_run import (
    BATCH_SIZE,
    CONFIG,
    copied,
    equal,
    random_batch,
    tiny_game,
    tiny_trainer,
)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return copied({name: weight.data for name, weight in network.named_parameters()})


def inputs(*seeds: int) -> list[tuple[Tensor, Tensor]]:
    batches = [random_batch(seed) for seed in seeds]
    return [(batch.noise, batch.matching) for batch in batches]


def generator_of(game: Game) -> Generator:
    generator = game.generator.module
    assert isinstance(generator, Generator)
    return generator


def test_the_seed_decides_the_first_weights() -> None:
    one, other = tiny_game(), tiny_game()
    assert equal(one.generator.state_dict(), other.generator.state_dict())
    assert equal(one.discriminator.state_dict(), other.discriminator.state_dict())
    training = CONFIG.training.model_copy(update={"seed": 1})
    third = tiny_game(CONFIG.model_copy(update={"training": training}))
    assert not equal(one.generator.state_dict(), third.generator.state_dict())


def test_a_new_game_is_at_step_zero_and_its_average_is_the_generator() -> None:
    game = tiny_game()
    assert game.step == 0
    assert equal(game.average.state_dict(), game.generator.state_dict())


def test_the_average_only_draws() -> None:
    average = tiny_game().average
    assert not any(module.training for module in average.modules())
    assert not any(weight.requires_grad for weight in average.parameters())


def test_both_optimisers_are_the_configured_adam() -> None:
    game = tiny_game()
    for optimiser in (game.generator_optimiser, game.discriminator_optimiser):
        (group,) = optimiser.param_groups
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))


@pytest.mark.parametrize(
    ("step", "halflife"),
    [(10_000, 10.0), (40, 40 * BATCH_SIZE / 20), (1, BATCH_SIZE / 20)],
    ids=["far into the run", "near its start", "after one step"],
)
def test_the_average_follows_the_generator_by_the_formula(step: int, halflife: float) -> None:
    game = tiny_game()
    game.step = step
    before = weights(game.average)
    torch.manual_seed(3)
    for weight in game.generator.parameters():
        weight.data.add_(torch.randn_like(weight))
    target = weights(generator_of(game))
    update_average(game, BATCH_SIZE, halflife_kimg=0.01)
    keep = 0.5 ** (BATCH_SIZE / halflife)
    for name, average in game.average.named_parameters():
        torch.testing.assert_close(average, keep * before[name] + (1 - keep) * target[name])


def test_after_the_halflife_the_average_has_gone_half_the_way() -> None:
    game = tiny_game()
    game.step = 10**9
    average = game.average.to_rgb.weight
    target = average + 1
    generator_of(game).to_rgb.weight.data.copy_(target)
    for _ in range(5):
        update_average(game, batch_size=4, halflife_kimg=0.02)
    torch.testing.assert_close(target - average, torch.full_like(average, 0.5))


def test_following_leaves_the_generator_alone() -> None:
    game = tiny_game()
    game.step = 7
    game.average.to_rgb.weight.data.add_(1)
    before = copied(game.generator.state_dict())
    update_average(game, BATCH_SIZE, halflife_kimg=10)
    assert equal(before, game.generator.state_dict())


def test_a_settled_average_has_the_mean_statistics_of_the_batches() -> None:
    game, batches = tiny_game(), inputs(1, 2, 3)
    projection = game.average.text[0]
    projected = [projection(embedding) for _, embedding in batches]
    settle_average(game, batches)
    norm = game.average.text[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean = torch.stack([batch.mean(dim=0) for batch in projected]).mean(dim=0)
    variance = torch.stack([batch.var(dim=0) for batch in projected]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)


def test_settling_remembers_nothing_of_an_earlier_one() -> None:
    once, twice = tiny_game(), tiny_game()
    settle_average(once, inputs(1, 2))
    settle_average(twice, inputs(5, 6, 7))
    settle_average(twice, inputs(1, 2))
    assert equal(once.average.state_dict(), twice.average.state_dict())


def test_settling_changes_no_weight_and_no_player_and_ends_ready_to_draw() -> None:
    game = tiny_game()
    average = weights(game.average)
    generator = copied(game.generator.state_dict())
    settle_average(game, inputs(1, 2))
    assert equal(average, weights(game.average))
    assert equal(generator, game.generator.state_dict())
    assert not any(module.training for module in game.average.modules())


def test_a_run_settles_on_the_same_batches_at_any_step() -> None:
    early, late = tiny_trainer(), tiny_trainer()
    late.game.step = 50
    early.settle_average()
    late.settle_average()
    assert equal(early.game.average.state_dict(), late.game.average.state_dict())
    norms = [module for module in late.game.average.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert {int(norm.num_batches_tracked or 0) for norm in norms} == {16}


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_that_are_not_finite_are_found_and_their_network_named(network: str) -> None:
    game = tiny_game()
    check_weights(game)
    with torch.no_grad():
        next(getattr(game, network).parameters())[-1] = float("nan")
    with pytest.raises(RunError, match=f"the {network} is not finite"):
        check_weights(game)
