from pathlib import Path

import pytest
import torch

from captiongan.errors import RunError
from captiongan.training.checkpoint import checkpoints, latest_checkpoint
from captiongan.training.loop import SETTLING_BATCHES
from captiongan.training.run_folder import RunFolder
from tiny_run import CONFIG, tiny_trainer


def test_a_saved_average_is_settled_and_ready_to_draw(tmp_path: Path) -> None:
    run, trainer = RunFolder.create(tmp_path, CONFIG), tiny_trainer()
    trainer.take_step()
    trainer.save(run)
    average = latest_checkpoint(run.checkpoints).average()
    counters = [value for name, value in average.items() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(counter == SETTLING_BATCHES for counter in counters)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_that_are_not_finite_are_never_saved(network: str, tmp_path: Path) -> None:
    run, trainer = RunFolder.create(tmp_path, CONFIG), tiny_trainer()
    with torch.no_grad():
        next(getattr(trainer.game, network).parameters())[-1] = float("inf")
    with pytest.raises(RunError, match=f"the {network} is not finite"):
        trainer.save(run)
    assert checkpoints(run.checkpoints) == []
