"""What each process of tests/compute/test_distributed.py does, started by torchrun.

two_processes.py figures FOLDER OPTIONS    take steps of tiny runs, and write what they gave;
                                           then `captiongan train OPTIONS`
two_processes.py dying STEP OPTIONS        `captiongan train OPTIONS`; one process dies at that
                                           step, once
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from captiongan.base.main_process import is_main_process
from captiongan.cli import main
from captiongan.compute import distributed
from captiongan.networks.layers import AppendDeviation
from captiongan.runs.config import RunConfig
from captiongan.runs.options import LossConfig
from captiongan.training.step import Batch
from captiongan.training.trainer import Trainer
from support.tiny_run import CONFIG, RECIPE, tiny_trainer

RUNS = {
    "the lecture's": CONFIG.model_copy(
        update={"losses": LossConfig(interpolation=1), "network": "reed"}
    ),
    "all that came later": RECIPE,
    "relativistic pairs and both penalties": RECIPE.model_copy(
        update={
            "losses": RECIPE.losses.model_copy(
                update={"discriminator": "relativistic-cls", "r1": 1.0, "r2": 1.0}
            )
        }
    ),
    "remedies for shapes": RECIPE.model_copy(
        update={
            "generator": RECIPE.generator.model_copy(update={"attention": 8}),
            "losses": RECIPE.losses.model_copy(
                update={
                    **{"augment_probability": 0.5, "blur_kimg": 1, "text_fade_kimg": 0.02},
                    "species": 0.5,
                }
            ),
        }
    ),
}
STEPS = 3


def take_steps(config: RunConfig) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Return the figures of some steps, and the generator's weights after them."""
    trainer = tiny_trainer(config)
    metrics = [
        {name: float(value) for name, value in trainer.take_step().items()} for _ in range(STEPS)
    ]
    return metrics, {
        name: value.contiguous() for name, value in trainer.state.generator.state_dict().items()
    }


def deviation_and_gradient() -> tuple[Tensor, Tensor]:
    """Return what a layer says of this process's rows, and what they learn from that."""
    random = torch.Generator().manual_seed(0)
    rows = distributed.own_rows(torch.randn(6, 2, 4, 4, generator=random)).requires_grad_()
    said = AppendDeviation()(rows)[:, 2:]
    said.square().mean().backward()
    assert rows.grad is not None
    return said.detach().contiguous(), rows.grad


def write_figures(folder: Path) -> None:
    for name, config in RUNS.items():
        metrics, weights = take_steps(config)
        if is_main_process():
            (folder / f"{name}.json").write_text(json.dumps(metrics))
            save_file(weights, folder / f"{name}.safetensors")
    said, gradient = deviation_and_gradient()
    save_file({"said": said, "gradient": gradient}, folder / f"deviation-{distributed.rank()}")


def die_once_at(fatal: int) -> None:
    """Kill the second process at a step, but not once more after the restart."""
    whole = Trainer.begin_step

    def begin_step(self: Trainer, step: int) -> Batch:
        before_restart = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if before_restart and distributed.rank() == 1 and step == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(self, step)

    Trainer.begin_step = begin_step  # type: ignore[method-assign]


if __name__ == "__main__":
    with distributed.joined():
        if sys.argv[1] == "figures":
            write_figures(Path(sys.argv[2]))
        else:
            die_once_at(int(sys.argv[2]))
        sys.argv[1:] = ["train", *sys.argv[3:]]
        main()
