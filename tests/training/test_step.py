import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from captiongan.networks.dcgan import Discriminator
from captiongan.networks.layers import PairDiscriminator
from captiongan.runs.options import LossConfig
from captiongan.training.augment import blurred
from captiongan.training.losses import (
    LOSSES,
    Loss,
    contrastive_loss,
    feature_matching_loss,
    gan_discriminator_loss,
    gan_generator_loss,
    hinge_discriminator_loss,
    matching_aware_discriminator_loss,
    mode_seeking_loss,
    pixel_wise_loss,
    relativistic_generator_loss,
    relativistic_matching_aware_discriminator_loss,
)
from captiongan.training.state import TrainState
from captiongan.training.step import (
    Batch,
    accuracies,
    frozen,
    logit_quantiles,
    training_step,
    update_discriminator,
    update_generator,
)
from support.tiny_run import BATCH_SIZE, CONFIG, RECIPE, copied, equal, random_batch, tiny_state

ALL_TERMS = LossConfig(pixel_wise=50, feature_matching=100)
GAN_ONLY = LossConfig(pixel_wise=0, feature_matching=0)


@pytest.mark.parametrize(
    ("mixed", "penalties", "precision"),
    [
        (True, {}, torch.bfloat16),
        (True, {"r1": 1.0}, torch.float32),
        (True, {"r2": 1.0}, torch.float32),
        (False, {}, torch.float32),
    ],
    ids=["bf16", "bf16 with R1", "bf16 with R2", "single precision"],
)
def test_the_discriminator_computes_pictures_in_bf16_if_asked_for_and_the_rest_in_32_bits(
    mixed: bool, penalties: dict[str, float], precision: torch.dtype
) -> None:
    """Penalties differentiate twice, so their pictures take 32 bits."""
    state = tiny_state(RECIPE.model_copy(update={"generator": CONFIG.generator}))
    state.mixed = True
    state.mixed_features = mixed
    features: list[torch.dtype] = []
    logits: list[torch.dtype] = []
    for part, seen in (
        (state.discriminator.picture, features),
        (state.discriminator.compare, logits),
    ):
        part.register_forward_hook(lambda _, __, result, seen=seen: seen.append(result.dtype))
    losses = GAN_ONLY.model_copy(update=penalties)
    metrics = training_step(state, random_batch(), losses)
    assert set(features) == {precision}
    assert {*logits, *(value.dtype for value in metrics.values())} == {torch.float32}


def weights(network: nn.Module) -> dict[str, Tensor]:
    return copied({name: weight.data for name, weight in network.named_parameters()})


def gradients(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: weight.grad.clone()
        for name, weight in network.named_parameters()
        if weight.grad is not None
    }


def twin_of_the_discriminator(state: TrainState) -> Discriminator:
    twin = copy.deepcopy(state.discriminator)
    assert isinstance(twin, Discriminator)
    return twin


class Witness(Discriminator):
    """A discriminator that keeps all pictures it is shown."""

    shown: list[Tensor]

    def features(self, pictures: Tensor) -> Tensor:
        self.shown.append(pictures.detach())
        return super().features(pictures)

    @classmethod
    def of(cls, state: TrainState) -> list[Tensor]:
        """Make a game's discriminator a witness; return what it will be shown."""
        discriminator: Any = state.discriminator
        discriminator.__class__ = cls
        discriminator.shown = []
        shown: list[Tensor] = discriminator.shown
        return shown


class ByTheText(PairDiscriminator):
    """A discriminator whose logit of a pair is the embedding's first number, plus the picture's."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.gain = nn.Parameter(torch.ones(()))

    def features(self, pictures: Tensor) -> Tensor:
        return pictures[:, :1, 0, 0]

    def logits(self, features: Tensor, embedding: Tensor) -> Tensor:
        return self.gain * (features + embedding[:, :1])


def state_with(discriminator: PairDiscriminator) -> TrainState:
    state = tiny_state()
    state.discriminator = discriminator
    state.discriminator_optimiser = torch.optim.SGD(discriminator.parameters(), lr=1.0, fused=True)
    return state


def numbers(*values: float) -> Tensor:
    return torch.tensor(values)[:, None].expand(-1, 6)


def test_teaching_the_discriminator_changes_its_weights_only() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching).detach()
    before = [copied(state.generator.state_dict()), copied(state.ema.state_dict())]
    taught = weights(state.discriminator)
    update_discriminator(state, batch, generated, ALL_TERMS)
    assert equal(before[0], state.generator.state_dict())
    assert equal(before[1], state.ema.state_dict())
    after = weights(state.discriminator)
    assert all(not torch.equal(after[name], weight) for name, weight in taught.items())


def test_teaching_the_generator_changes_its_weights_only() -> None:
    state, batch = tiny_state(), random_batch()
    training_step(state, batch, ALL_TERMS)  # leaves gradients, which must not be used again
    generated = state.generator(batch.noise, batch.matching)
    before, ema = weights(state.discriminator), copied(state.ema.state_dict())
    taught = weights(state.generator)
    update_generator(state, batch, generated, ALL_TERMS)
    assert equal(before, weights(state.discriminator))
    assert equal(ema, state.ema.state_dict())
    after = weights(state.generator)
    assert all(not torch.equal(after[name], weight) for name, weight in taught.items())


def test_teaching_the_generator_leaves_no_gradient_on_the_discriminator() -> None:
    state, batch = tiny_state(), random_batch()
    update_generator(state, batch, state.generator(batch.noise, batch.matching), ALL_TERMS)
    assert all(weight.grad is None for weight in state.discriminator.parameters())
    assert all(weight.requires_grad for weight in state.discriminator.parameters())


def test_a_frozen_network_learns_again_even_after_an_error() -> None:
    network = nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError), frozen(network):
        assert not any(weight.requires_grad for weight in network.parameters())
        _ = 1 / 0
    assert all(weight.requires_grad for weight in network.parameters())


def test_the_discriminators_loss_is_the_lectures() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching).detach()
    twin = twin_of_the_discriminator(state)
    expected = matching_aware_discriminator_loss(
        twin(batch.pictures, batch.matching),
        twin(batch.pictures, batch.mismatching),
        twin(generated, batch.matching),
    )
    metrics = update_discriminator(state, batch, generated, ALL_TERMS)
    torch.testing.assert_close(metrics["loss_d"], expected.detach())


def test_the_generators_loss_is_the_weighted_sum_of_its_terms() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    twin = twin_of_the_discriminator(state)
    gan = gan_generator_loss(twin(generated, batch.matching))
    pixel = pixel_wise_loss(generated, batch.pictures)
    feature = feature_matching_loss(twin.features(generated), twin.features(batch.pictures))
    metrics = update_generator(state, batch, generated, ALL_TERMS)
    torch.testing.assert_close(metrics["loss_g_gan"], gan.detach())
    torch.testing.assert_close(metrics["loss_g_pixel"], pixel.detach())
    torch.testing.assert_close(metrics["loss_g_feature"], feature.detach())
    torch.testing.assert_close(metrics["loss_g"], (gan + 50 * pixel + 100 * feature).detach())


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
        (
            LossConfig(pixel_wise=0, feature_matching=0, mode_seeking=1),
            {"loss_g", "loss_g_gan", "loss_g_mode_seeking"},
        ),
        (
            LossConfig(pixel_wise=0, feature_matching=0, contrastive=1),
            {"loss_g", "loss_g_gan", "loss_g_contrastive"},
        ),
    ],
)
def test_a_term_of_weight_zero_is_left_out(terms: LossConfig, names: set[str]) -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    metrics = update_generator(state, batch, generated, terms)
    assert metrics.keys() == names | {"gradient_g"}
    total = sum(metrics[name] for name in names - {"loss_g"})
    torch.testing.assert_close(metrics["loss_g"], total)


def test_accuracies_count_the_pairs_that_are_judged_right() -> None:
    batch = Batch(
        pictures=torch.zeros(4, 3, 16, 16),
        matching=numbers(1, 2, 3, -1),
        mismatching=numbers(-1, 2, 3, 1),
        noise=torch.zeros(4, 5),
    )
    generated = torch.zeros(4, 3, 16, 16)
    generated[:3] = -9
    metrics = update_discriminator(state_with(ByTheText()), batch, generated, ALL_TERMS)
    assert metrics["accuracy_real"] == 0.75
    assert metrics["accuracy_mismatching"] == 0.25
    assert metrics["accuracy_generated"] == 1.0


def test_without_mismatching_pairs_the_discriminators_loss_is_the_first_gans() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching).detach()
    twin = twin_of_the_discriminator(state)
    real, fake = twin(batch.pictures, batch.matching), twin(generated, batch.matching)
    expected = -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()
    metrics = update_discriminator(state, batch, generated, LossConfig(discriminator="gan"))
    torch.testing.assert_close(metrics["loss_d"], expected.detach())
    logits = {name for name in metrics if name.startswith("logit_")}
    assert metrics.keys() - logits == {
        "loss_d",
        "gradient_d",
        "accuracy_real",
        "accuracy_generated",
    }
    assert {name.split("_")[1] for name in logits} == {"matching", "generated"}


def test_the_noted_quantiles_are_those_of_all_logits_of_a_kind() -> None:
    logits = {"matching": torch.randperm(101).float().view(-1, 1), "generated": torch.ones(3, 7)}
    quantiles = logit_quantiles(logits)
    assert {name: float(each) for name, each in quantiles.items()} == {
        f"logit_{pairs}_{percent:02}": percent if pairs == "matching" else 1
        for pairs in logits
        for percent in (5, 25, 50, 75, 95)
    }


def test_the_exercises_sum_exceeds_the_halved_loss_by_half_of_both_wrong_pairs() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching).detach()
    twin = twin_of_the_discriminator(state)
    judged = (
        twin(batch.pictures, batch.matching),
        twin(batch.pictures, batch.mismatching),
        twin(generated, batch.matching),
    )
    halved = matching_aware_discriminator_loss(*judged)
    wrong = torch.nn.functional.softplus(torch.cat(judged[1:])).mean()
    losses = LossConfig(discriminator="gan-cls-sum")
    metrics = update_discriminator(state, batch, generated, losses)
    torch.testing.assert_close(metrics["loss_d"], (halved + wrong).detach())


def test_interpolation_asks_to_pass_for_real_with_texts_between_two() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    between = torch.stack(
        [(batch.matching[row] + batch.matching[row - 1]) / 2 for row in range(BATCH_SIZE)]
    )
    judge, draw = twin_of_the_discriminator(state), copy.deepcopy(state.generator)
    expected = -torch.log(torch.sigmoid(judge(draw(batch.noise, between), between))).mean()
    losses = GAN_ONLY.model_copy(update={"interpolation": 3.0})
    metrics = update_generator(state, batch, generated, losses)
    torch.testing.assert_close(metrics["loss_g_interpolation"], expected.detach())
    total = metrics["loss_g_gan"] + 3 * metrics["loss_g_interpolation"]
    torch.testing.assert_close(metrics["loss_g"], total)


def test_hinges_are_those_of_both_players() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    twin = twin_of_the_discriminator(state)
    expected = hinge_discriminator_loss(
        matching=twin(batch.pictures, batch.matching),
        mismatching=twin(batch.pictures, batch.mismatching),
        generated=twin(generated, batch.matching),
    )
    losses = GAN_ONLY.model_copy(update={"discriminator": "hinge-cls"})
    metrics = update_discriminator(state, batch, generated.detach(), losses)
    torch.testing.assert_close(metrics["loss_d"], expected.detach())
    taught = twin_of_the_discriminator(state)
    metrics = update_generator(state, batch, generated, losses)
    passing = -taught(generated, batch.matching).mean()
    torch.testing.assert_close(metrics["loss_g"], passing.detach())


RELATIVE = GAN_ONLY.model_copy(update={"discriminator": "relativistic-cls"})


def test_relativistic_players_compare_pairs_of_the_same_text() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    twin = twin_of_the_discriminator(state)
    expected = relativistic_matching_aware_discriminator_loss(
        matching=twin(batch.pictures, batch.matching),
        mismatching=twin(batch.pictures, batch.mismatching),
        generated=twin(generated, batch.matching),
    )
    metrics = update_discriminator(state, batch, generated.detach(), RELATIVE)
    torch.testing.assert_close(metrics["loss_d"], expected.detach())
    taught = twin_of_the_discriminator(state)
    metrics = update_generator(state, batch, generated, RELATIVE)
    drawn, real = taught(generated, batch.matching), taught(batch.pictures, batch.matching)
    torch.testing.assert_close(metrics["loss_g"], relativistic_generator_loss(real, drawn).detach())


def test_a_generator_that_is_not_compared_lets_no_real_picture_be_judged() -> None:
    for losses, looks in ((GAN_ONLY, 1), (RELATIVE, 2)):
        state, batch = tiny_state(), random_batch()
        generated = state.generator(batch.noise, batch.matching)
        shown = Witness.of(state)
        update_generator(state, batch, generated, losses)
        assert len(shown) == looks


def test_accuracies_of_a_relative_loss_count_the_pairs_that_come_out_ahead() -> None:
    batch = Batch(
        pictures=torch.zeros(4, 3, 16, 16),
        matching=numbers(101, 102, 103, 99),
        mismatching=numbers(100, 103, 104, 100),
        noise=torch.zeros(4, 5),
    )
    generated = torch.zeros(4, 3, 16, 16)
    generated[:3] = -9
    generated[3] = 1
    metrics = update_discriminator(state_with(ByTheText()), batch, generated, RELATIVE)
    assert metrics["accuracy_real"] == metrics["accuracy_generated"] == 0.75
    assert metrics["accuracy_mismatching"] == 0.25


@pytest.mark.parametrize("name", ["gan-cls", "relativistic-cls"])
def test_r1_and_r2_add_half_of_what_the_gradients_at_real_and_generated_pictures_are(
    name: str,
) -> None:
    """A discriminator that adds up the corner of a picture has a gradient of length 1 there."""
    losses = GAN_ONLY.model_copy(update={"discriminator": name})
    batch, generated = random_batch(), torch.zeros(BATCH_SIZE, 3, 16, 16)
    plain = update_discriminator(state_with(ByTheText()), batch, generated, losses)
    for weight in ("r1", "r2"):
        penalised = losses.model_copy(update={weight: 3.0})
        metrics = update_discriminator(state_with(ByTheText()), batch, generated, penalised)
        assert metrics.keys() == plain.keys() | {f"loss_d_{weight}"}
        assert metrics[f"loss_d_{weight}"] == 1.0
        torch.testing.assert_close(metrics["loss_d"], plain["loss_d"] + 3 / 2)


def test_a_penalised_discriminator_becomes_less_steep() -> None:
    def steepness(r1: float) -> float:
        state, batch = state_with(ByTheText()), random_batch()
        generated = torch.zeros(BATCH_SIZE, 3, 16, 16)
        for _ in range(5):
            update_discriminator(
                state, batch, generated, GAN_ONLY.model_copy(update={"r1": r1, "r2": r1})
            )
        return abs(state.discriminator.get_parameter("gain").item())

    assert steepness(0.2) < steepness(0.0)


def test_a_penalty_reaches_the_pictures_through_blur_and_changes() -> None:
    torch.manual_seed(0)
    state, batch = tiny_state(), random_batch()._replace(blur=torch.tensor(0.8))
    changes: Any = {"r1": 1.0, "r2": 1.0, "augment": ("colour", "translation", "cutout")}
    metrics = training_step(state, batch, RELATIVE.model_copy(update=changes))
    assert metrics["loss_d_r1"] > 0 and metrics["loss_d_r2"] > 0
    assert all(value.isfinite() and not value.requires_grad for value in metrics.values())


def test_mode_seeking_draws_each_text_again_with_the_noise_of_the_one_before() -> None:
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    noise = torch.stack([batch.noise[row - 1] for row in range(BATCH_SIZE)])
    again = copy.deepcopy(state.generator)(noise, batch.matching)
    expected = mode_seeking_loss(generated, again, batch.noise, noise).detach()
    losses = GAN_ONLY.model_copy(update={"mode_seeking": 3.0})
    metrics = update_generator(state, batch, generated, losses)
    torch.testing.assert_close(metrics["loss_g_mode_seeking"], expected)
    torch.testing.assert_close(metrics["loss_g"], metrics["loss_g_gan"] + 3 * expected)


def all_pairs(discriminator: Discriminator, pictures: Tensor, embeddings: Tensor) -> Tensor:
    """Return the logits of every picture with every text, as one batch of pairs."""
    features = discriminator.features(pictures)
    pairs = [(x, e) for x in features for e in embeddings]
    x, e = (torch.stack(each) for each in zip(*pairs, strict=True))
    return discriminator.logits(x, e).view(len(pictures), len(embeddings))


def test_both_players_search_the_batch_for_texts_each_with_pictures_of_its_own() -> None:
    """D with real ones, as it is to learn what fits; G with those it has drawn."""
    state, batch = tiny_state(), random_batch()
    generated = state.generator(batch.noise, batch.matching)
    twins = [twin_of_the_discriminator(state) for _ in range(2)]
    plain = matching_aware_discriminator_loss(
        twins[0](batch.pictures, batch.matching),
        twins[0](batch.pictures, batch.mismatching),
        twins[0](generated, batch.matching),
    )
    search = contrastive_loss(all_pairs(twins[1], batch.pictures, batch.matching))
    losses = GAN_ONLY.model_copy(update={"contrastive": 3.0})
    metrics = update_discriminator(state, batch, generated.detach(), losses)
    torch.testing.assert_close(metrics["loss_d"], (plain + 3 * search).detach())

    twin = twin_of_the_discriminator(state)
    expected = contrastive_loss(all_pairs(twin, generated, batch.matching)).detach()
    metrics = update_generator(state, batch, generated, losses)
    torch.testing.assert_close(metrics["loss_g_contrastive"], expected)
    torch.testing.assert_close(metrics["loss_g"], metrics["loss_g_gan"] + 3 * expected)


@pytest.mark.parametrize("name", ["gan-cls", "gan-cls-sum", "hinge-cls"])
def test_mismatching_pairs_fade_in_from_generated_ones_and_searching_from_nothing(
    name: str,
) -> None:
    metrics = {}
    for weight in (0.0, 0.25, 1.0, None):
        state, batch = tiny_state(), random_batch()
        if weight is not None:
            batch = batch._replace(text_weight=torch.tensor(weight))
        losses = GAN_ONLY.model_copy(update={"discriminator": name, "contrastive": 2.0})
        metrics[weight] = training_step(state, batch, losses)
    twin, batch = tiny_state(), random_batch()
    generated = twin.generator(batch.noise, batch.matching).detach()
    judge = twin_of_the_discriminator(twin)
    right = judge(batch.pictures, batch.matching)
    wrong = judge(generated, batch.matching)
    expected = LOSSES[name].discriminator(right, wrong, wrong).detach()
    torch.testing.assert_close(metrics[0.0]["loss_d"], expected)
    assert torch.equal(metrics[0.0]["loss_g"], metrics[0.0]["loss_g_gan"])
    assert torch.equal(metrics[1.0]["loss_d"], metrics[None]["loss_d"])
    between = expected.lerp(metrics[1.0]["loss_d"], 0.25)
    torch.testing.assert_close(metrics[0.25]["loss_d"], between)
    total = metrics[0.25]["loss_g_gan"] + 0.25 * 2.0 * metrics[0.25]["loss_g_contrastive"]
    torch.testing.assert_close(metrics[0.25]["loss_g"], total)


def test_the_discriminator_learns_which_text_of_a_batch_is_a_pictures() -> None:
    def search_after(contrastive: float) -> float:
        state, batch = tiny_state(), random_batch()
        state.discriminator_optimiser.param_groups[0]["lr"] = 0.01
        generated = state.generator(batch.noise, batch.matching).detach()
        losses = LossConfig(discriminator="gan", contrastive=contrastive)
        for _ in range(20):
            update_discriminator(state, batch, generated, losses)
        pairs = all_pairs(twin_of_the_discriminator(state), batch.pictures, batch.matching)
        return contrastive_loss(pairs).item()

    assert search_after(1.0) < 0.5 * math.log(BATCH_SIZE) < search_after(0.0)


EVERYTHING = LossConfig(
    pixel_wise=1, feature_matching=1, interpolation=1, mode_seeking=1, contrastive=1
)


def test_the_discriminator_sees_every_picture_changed_real_and_generated() -> None:
    torch.manual_seed(0)
    state, batch = tiny_state(), random_batch()
    shown = Witness.of(state)
    with torch.no_grad():  # or it would draw zeros of its own
        state.generator.get_parameter("to_rgb.bias").fill_(0.5)
    training_step(state, batch, EVERYTHING.model_copy(update={"augment": ("cutout",)}))
    assert len(shown) == 2 + 3  # x, G(z, e) for D; G(z, e), x, G(z, e_int) for G
    for pictures in shown:
        holes = (pictures == 0).all(dim=1)
        assert holes.flatten(1).any(dim=1).all()
        assert not holes.flatten(1).all(dim=1).any()


def test_with_a_probability_the_discriminator_sees_some_pictures_unchanged() -> None:
    torch.manual_seed(0)
    state, batch = tiny_state(), random_batch()
    shown = Witness.of(state)
    training_step(
        state,
        batch,
        EVERYTHING.model_copy(update={"augment": ("cutout",), "augment_probability": 0.5}),
    )
    for pictures in (shown[0], shown[3]):  # x, for D and for G
        unchanged = (pictures == batch.pictures).flatten(1).all(dim=1)
        assert unchanged.any() and not unchanged.all()


def test_the_discriminator_sees_every_picture_blurred_and_changed_afterwards() -> None:
    state, batch = tiny_state(), random_batch()._replace(blur=torch.tensor(0.8))
    shown = Witness.of(state)
    generated = copy.deepcopy(state.generator)(batch.noise, batch.matching)
    metrics = training_step(state, batch, EVERYTHING)
    torch.testing.assert_close(shown[0], blurred(batch.pictures, torch.tensor(0.8)))
    torch.testing.assert_close(shown[1], blurred(generated, torch.tensor(0.8)).detach())
    assert len(shown) == 5
    assert all(picture.std() < 0.8 * batch.pictures.std() for picture in (shown[0], shown[3]))
    sharp = pixel_wise_loss(generated, batch.pictures).detach()
    torch.testing.assert_close(metrics["loss_g_pixel"], sharp)

    shown.clear()
    training_step(state, batch, EVERYTHING.model_copy(update={"augment": ("cutout",)}))
    holes = (shown[0] == 0).all(dim=1)  # with sharp edges
    assert holes.flatten(1).any(dim=1).all()


def test_without_augmentation_a_step_shows_the_very_pictures_and_draws_nothing_at_random() -> None:
    state, batch = tiny_state(), random_batch()
    shown = Witness.of(state)
    generated = copy.deepcopy(state.generator)(batch.noise, batch.matching)
    before = torch.get_rng_state()
    training_step(state, batch, EVERYTHING)
    assert torch.equal(torch.get_rng_state(), before)
    real = [row for row, pictures in enumerate(shown) if torch.equal(pictures, batch.pictures)]
    drawn = [row for row, pictures in enumerate(shown) if torch.equal(pictures, generated)]
    assert (real, drawn, len(shown)) == ([0, 3], [1, 2], 5)


def test_the_generator_learns_through_the_changes_and_is_not_changed_itself() -> None:
    """Its pixel-wise and mode-seeking terms are of what it drew."""
    losses = LossConfig(pixel_wise=1, feature_matching=0, mode_seeking=1, augment=("translation",))
    metrics = []
    for terms in (losses, losses.model_copy(update={"augment": ()})):
        torch.manual_seed(0)
        state, batch = tiny_state(), random_batch()
        generated = state.generator(batch.noise, batch.matching)
        metrics.append(update_generator(state, batch, generated, terms))
        assert all(weight.grad is not None for weight in state.generator.parameters())
    changed, plain = metrics
    for name in ("loss_g_pixel", "loss_g_mode_seeking"):
        assert torch.equal(changed[name], plain[name])
    assert not torch.equal(changed["loss_g_gan"], plain["loss_g_gan"])


def test_a_step_teaches_both_players_and_counts() -> None:
    state, batch = tiny_state(), random_batch()
    before = [weights(state.generator), weights(state.discriminator)]
    metrics = training_step(state, batch, ALL_TERMS)
    assert state.step == 1
    assert not equal(before[0], weights(state.generator))
    assert not equal(before[1], weights(state.discriminator))
    assert not any(value.requires_grad for value in metrics.values())
    assert {"loss_d", "loss_g", "accuracy_real", "accuracy_mismatching"} < metrics.keys()


def test_gradients_of_earlier_steps_do_not_add_up() -> None:
    state, batch = tiny_state(), random_batch()
    state.learning_rate = lambda _: 0.0
    training_step(state, batch, ALL_TERMS)
    first = [gradients(state.generator), gradients(state.discriminator)]
    training_step(state, batch, ALL_TERMS)
    assert equal(first[0], gradients(state.generator))
    assert equal(first[1], gradients(state.discriminator))


def test_pairs_are_held_against_the_threshold_of_their_loss() -> None:
    logits = {"matching": torch.tensor([0.9, 0.3]), "generated": torch.tensor([0.1, 0.2])}
    at_a_half = Loss(gan_discriminator_loss, gan_generator_loss, threshold=0.5)
    for loss, right in ((LOSSES["gan"], (1.0, 0.0)), (at_a_half, (0.5, 1.0))):
        found = accuracies(logits, loss)
        assert (found["accuracy_real"].item(), found["accuracy_generated"].item()) == right
