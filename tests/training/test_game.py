import pytest
import torch
from torch import nn

from captiongan.training.game import update_average
from tiny_run import BATCH_SIZE, CONFIG, copied, equal, tiny_game


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
    [(10_000, 10.0), (100, 100 * BATCH_SIZE / 20), (1, BATCH_SIZE / 20)],
    ids=["far into the run", "near its start", "after one step"],
)
def test_the_average_follows_the_generator_by_the_formula(step: int, halflife: float) -> None:
    game = tiny_game()
    game.step = step
    torch.manual_seed(3)
    before = copied(game.average.state_dict())
    for tensor in game.generator.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.randn_like(tensor))
    update_average(game, BATCH_SIZE, halflife_kimg=0.01)
    keep = 0.5 ** (BATCH_SIZE / halflife)
    target = game.generator.state_dict()
    for name, tensor in game.average.state_dict().items():
        if tensor.is_floating_point():
            expected = keep * before[name] + (1 - keep) * target[name]
            torch.testing.assert_close(tensor, expected)


def test_after_the_halflife_the_average_has_gone_half_the_way() -> None:
    game = tiny_game()
    game.step = 10**9
    weight = game.average.to_rgb.weight
    target = weight + 1
    game.generator.module.to_rgb.weight.data.copy_(target)
    for _ in range(5):
        update_average(game, batch_size=4, halflife_kimg=0.02)
    torch.testing.assert_close(target - weight, torch.full_like(weight, 0.5))


def test_the_average_takes_over_the_counters_of_the_normalisation() -> None:
    game = tiny_game()
    game.generator(torch.zeros(2, CONFIG.generator.noise_dim), torch.zeros(2, 6))
    update_average(game, BATCH_SIZE, halflife_kimg=10)
    norms = [module for module in game.average.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(norm.num_batches_tracked == 1 for norm in norms)


def test_following_leaves_the_generator_alone() -> None:
    game = tiny_game()
    game.step = 7
    game.average.to_rgb.weight.data.add_(1)
    before = copied(game.generator.state_dict())
    update_average(game, BATCH_SIZE, halflife_kimg=10)
    assert equal(before, game.generator.state_dict())
