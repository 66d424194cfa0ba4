import copy

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from captiongan.config import LossConfig
from captiongan.losses import (
    feature_matching_loss,
    gan_generator_loss,
    matching_aware_discriminator_loss,
    pixel_wise_loss,
)
from captiongan.networks.dcgan import Discriminator
from captiongan.training.game import Game
from captiongan.training.step import (
    Batch,
    frozen,
    training_step,
    update_discriminator,
    update_generator,
)
from tiny_run import BATCH_SIZE, copied, equal, random_batch, tiny_game

ALL_TERMS = LossConfig(pixel_wise=50, feature_matching=100)
GAN_ONLY = LossConfig(pixel_wise=0, feature_matching=0)


def weights(network: nn.Module) -> dict[str, Tensor]:
    return copied({name: weight.data for name, weight in network.named_parameters()})


def gradients(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: weight.grad.clone()
        for name, weight in network.named_parameters()
        if weight.grad is not None
    }


def twin_of_the_discriminator(game: Game) -> Discriminator:
    twin = copy.deepcopy(game.discriminator.module)
    assert isinstance(twin, Discriminator)
    return twin


class ByTheText(nn.Module):
    """A discriminator whose logit of a pair is the embedding's first number, plus the picture's."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def features(self, pictures: Tensor) -> Tensor:
        return pictures[:, :1, 0, 0]

    def judge(self, features: Tensor, embedding: Tensor) -> Tensor:
        return self.gain * (features + embedding[:, :1])

    def forward(self, pictures: Tensor, embedding: Tensor) -> Tensor:
        return self.judge(self.features(pictures), embedding)


def game_with(discriminator: nn.Module) -> Game:
    game = tiny_game()
    optimiser = torch.optim.SGD(discriminator.parameters(), lr=1.0)
    fabric = Fabric(accelerator="cpu", devices=1)
    game.discriminator, game.discriminator_optimiser = fabric.setup(discriminator, optimiser)
    game.discriminator.mark_forward_method("features")
    game.discriminator.mark_forward_method("judge")
    return game


def numbers(*values: float) -> Tensor:
    return torch.tensor(values)[:, None].expand(-1, 6)


def test_teaching_the_discriminator_changes_its_weights_only() -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching).detach()
    before = [copied(game.generator.state_dict()), copied(game.average.state_dict())]
    taught = weights(game.discriminator)
    update_discriminator(game, batch, generated, ALL_TERMS)
    assert equal(before[0], game.generator.state_dict())
    assert equal(before[1], game.average.state_dict())
    after = weights(game.discriminator)
    assert all(not torch.equal(after[name], weight) for name, weight in taught.items())


def test_teaching_the_generator_changes_its_weights_only() -> None:
    game, batch = tiny_game(), random_batch()
    training_step(game, batch, ALL_TERMS)  # leaves gradients, which must not be used again
    generated = game.generator(batch.noise, batch.matching)
    before, average = weights(game.discriminator), copied(game.average.state_dict())
    taught = weights(game.generator)
    update_generator(game, batch, generated, ALL_TERMS)
    assert equal(before, weights(game.discriminator))
    assert equal(average, game.average.state_dict())
    after = weights(game.generator)
    assert all(not torch.equal(after[name], weight) for name, weight in taught.items())


def test_teaching_the_generator_leaves_no_gradient_on_the_discriminator() -> None:
    game, batch = tiny_game(), random_batch()
    update_generator(game, batch, game.generator(batch.noise, batch.matching), ALL_TERMS)
    assert all(weight.grad is None for weight in game.discriminator.parameters())
    assert all(weight.requires_grad for weight in game.discriminator.parameters())


def test_a_frozen_network_learns_again_even_after_an_error() -> None:
    network = nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError), frozen(network):
        assert not any(weight.requires_grad for weight in network.parameters())
        _ = 1 / 0
    assert all(weight.requires_grad for weight in network.parameters())


def test_the_discriminators_loss_is_the_lectures() -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching).detach()
    twin = twin_of_the_discriminator(game)
    expected = matching_aware_discriminator_loss(
        twin(batch.pictures, batch.matching),
        twin(batch.pictures, batch.mismatching),
        twin(generated, batch.matching),
    )
    figures = update_discriminator(game, batch, generated, ALL_TERMS)
    torch.testing.assert_close(figures["loss_d"], expected.detach())


def test_the_generators_loss_is_the_weighted_sum_of_its_terms() -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching)
    twin = twin_of_the_discriminator(game)
    gan = gan_generator_loss(twin(generated, batch.matching))
    pixel = pixel_wise_loss(generated, batch.pictures)
    feature = feature_matching_loss(twin.features(generated), twin.features(batch.pictures))
    figures = update_generator(game, batch, generated, ALL_TERMS)
    torch.testing.assert_close(figures["loss_g_gan"], gan.detach())
    torch.testing.assert_close(figures["loss_g_pixel"], pixel.detach())
    torch.testing.assert_close(figures["loss_g_feature"], feature.detach())
    torch.testing.assert_close(figures["loss_g"], (gan + 50 * pixel + 100 * feature).detach())


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        (GAN_ONLY, {"loss_g", "loss_g_gan"}),
        (LossConfig(pixel_wise=1, feature_matching=0), {"loss_g", "loss_g_gan", "loss_g_pixel"}),
        (LossConfig(pixel_wise=0, feature_matching=1), {"loss_g", "loss_g_gan", "loss_g_feature"}),
        (
            LossConfig(pixel_wise=0, feature_matching=0, interpolation=1),
            {"loss_g", "loss_g_gan", "loss_g_interpolation"},
        ),
    ],
)
def test_a_term_of_weight_zero_is_left_out(terms: LossConfig, names: set[str]) -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching)
    figures = update_generator(game, batch, generated, terms)
    assert figures.keys() == names
    total = sum(figures[name] for name in names - {"loss_g"})
    torch.testing.assert_close(figures["loss_g"], total)


def test_accuracies_count_the_pairs_that_are_judged_right() -> None:
    batch = Batch(
        pictures=torch.zeros(4, 3, 16, 16),
        matching=numbers(1, 2, 3, -1),
        mismatching=numbers(-1, 2, 3, 1),
        noise=torch.zeros(4, 5),
    )
    generated = torch.zeros(4, 3, 16, 16)
    generated[:3] = -9
    figures = update_discriminator(game_with(ByTheText()), batch, generated, ALL_TERMS)
    assert figures["accuracy_real"] == 0.75
    assert figures["accuracy_mismatching"] == 0.25
    assert figures["accuracy_generated"] == 1.0


def test_without_mismatching_pairs_the_discriminators_loss_is_the_first_gans() -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching).detach()
    twin = twin_of_the_discriminator(game)
    real, fake = twin(batch.pictures, batch.matching), twin(generated, batch.matching)
    expected = -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()
    figures = update_discriminator(game, batch, generated, LossConfig(discriminator="gan"))
    torch.testing.assert_close(figures["loss_d"], expected.detach())
    assert figures.keys() == {"loss_d", "accuracy_real", "accuracy_generated"}


def test_the_exercises_sum_exceeds_the_halved_loss_by_half_of_both_wrong_pairs() -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching).detach()
    twin = twin_of_the_discriminator(game)
    judged = (
        twin(batch.pictures, batch.matching),
        twin(batch.pictures, batch.mismatching),
        twin(generated, batch.matching),
    )
    halved = matching_aware_discriminator_loss(*judged)
    wrong = torch.nn.functional.softplus(torch.cat(judged[1:])).mean()
    losses = LossConfig(discriminator="gan-cls-sum")
    figures = update_discriminator(game, batch, generated, losses)
    torch.testing.assert_close(figures["loss_d"], (halved + wrong).detach())


def test_interpolation_asks_to_pass_for_real_with_texts_between_two() -> None:
    game, batch = tiny_game(), random_batch()
    generated = game.generator(batch.noise, batch.matching)
    between = torch.stack(
        [(batch.matching[row] + batch.matching[row - 1]) / 2 for row in range(BATCH_SIZE)]
    )
    judge, draw = twin_of_the_discriminator(game), copy.deepcopy(game.generator.module)
    expected = -torch.log(torch.sigmoid(judge(draw(batch.noise, between), between))).mean()
    losses = GAN_ONLY.model_copy(update={"interpolation": 3.0})
    figures = update_generator(game, batch, generated, losses)
    torch.testing.assert_close(figures["loss_g_interpolation"], expected.detach())
    total = figures["loss_g_gan"] + 3 * figures["loss_g_interpolation"]
    torch.testing.assert_close(figures["loss_g"], total)


def test_a_step_teaches_both_players_and_counts() -> None:
    game, batch = tiny_game(), random_batch()
    before = [weights(game.generator), weights(game.discriminator)]
    figures = training_step(game, batch, ALL_TERMS)
    assert game.step == 1
    assert not equal(before[0], weights(game.generator))
    assert not equal(before[1], weights(game.discriminator))
    assert not any(value.requires_grad for value in figures.values())
    assert {"loss_d", "loss_g", "accuracy_real", "accuracy_mismatching"} < figures.keys()


def test_gradients_of_earlier_steps_do_not_add_up() -> None:
    game, batch = tiny_game(), random_batch()
    game.learning_rate = lambda _: 0.0
    training_step(game, batch, ALL_TERMS)
    first = [gradients(game.generator), gradients(game.discriminator)]
    training_step(game, batch, ALL_TERMS)
    assert equal(first[0], gradients(game.generator))
    assert equal(first[1], gradients(game.discriminator))
