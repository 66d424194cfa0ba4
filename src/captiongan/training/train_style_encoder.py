"""Training of a bundle's style encoder, which inverts its generator.

    L_style = E || z - S(G(z, e)) ||^2                       (Reed et al. 2016, section 4.4)

The generator draws all training pictures itself, from noise and captions, so no data set of
pictures is needed. The noise holds what the caption does not say: place, size, pose, background.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from captiongan.base.files import os_errors_as
from captiongan.bundle.bundle import (
    Bundle,
    check_vacant,
    contents,
    find_bundle,
    read_bundle,
    write_bundle,
)
from captiongan.bundle.manifest import STYLE_FILE
from captiongan.bundle.model_card import with_style_section
from captiongan.bundle.onnx_session import open_session
from captiongan.compute.cosine_schedule import warm_up_then_cosine
from captiongan.compute.devices import computes_bf16
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.store import captions_of
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, ConfigError, OutputError
from captiongan.export.to_onnx import write_onnx
from captiongan.networks.style_encoder import StyleEncoder
from captiongan.version import __version__

BATCH = 64
FEATURES = 32
PEAK_LEARNING_RATE = 2e-3
EVALUATED = 16
"""Batches that were never trained on, for the report."""

DrawnBatch = tuple[Tensor, Tensor]
"""Drawn pictures (B, H, W, 3) uint8, and the noise (B, noise_dim) of each."""


@dataclass(frozen=True)
class StyleReport:
    """How a style encoder was trained, and how well it recovers noise.

    `recovered` is the share of the noise's variance that it explains on held-out pictures: 1 is
    perfect; 0 or slightly below means that it knows nothing.
    """

    kimg: float
    data: tuple[str, ...]
    captions: int
    seed: int
    parameters: int
    recovered: float
    captiongan: str = __version__


def teach_style(
    bundle: str | Path,
    data: Sequence[str],
    out: Path,
    kimg: float,
    seed: int,
    say: Callable[[str], None],
) -> StyleReport:
    """Write a copy of a bundle that can restyle.

    Args:
        bundle: name of a shipped bundle, or a folder.
        data: captioned folders, `toy` or `toy:SIZE`, whose captions the generator is to draw.
        out: the new bundle's folder; must not exist, or be empty.
        kimg: how many thousand pictures to draw, above 0.
        seed: decides first weights, noise and captions.
        say: called with each line of progress.

    Raises:
        BundleError: the bundle is missing or damaged, has no card, or draws pictures of a side that
            the encoder cannot halve down to 4.
        ConfigError: `kimg` breaks its rule.
        DataError: `data` cannot be used.
        OutputError: `out` holds something, or cannot be written.
    """
    if not 0 < kimg <= 1e6:
        raise ConfigError(f"--kimg {kimg:g}: must be above 0, and 1e6 at most; 100 is usual")
    keep_freed_memory()
    check_vacant(out)
    taught = read_bundle(find_bundle(bundle))
    files = contents(taught)
    encoder = _new_encoder(taught, seed)
    captions = captions_of(data)
    say(f"reading {len(captions):,} captions")
    batches = _batches(Pipeline(taught), captions, np.random.default_rng(seed))
    held_out = [next(batches) for _ in range(EVALUATED)]
    steps = math.ceil(kimg * 1000 / BATCH)
    _train(encoder, batches, steps, say)
    with _writing_aside(), TemporaryDirectory() as folder:
        onnx = Path(folder) / STYLE_FILE
        _write_encoder(encoder, taught.manifest.resolution, onnx)
        report = StyleReport(
            kimg=steps * BATCH / 1000,
            data=tuple(Path(source).name for source in data),
            captions=len(captions),
            seed=seed,
            parameters=sum(weight.numel() for weight in encoder.parameters()),
            recovered=_recovered(onnx, held_out),
        )
        style = asdict(report)
        card = with_style_section(files["README.md"].decode(), style).encode()
        facts = replace(taught.manifest.training, style=style)
        write_bundle(
            out,
            {**files, "README.md": card, STYLE_FILE: onnx},
            replace(taught.manifest, training=facts),
        )
    return report


def _writing_aside() -> AbstractContextManager[None]:
    fix = "make room, or set TMPDIR to another folder"
    return os_errors_as(OutputError, "a temporary file cannot be written", fix)


def _new_encoder(bundle: Bundle, seed: int) -> StyleEncoder:
    side = bundle.manifest.resolution
    if side < 8 or side.bit_count() > 1:
        raise BundleError(
            f"bundle '{bundle.folder}' draws pictures of side {side}: must be a power of two from "
            "8 up to be restyled; use another bundle"
        )
    torch.manual_seed(seed)
    return StyleEncoder(side, FEATURES, bundle.manifest.noise_dim)


def _batches(
    pipeline: Pipeline, captions: Sequence[str], random: np.random.Generator
) -> Iterator[DrawnBatch]:
    """Yield endless batches that the generator draws of random captions and noise."""
    embeddings = pipeline.encode(captions)
    while True:
        noise = random.standard_normal((BATCH, pipeline.manifest.noise_dim), dtype=np.float32)
        texts = embeddings[random.integers(len(embeddings), size=BATCH)]
        yield torch.from_numpy(pipeline.draw(noise, texts)), torch.from_numpy(noise)


def _train(
    encoder: StyleEncoder, batches: Iterator[DrawnBatch], steps: int, say: Callable[[str], None]
) -> None:
    optimiser = torch.optim.Adam(encoder.parameters(), lr=PEAK_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_up_then_cosine(step, steps)
    )
    bf16 = computes_bf16(torch.device("cpu"))
    for step in range(1, steps + 1):
        pictures, noise = next(batches)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            read = encoder(pictures)
        loss = (noise - read.float()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps:
            done, whole = (count * BATCH / 1000 for count in (step, steps))
            say(f"{done:.1f} of {whole:.1f} kimg: loss {loss.item():.3f} (untrained: 1)")


def _write_encoder(encoder: StyleEncoder, side: int, path: Path) -> None:
    write_onnx(
        encoder,
        (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
        path,
        inputs=["pictures"],
        output="noise",
        dynamic_axes=[{0: "batch"}],
    )


def _recovered(onnx: Path, held_out: Sequence[DrawnBatch]) -> float:
    """Measure the encoder as it was written: 1 - mean (z - S(x))^2 / mean z^2."""
    session = open_session(onnx.read_bytes(), onnx)
    read = np.concatenate([session.run(None, {"pictures": x.numpy()})[0] for x, _ in held_out])
    noise = np.concatenate([z.numpy() for _, z in held_out])
    return 1 - float(np.square(noise - read).mean() / np.square(noise).mean())
