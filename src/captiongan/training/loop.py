"""The training loop: batches in, steps, and from time to time figures, a grid, a checkpoint."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from lightning_fabric import Fabric
from rich.console import Console

from captiongan.config import RunConfig
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.choose import choose_encoder
from captiongan.text.encoder import TextEncoder
from captiongan.training.batches import TrainingData
from captiongan.training.checkpoint import (
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from captiongan.training.game import Game, new_game, settle_average, update_average
from captiongan.training.interrupt import StopRequest
from captiongan.training.report import Averages, LiveReport
from captiongan.training.run_folder import RunFolder
from captiongan.training.samples import SampleGrid
from captiongan.training.step import training_step

SETTLING_BATCHES = 16


@dataclass(frozen=True)
class Setting:
    """What a run needs before its first step."""

    config: RunConfig
    encoder: TextEncoder
    data: TrainingData
    game: Game

    @classmethod
    def prepare(cls, config: RunConfig, console: Console) -> "Setting":
        """Open encoder, data and networks; decode and encode what the caches lack."""
        encoder = CachedTextEncoder(
            choose_encoder(config.text.encoder),
            on_progress=lambda done, total: console.print(f"encoded {done} of {total} captions"),
        )
        data = TrainingData.open(config, encoder)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        fabric = Fabric(accelerator="auto", devices=1, precision=config.training.precision)
        return cls(config, encoder, data, new_game(config, encoder.dim, fabric))

    def steps(self, kimg: float) -> int:
        """How many steps show that many thousand pictures, at least one."""
        return max(1, round(kimg * 1000 / self.config.training.batch_size))

    def kimg(self, step: int) -> float:
        """How many thousand real pictures have been shown after `step` steps."""
        return step * self.config.training.batch_size / 1000

    def data_facts(self) -> dict[str, Any]:
        """What the run is trained on, for people and for the model card."""
        examples = self.data.store.examples
        classes = {example.label for example in examples if example.label is not None}
        return {
            "source": self.config.data.source,
            "pictures": len(examples),
            "captions": len(self.data.embeddings),
            "classes": len(classes),
            "skipped": list(self.data.store.rejects),
            "text_encoder": str(self.encoder.identity),
        }

    def parameters(self) -> dict[str, int]:
        """How many weights each network has."""
        networks = {"generator": self.game.generator, "discriminator": self.game.discriminator}
        return {
            name: sum(weight.numel() for weight in network.parameters())
            for name, network in networks.items()
        }

    def take_step(self) -> dict[str, Any]:
        """Take one training step and follow it with the average; return its figures."""
        batch = self.game.fabric.to_device(self.data.batch(self.game.step))
        figures = training_step(self.game, batch, self.config.losses)
        update_average(
            self.game, self.config.training.batch_size, self.config.training.ema_halflife_kimg
        )
        return figures

    def settle_average(self) -> None:
        """Make the average ready to draw, on the same first batches every time."""
        batches = (self.data.batch(number) for number in range(SETTLING_BATCHES))
        to_device = self.game.fabric.to_device
        settle_average(self.game, (to_device((batch.noise, batch.matching)) for batch in batches))


def train(setting: Setting, run: RunFolder, console: Console, resume: bool = False) -> bool:
    """Train until the configured length or a stop signal, whichever comes first.

    Returns whether the run is complete; if not, its state is saved and it can be resumed.
    """
    game, plan = setting.game, setting.config.training
    if resume:
        load_checkpoint(latest_checkpoint(run.checkpoints), game, setting.encoder.identity)
        run.forget_metrics_after(game.step)
        run.write_config(setting.config)
    last = setting.steps(plan.kimg)
    grid, averages = SampleGrid(setting.data), Averages()
    if not resume:
        run.write_data_facts(setting.data_facts() | {"sample_captions": grid.captions})

    def due(kimg: float) -> bool:
        return game.step % setting.steps(kimg) == 0 or game.step == last

    def save() -> None:
        averages.check_finite()
        setting.settle_average()
        save_checkpoint(game, setting.encoder.identity, run.checkpoints, plan.keep_checkpoints)

    with StopRequest() as stop, LiveReport(console, plan.kimg, setting.kimg(game.step)) as report:
        while game.step < last and not stop.requested:
            averages.add(setting.take_step())
            kimg = setting.kimg(game.step)
            if due(plan.log_every_kimg):
                figures = averages.take(plan.batch_size)
                run.add_metrics({"step": game.step, "kimg": kimg, "time": time.time(), **figures})
                report.show(kimg, figures)
            if due(plan.grid_every_kimg):
                setting.settle_average()
                grid.draw(game.average).save(run.grid(kimg))
            if due(plan.checkpoint_every_kimg):
                save()
        if stop.requested:
            save()
    return game.step >= last
