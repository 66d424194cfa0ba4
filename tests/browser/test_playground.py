"""The playground: its arithmetic against PyTorch, what it learns, and its page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Browser, Page, expect
from torch import Tensor

from captiongan.page.modules import linked
from captiongan.page.playground import PLAYGROUND, write_playground
from captiongan.training import losses
from support.on_the_page import check_accessibility, press
from support.visitor import Visitor

Parameters = list[Tensor]
Network = Callable[[Parameters, Tensor, Tensor], Tensor]

STEPS = 20

NOTHING = "\N{EN DASH}"
"""What a term shows before it is computed."""

RECORD = """
    const scene = given.scene === "pairs" ? pairScene() : flowerScene({ sentence: "" });
    const batches = [];
    const list = ({ rows, columns, data }) => ({ rows, columns, data: Array.from(data) });
    const watched = { ...scene, batch(random) {
        const batch = scene.batch(random);
        batches.push(Object.fromEntries(Object.entries(batch).map(([name, x]) => [name, list(x)])));
        return batch;
    } };
    const settings = { loss: given.loss, rateD: 4e-3, rateG: 2e-3, stepsD: 1, mismatching: true };
    const game = new Game(watched, settings, new RandomState(7));
    const both = (of) => [game.D, game.G].map(({ parameters }) => parameters.map(of));
    const weights = () => both(list);
    const before = weights();
    for (const _ of step(game)) game.view();
    const gradients = both(({ grad }) => Array.from(grad));
    for (let time = 1; time < given.steps; time += 1) for (const _ of step(game)) ;
    return { before, gradients, after: weights(), batches };
"""

MODES = """
    const scene = pointScene({ shape: "ring" });
    const usual = { loss: "non-saturating", rateD: 6e-3, rateG: 4e-3, stepsD: 1 };
    const game = new Game(scene, { ...usual, ...given.settings }, new RandomState(7));
    for (let time = 0; time < given.steps; time += 1) for (const _ of step(game)) ;
    return game.view().facts.modes;
"""


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


def in_playground(page: Page, work: str, given: dict[str, object]) -> Any:
    """Return what a function body makes of the playground's modules and of `given`."""
    names = {
        "Game, step": "game.js",
        "pointScene": "scene_points.js",
        "pairScene": "scene_pairs.js",
        "flowerScene": "scene_flowers.js",
        "read": "words.js",
        "RandomState": "../engine/random_state.js",
    }
    modules = (
        f"const {{ {name} }} = (() => {{ {linked(PLAYGROUND / file)} return entry; }})();\n"
        for name, file in names.items()
    )
    return page.evaluate(f"(given) => {{ {''.join(modules)} {work} }}", given)


def tensor(told: dict[str, Any]) -> Tensor:
    return torch.tensor(told["data"], dtype=torch.float64).reshape(told["rows"], told["columns"])


def linear(x: Tensor, parameters: Parameters) -> Tensor:
    return F.linear(x, parameters[0], parameters[1][0])


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def perceptron(parameters: Parameters, x: Tensor, e: Tensor) -> Tensor:
    x = torch.cat([x, e], dim=1)
    for place in range(0, len(parameters), 2):
        x = linear(leaky(x) if place else x, parameters[place : place + 2])
    return x


def halve(x: Tensor, parameters: Parameters) -> Tensor:
    """(B, H, W, C) to (B, H / 2, W / 2, outputs)."""
    kernel = parameters[0].reshape(-1, 4, 4, x.shape[-1]).permute(0, 3, 1, 2)
    made = F.conv2d(x.permute(0, 3, 1, 2), kernel, parameters[1][0], stride=2, padding=1)
    return made.permute(0, 2, 3, 1)


def double(x: Tensor, parameters: Parameters) -> Tensor:
    """(B, H, W, C) to (B, 2 H, 2 W, outputs / 16)."""
    batch, side = x.shape[:2]
    painted = linear(x, parameters).reshape(batch, side**2, 16, -1).permute(0, 3, 2, 1)
    made = F.fold(painted.flatten(1, 2), (2 * side, 2 * side), 4, stride=2, padding=1)
    return made.permute(0, 2, 3, 1)


def picture_generator(parameters: Parameters, z: Tensor, e: Tensor) -> Tensor:
    coarse = leaky(linear(torch.cat([z, e], dim=1), parameters[:2])).reshape(len(z), 4, 4, -1)
    middle = leaky(double(coarse, parameters[2:4]))
    return torch.tanh(double(middle, parameters[4:])).flatten(1)


def picture_discriminator(parameters: Parameters, x: Tensor, e: Tensor) -> Tensor:
    middle = leaky(halve(x.reshape(len(x), 16, 16, 3), parameters[:2]))
    features = leaky(halve(middle, parameters[2:4])).flatten(1)
    return perceptron(parameters[4:], features, e)


def least_squares(matching: Tensor, mismatching: Tensor, generated: Tensor) -> Tensor:
    wrong = (generated.square().mean() + mismatching.square().mean()) / 2
    return (matching - 1).square().mean() + wrong


NETWORKS: dict[str, tuple[Network, Network]] = {
    "pairs": (perceptron, perceptron),
    "flowers": (picture_discriminator, picture_generator),
}

LOSSES: dict[str, tuple[Callable[..., Tensor], Callable[[Tensor], Tensor]]] = {
    "non-saturating": (losses.matching_aware_discriminator_loss, losses.gan_generator_loss),
    "minimax": (
        losses.matching_aware_discriminator_loss,
        lambda generated: torch.log(1 - torch.sigmoid(generated)).mean(),
    ),
    "least-squares": (least_squares, lambda generated: (generated - 1).square().mean()),
    "hinge": (losses.hinge_discriminator_loss, losses.hinge_generator_loss),
}


@pytest.mark.parametrize(
    ("scene", "loss", "steps"),
    [*(("pairs", loss, STEPS) for loss in LOSSES), ("flowers", "non-saturating", 3)],
)
def test_gradients_and_steps_are_those_of_pytorch(
    tab: Page, scene: str, loss: str, steps: int
) -> None:
    told = in_playground(tab, RECORD, {"scene": scene, "loss": loss, "steps": steps})
    player_d, player_g = ([tensor(each).requires_grad_() for each in one] for one in told["before"])
    adams = [
        torch.optim.Adam(player, rate, betas=(0.5, 0.999))
        for player, rate in ((player_d, 4e-3), (player_g, 2e-3))
    ]
    judge, draw = NETWORKS[scene]
    loss_d, loss_g = LOSSES[loss]
    batches = iter(told["batches"])

    def descend(adam: torch.optim.Adam, paid: Tensor, gradients: list[list[float]] | None) -> None:
        adam.zero_grad()
        paid.backward()
        player = adam.param_groups[0]["params"]
        for weight, gradient in zip(player, gradients or [], strict=bool(gradients)):
            expected = torch.tensor(gradient, dtype=torch.float64).reshape(weight.shape)
            torch.testing.assert_close(weight.grad, expected, rtol=1e-9, atol=1e-12)
        adam.step()

    for number in range(steps):
        gradients = told["gradients"] if number == 0 else (None, None)
        x, z, e, wrong = (tensor(one) for one in next(batches).values())
        generated = draw(player_g, z, e).detach()
        paid = loss_d(
            judge(player_d, x, e), judge(player_d, x, wrong), judge(player_d, generated, e)
        )
        descend(adams[0], paid, gradients[0])
        _, z, e, _ = (tensor(one) for one in next(batches).values())
        descend(adams[1], loss_g(judge(player_d, draw(player_g, z, e), e)), gradients[1])

    for player, after in zip((player_d, player_g), told["after"], strict=True):
        for weight, told_weight in zip(player, after, strict=True):
            torch.testing.assert_close(weight.detach(), tensor(told_weight), rtol=0, atol=1e-7)


def test_the_ring_is_found_and_collapses_on_purpose(tab: Page) -> None:
    found, clusters = in_playground(tab, MODES, {"settings": {}, "steps": 600})
    assert clusters == 8
    assert found >= 5
    collapsing = {"rateD": 2e-4, "rateG": 6e-3}
    assert in_playground(tab, MODES, {"settings": collapsing, "steps": 200})[0] <= 2


@pytest.mark.parametrize(
    ("sentence", "petals", "centre", "unknown"),
    [
        ("a red flower with a yellow centre", 0, 0, []),
        ("Một bông hoa đỏ với nhị vàng", 0, 0, []),
        ("a white flower", 2, None, []),
        ("a flower with a brown centre and striped petals", None, 1, ["striped"]),
    ],
)
def test_a_sentence_is_read_in_two_languages(
    tab: Page, sentence: str, petals: int | None, centre: int | None, unknown: list[str]
) -> None:
    asked = in_playground(tab, "return read(given.sentence)", {"sentence": sentence})
    assert asked == {"petals": petals, "centre": centre, "unknown": unknown}


def test_it_trains_offline_term_by_term_and_by_keys(visitor: Visitor, tmp_path: Path) -> None:
    write_playground(tmp_path / "playground.html")
    page = visitor.open((tmp_path / "playground.html").as_uri(), offline=True)
    term = page.locator("#equation-D [data-term=real] b")
    expect(term).to_have_text(NOTHING)
    press(page, "Update D")
    expect(term).not_to_have_text(NOTHING)
    expect(page.locator("#equation-G [data-term=generated] b")).to_have_text(NOTHING)
    page.evaluate("document.activeElement.blur()")  # on a button, Space is the button's
    page.keyboard.press("s")
    expect(page.locator("#steps")).to_have_text("Step 1")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    for scene in ("Judging pairs", "Flowers"):
        press(page, scene)
        press(page, "Step")
        expect(page.locator("#steps")).to_have_text("Step 1")
        check_accessibility(page)
