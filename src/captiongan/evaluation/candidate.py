"""The candidates of an evaluation: bundles and runs, with one way to draw."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import torch

from captiongan.base.files import os_errors_as, sha256_of
from captiongan.bundle.bundle import Bundle, find_bundle
from captiongan.bundle.manifest import GENERATOR_FILE, MANIFEST
from captiongan.bundle.text_encoder import Embeddings, TextEncoder
from captiongan.data.store import Pictures
from captiongan.draw.best_of import Scores, best_rows
from captiongan.draw.noise import Noise, mirror_of, noise_rows
from captiongan.draw.picture import mirrored
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sessions import MAX_BATCH
from captiongan.errors import BundleError, RunError
from captiongan.networks.layers import PictureGenerator
from captiongan.networks.pixels import to_pictures
from captiongan.runs.config import RunConfig
from captiongan.runs.load_trained import Which, load_trained
from captiongan.runs.run_folder import RunFolder


@dataclass(frozen=True)
class SampleGrids:
    """Two sample grids of a run, the first and the newest, as PNG by step.

    `captions` name the rows, if the run noted them. Each row begins with a real picture.
    """

    captions: tuple[str, ...]
    grids: dict[int, bytes]


@dataclass(frozen=True)
class Candidate:
    """Something that draws pictures (H, W, 3) of captions, and is to be scored.

    `facts` say what it is, for the report; `took_part` are the extractors that had a part in its
    training. A run has its metrics in `curve`, and in `sample_grids` what it drew on the way.

    Noise is multiplied by `truncation`, above 0 and at most 1. With `mirror_by_seed`, a bit of the
    seed mirrors the picture, see `mirror_of`. Of `best_of` pictures, 1 to 64, the one with the
    highest `score` is kept; something without a ranker has none, and `best_of` 1.
    """

    name: str
    facts: dict[str, Any]
    took_part: tuple[str, ...]
    resolution: int
    noise_dim: int
    encode: Callable[[Sequence[str]], Embeddings]
    draw: Callable[[Noise, Embeddings], Pictures]
    curve: Sequence[dict[str, float]] = ()
    sample_grids: SampleGrids | None = None
    truncation: float = 1.0
    mirror_by_seed: bool = False
    score: Callable[[Pictures, Embeddings], Scores] | None = None
    best_of: int = 1

    def pictures_of(self, captions: Sequence[str], seeds: Sequence[int]) -> Pictures:
        """Draw a picture of each caption, with the noise of its seed: (N, H, W, 3) uint8.

        With `best_of` k, each caption has k seeds in a row, and the best picture of these is kept.
        """
        noise = noise_rows(seeds, self.noise_dim, self.truncation)
        embeddings = np.repeat(self.encode(captions), self.best_of, axis=0)
        batch = MAX_BATCH - MAX_BATCH % self.best_of  # no caption is in two batches
        parts = [slice(start, start + batch) for start in range(0, len(noise), batch)]
        return np.concatenate(
            [self._best(noise[rows], embeddings[rows], seeds[rows]) for rows in parts]
        )

    def _best(self, noise: Noise, embeddings: Embeddings, seeds: Sequence[int]) -> Pictures:
        drawn = finished = self.draw(noise, embeddings)
        if self.mirror_by_seed:
            finished = mirrored(drawn, [mirror_of(seed, self.noise_dim) for seed in seeds])
        if self.score is None or self.best_of == 1:
            return finished
        return finished[best_rows(self.score(drawn, embeddings), self.best_of)]


def open_candidate(name_or_path: str, which: Which = "best") -> Candidate:
    """Open a run folder, a bundle's folder, or a shipped bundle by its name.

    `which` checkpoint of a run is taken.

    Raises:
        BundleError: it is neither a run nor a usable bundle.
        RunError: the run has no usable checkpoint.
    """
    if (Path(name_or_path) / "config.yaml").is_file():
        return _run(RunFolder.open(Path(name_or_path)), which)
    return _bundle(find_bundle(name_or_path))


def _bundle(folder: Path) -> Candidate:
    pipeline = Pipeline.from_bundle(folder)
    _check_finite(pipeline.bundle)
    manifest = pipeline.manifest
    return Candidate(
        name=manifest.name,
        facts={
            "kind": "bundle",
            "name": manifest.name,
            "version": manifest.version,
            "sha256": sha256_of(folder / MANIFEST),
            "kimg": manifest.training.kimg,
        },
        took_part=manifest.training.extractors,
        resolution=manifest.resolution,
        noise_dim=manifest.noise_dim,
        encode=pipeline.encode,
        draw=pipeline.draw,
        mirror_by_seed=manifest.mirror_by_seed,
        score=pipeline.score if pipeline.bundle.has_ranker else None,
    )


def _check_finite(bundle: Bundle) -> None:
    """Look for weights that are not finite: in bytes, their pictures would just be black."""
    content = bundle.read(GENERATOR_FILE)
    for weight in onnx.load_model_from_string(content).graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise BundleError(
                f"bundle '{bundle.folder}': the weight {weight.name} in {GENERATOR_FILE} is not "
                "finite; export another checkpoint"
            )


def of_generator(config: RunConfig, generator: PictureGenerator, encoder: TextEncoder) -> Candidate:
    """Make a candidate of a generator in evaluation mode, on whatever device it is."""
    device = next(generator.parameters()).device

    @torch.inference_mode()
    def draw(noise: Noise, embeddings: Embeddings) -> Pictures:
        inputs = (torch.from_numpy(rows).to(device) for rows in (noise, embeddings))
        drawn = generator(*inputs)
        if not drawn.isfinite().all():
            raise RunError(f"'{config.name}' draws what is not finite; its training diverged")
        return to_pictures(drawn).cpu().numpy()

    return Candidate(
        name=config.name,
        facts={},
        took_part=config.extractors,
        resolution=config.data.resolution,
        noise_dim=config.generator.noise_dim,
        encode=encoder.encode,
        draw=draw,
        mirror_by_seed=config.data.facing,
    )


def _run(folder: RunFolder, which: Which) -> Candidate:
    trained = load_trained(folder, which)
    name = folder.path.resolve().name
    facts = {
        "kind": "run",
        "name": name,
        "checkpoint": trained.checkpoint.path.name,
        "sha256": sha256_of(trained.checkpoint.path / "average.safetensors"),
        "kimg": trained.kimg,
    }
    candidate = of_generator(trained.config, trained.generator, trained.encoder)
    return replace(
        candidate,
        name=name,
        facts=facts,
        curve=folder.metrics(),
        sample_grids=_sample_grids(folder),
    )


def _sample_grids(folder: RunFolder) -> SampleGrids | None:
    """Read the first and the last grid that a run drew; None unless there are two."""
    steps = folder.grid_steps()
    if len(steps) < 2:
        return None
    captions: list[str] = []
    with suppress(RunError):  # a run draws without its notes, too
        captions = folder.sample_captions()
    what = f"run '{folder.path}' cannot be read"
    with os_errors_as(RunError, what, "copy the run again"):
        grids = {step: folder.read_grid(step) for step in (steps[0], steps[-1])}
    return SampleGrids(tuple(captions), grids)
