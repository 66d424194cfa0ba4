"""Training from Python: `captiongan.train`, and the run that it returns."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from captiongan.bundle.bundle import Bundle
from captiongan.draw.pipeline import Pipeline
from captiongan.export.export import bundle_of_run, export_run
from captiongan.runs.load_trained import Which, load_trained
from captiongan.runs.run_folder import RunFolder
from captiongan.training.start import start as start_training


@dataclass(frozen=True)
class Run:
    """A trained run: its folder, and whether its training is complete.

    An incomplete run was stopped (Ctrl-C); the same call resumes it.
    """

    path: Path
    complete: bool

    def load(self) -> Pipeline:
        """Open the run's best checkpoint for drawing, like `captiongan.load`."""
        return Pipeline(bundle_of_run(self.path))

    def export(
        self,
        out: str | Path,
        version: str = "1",
        checkpoint: Which = "best",
        with_critic: bool = True,
    ) -> Bundle:
        """Write a checkpoint as a bundle, named after its folder.

        Args:
            out: the bundle's folder; it must be empty or not exist.
            version: of the bundle.
            checkpoint: `best` by the run's own scores, or `newest`.
            with_critic: whether the bundle also holds the discriminator.

        Raises:
            RunError: there is no checkpoint, or a bundle cannot hold the text encoder.
            OutputError: `out` cannot be written.
        """
        folder, out = RunFolder.open(self.path), Path(out)
        prompts = folder.sample_captions()
        trained = load_trained(folder, checkpoint)
        return export_run(trained, out, out.resolve().name, version, prompts, with_critic)


def train(
    data: str | Path,
    into: str | Path,
    start: str | Path | None = None,
    config: str | Path | None = None,
    kimg: float | None = None,
    options: Mapping[str, object] | None = None,
) -> Run:
    """Train on captioned pictures, in the run folder `into`; resume the run if it is there.

    Args:
        data: a captioned folder, `toy`, or `toy:SIZE`.
        into: the run's folder.
        start: the bundle to start from: a shipped one's name, or a folder.
        config: the name of a preset, such as `"projected"`, or a YAML file; without it and without
            `start`, the preset `dcgan`.
        kimg: thousand pictures to show; overrides `config`.
        options: single options that override `config`, such as `{"optimiser.learning_rate": 1e-4}`.

    Returns:
        The run. Ctrl-C saves it, and it is returned incomplete.

    Raises:
        BundleError: `start` is missing or damaged, or no run can start from it.
        ConfigError: an option breaks its rule, or `into` holds a run with other options.
        DataError: the data cannot be used.
        RunError: another process trains the run, or it diverged.
        OutputError: the run folder cannot be written.
    """
    chosen = dict(options or {}) | ({} if kimg is None else {"training.kimg": kimg})
    overrides = [f"{name}={json.dumps(value)}" for name, value in chosen.items()]
    complete = start_training(
        config=config,
        data=str(data),
        out=Path(into).parent,
        resume=None,
        overrides=overrides,
        dry_run=False,
        into=Path(into),
        bundle=None if start is None else str(start),
    )
    return Run(Path(into), complete)
