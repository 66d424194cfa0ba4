"""From a checkpoint to a bundle: the seam between training and drawing."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from captiongan.bundle import GENERATOR_FILE, Bundle, BundleManifest, write_bundle
from captiongan.config import RunConfig
from captiongan.errors import RunError
from captiongan.model_card import model_card
from captiongan.networks.dcgan import Generator
from captiongan.onnx_file import write_onnx
from captiongan.pictures import grid
from captiongan.pipeline import noise_of
from captiongan.text.choose import choose_encoder
from captiongan.text.encoder import ENCODER_FILES, OnnxTextEncoder
from captiongan.training.batches import to_pictures
from captiongan.training.checkpoint import Checkpoint, latest_checkpoint
from captiongan.training.game import build_generator
from captiongan.training.run_folder import RunFolder

SAMPLES = 4
"""Pictures per prompt on the card, of the seeds 0, 1, 2, ..."""


class DrawingGenerator(nn.Module):
    """The generator as a bundle has it: pictures come out as (B, H, W, 3) uint8."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw (B, H, W, 3) uint8 from noise (B, noise_dim) and embeddings (B, D)."""
        return to_pictures(self.generator(noise, embedding))


def export_run(
    run: RunFolder, out: Path, name: str, version: str, prompts: Sequence[str]
) -> Bundle:
    """Write the newest checkpoint's running average of the generator as a bundle.

    Args:
        run: a run with at least one checkpoint.
        out: the bundle's folder; must not exist, or be empty.
        name: of the bundle.
        version: of the bundle.
        prompts: for the sample on the model card.

    Raises:
        RunError: no checkpoint, or its text encoder cannot travel or is not the one at hand.
        OutputError: `out` cannot be written.
    """
    config = run.config()
    checkpoint = latest_checkpoint(run.checkpoints)
    encoder = _travelling_encoder(config, checkpoint)
    generator = load_average(config, checkpoint, encoder.dim)
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / GENERATOR_FILE
        _write_generator(generator, config, encoder.dim, onnx)
        manifest = BundleManifest(
            name=name,
            version=version,
            resolution=config.data.resolution,
            noise_dim=config.generator.noise_dim,
            embedding_dim=encoder.dim,
            text_encoder=encoder.identity,
            training=_training_facts(run, config, checkpoint),
        )
        files: dict[str, Path | bytes] = {file: encoder.folder / file for file in ENCODER_FILES}
        files[GENERATOR_FILE] = onnx
        files["sample.png"] = _sample(generator, config, encoder, prompts)
        files["README.md"] = model_card(manifest, prompts, SAMPLES).encode()
        return write_bundle(out, files, manifest)


def load_average(config: RunConfig, checkpoint: Checkpoint, embedding_dim: int) -> Generator:
    """Return the running average of a checkpoint's generator, ready to draw."""
    generator = build_generator(config, embedding_dim)
    generator.load_state_dict(checkpoint.average())
    generator.eval().requires_grad_(False)
    return generator


def _travelling_encoder(config: RunConfig, checkpoint: Checkpoint) -> OnnxTextEncoder:
    encoder = choose_encoder(config.text.encoder)
    if not isinstance(encoder, OnnxTextEncoder):
        raise RunError(
            f"text.encoder '{config.text.encoder}' is too big for a bundle; "
            "train a run with text.encoder=small and export that"
        )
    if encoder.identity.sha256 != checkpoint.encoder.sha256:
        raise RunError(
            f"'{checkpoint.path}' was trained with text encoder {checkpoint.encoder}, "
            f"text.encoder={config.text.encoder} is now {encoder.identity}; "
            "bring back the former, or train again"
        )
    return encoder


def _write_generator(
    generator: Generator, config: RunConfig, embedding_dim: int, path: Path
) -> None:
    write_onnx(
        DrawingGenerator(generator),
        (torch.zeros(2, config.generator.noise_dim), torch.zeros(2, embedding_dim)),
        path,
        inputs=["noise", "embedding"],
        output="pictures",
        dynamic_axes=[{0: "batch"}, {0: "batch"}],
    )


def _training_facts(run: RunFolder, config: RunConfig, checkpoint: Checkpoint) -> dict[str, Any]:
    facts = run.data_facts()
    batch_size = config.training.batch_size
    return {
        "kimg": round(checkpoint.step * batch_size / 1000, 1),
        "steps": checkpoint.step,
        "data": {
            "name": Path(facts["source"]).name,
            "pictures": facts["pictures"],
            "captions": facts["captions"],
            "classes": facts["classes"],
            "skipped": len(facts["skipped"]),
        },
        "config": config.model_dump(exclude={"data": {"source"}}),
    }


@torch.no_grad()
def _sample(
    generator: Generator, config: RunConfig, encoder: OnnxTextEncoder, prompts: Sequence[str]
) -> bytes:
    """Draw the card's picture as PNG: a prompt a row, the same noise in each column."""
    noise = np.stack([noise_of(seed, config.generator.noise_dim) for seed in range(SAMPLES)])
    rows = []
    for embedding in torch.from_numpy(encoder.encode(prompts)):
        pictures = to_pictures(generator(torch.from_numpy(noise), embedding.expand(SAMPLES, -1)))
        rows.append([Image.fromarray(picture) for picture in pictures.numpy()])
    png = io.BytesIO()
    grid(rows).save(png, format="PNG")
    return png.getvalue()
