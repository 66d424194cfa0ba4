"""From a checkpoint of a run to a bundle, which draws without PyTorch.

Runs are exported to bundles only. Any other target, such as a page or another program's format,
starts from a `Bundle`; `captiongan.loading.open_bundle` opens a run as one.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from captiongan.base.cache import cache_folder
from captiongan.base.files import sha256_of
from captiongan.bundle.bundle import Bundle, read_bundle, write_bundle
from captiongan.bundle.manifest import (
    CRITIC_FILE,
    GENERATOR_FILE,
    BundleManifest,
    DataFacts,
    TrainingFacts,
)
from captiongan.bundle.model_card import model_card
from captiongan.bundle.subject import Subject
from captiongan.bundle.text_encoder import ENCODER_FILES, OnnxTextEncoder
from captiongan.draw.noise import mirror_of, noise_rows
from captiongan.draw.picture import mirrored
from captiongan.draw.sheet import grid
from captiongan.errors import OutputError, RunError
from captiongan.export.to_onnx import as_onnx
from captiongan.networks.layers import PictureGenerator
from captiongan.networks.pixels import to_pictures
from captiongan.networks.registry import UNFOLDED_NETWORKS
from captiongan.runs.checkpoint import MANIFEST, Checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.load_trained import TrainedRun, load_trained
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import is_folder, why_not_exportable
from captiongan.version import __version__

SAMPLES = 4
"""Pictures per prompt in the card's sample.

Seeds count on from row to row, because the same seeds would show one bad pose in every row.
"""


class DrawingGenerator(nn.Module):
    """A generator that returns pictures as (B, H, W, 3) uint8, like the generator of a bundle."""

    def __init__(self, generator: PictureGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, noise: Tensor, embedding: Tensor) -> Tensor:
        """Draw (B, H, W, 3) uint8 from noise (B, noise_dim) and embeddings (B, D)."""
        return to_pictures(self.generator(noise, embedding))


def export_run(
    trained: TrainedRun,
    out: Path,
    name: str,
    version: str,
    prompts: Sequence[str],
    with_critic: bool = True,
) -> Bundle:
    """Write the EMA of a run's generator, and its discriminator, as a bundle.

    Args:
        trained: a checkpoint of a run.
        out: the bundle's folder; it must be empty or not exist.
        name: of the bundle.
        version: of the bundle.
        prompts: one or more, for the sample on the model card and for pages to offer.
        with_critic: whether the bundle also holds the discriminator, so that another training can
            start from it.

    Raises:
        RunError: the text encoder or the discriminator does not fit in a bundle.
        OutputError: `out` cannot be written.
    """
    config, encoder = trained.config, _exportable_encoder(trained)
    manifest = BundleManifest(
        name=name,
        version=version,
        resolution=config.data.resolution,
        noise_dim=config.generator.noise_dim,
        embedding_dim=encoder.dim,
        text_encoder=encoder.identity,
        mirror_by_seed=config.data.facing,
        languages=encoder.languages,
        sample_prompts=tuple(prompts),
        training=_training_facts(trained),
        subject=Subject.from_facts(trained.folder.data_facts(), encoder.dim),
    )
    files: dict[str, Path | bytes] = {file: encoder.folder / file for file in ENCODER_FILES}
    if with_critic:
        files[CRITIC_FILE] = _critic(trained.checkpoint)
    files[GENERATOR_FILE] = drawing(trained.generator, config, encoder.dim)
    files["sample.png"] = sample(trained.generator, config, encoder, prompts)
    card = model_card(manifest, SAMPLES, with_critic, config.network in UNFOLDED_NETWORKS)
    files["README.md"] = card.encode()
    return write_bundle(out, files, manifest)


def bundle_of_run(run: Path) -> Bundle:
    """Return a run's best checkpoint as a bundle without its discriminator, for drawing.

    The bundle is kept in the cache, so the next call is quick.

    Raises:
        BundleError: the bundle in the cache is damaged.
        RunError: there is no usable checkpoint, or the text encoder does not fit in a bundle.
        OutputError: the cache cannot be written.
    """
    folder = RunFolder.open(run)
    trained = load_trained(folder)
    name = run.resolve().name
    facts = (
        f"{name} {__version__} {folder.config()!r} {sha256_of(trained.checkpoint.path / MANIFEST)}"
    )
    bundle = cache_folder("runs") / hashlib.sha256(facts.encode()).hexdigest()[:32]
    if not bundle.exists():
        prompts = folder.sample_captions()
        version = f"step {trained.checkpoint.step}"
        try:
            export_run(trained, bundle, name, version, prompts, with_critic=False)
        except OutputError:
            if not bundle.exists():  # else another process was first, with the same content
                raise
    return read_bundle(bundle)


def _exportable_encoder(trained: TrainedRun) -> OnnxTextEncoder:
    encoder = trained.config.text.encoder
    if reason := why_not_exportable(encoder):
        raise RunError(
            f"text.encoder '{encoder}': {reason}; train a run with text.encoder=small and export "
            "that"
        )
    assert isinstance(trained.encoder, OnnxTextEncoder)
    return trained.encoder


def _critic(checkpoint: Checkpoint) -> bytes:
    """Return the discriminator as the content of a safetensors file, in half precision."""
    weights = {
        name: values.half() if values.is_floating_point() else values
        for name, values in checkpoint.tensors("discriminator").items()
    }
    for name, values in weights.items():
        if not values.isfinite().all():
            raise RunError(
                f"'{checkpoint.path}': the discriminator's {name} is not finite in half precision, "
                "which ends at 65504; choose another checkpoint, or export --without-critic"
            )
    return save(weights)


def drawing(generator: PictureGenerator, config: RunConfig, embedding_dim: int) -> bytes:
    """Return the generator as the content of an ONNX file."""
    return as_onnx(
        DrawingGenerator(generator),
        (torch.zeros(2, config.generator.noise_dim), torch.zeros(2, embedding_dim)),
        inputs=["noise", "embedding"],
        output="pictures",
        dynamic_axes=[{0: "batch"}, {0: "batch"}],
    )


def _training_facts(trained: TrainedRun) -> TrainingFacts:
    facts = trained.folder.data_facts()
    return TrainingFacts(
        kimg=trained.kimg,
        steps=trained.checkpoint.step,
        data=DataFacts(
            name=Path(facts["source"]).name,
            pictures=facts["pictures"],
            captions=facts["captions"],
            classes=facts["classes"],
            skipped=len(facts["skipped"]),
        ),
        extractors=trained.config.extractors,
        config=without_places(trained.config),
    )


def without_places(config: RunConfig) -> dict[str, Any]:
    """Return all options except the paths on this machine."""
    facts = config.model_dump(exclude={"data": {"source"}, "training": {"start": {"bundle"}}})
    if is_folder(config.text.encoder):
        del facts["text"]["encoder"]
    return facts


@torch.no_grad()
def sample(
    generator: PictureGenerator, config: RunConfig, encoder: OnnxTextEncoder, prompts: Sequence[str]
) -> bytes:
    """Draw the card's sample as a PNG: a row for each prompt, a seed for each picture."""
    dim = config.generator.noise_dim
    rows = []
    for row, embedding in enumerate(torch.from_numpy(encoder.encode(prompts))):
        seeds = range(row * SAMPLES, (row + 1) * SAMPLES)
        noise = torch.from_numpy(noise_rows(seeds, dim))
        mirrors = [config.data.facing and mirror_of(seed, dim) for seed in seeds]
        pictures = to_pictures(generator(noise, embedding.expand(SAMPLES, -1)))
        rows.append([*map(Image.fromarray, mirrored(pictures.numpy(), mirrors))])
    png = io.BytesIO()
    grid(rows).save(png, format="PNG")
    return png.getvalue()
