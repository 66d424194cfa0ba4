"""Teaching a bundle to restyle: a style encoder that undoes its generator.

    L_style = E || z - S(G(z, e)) ||^2                       (Reed et al. 2016, section 4.4)

The generator draws all the lessons itself, of noise and captions, so no picture is needed. It has
learned whatever a picture shows beyond its caption as noise: place, size, pose, background.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from captiongan.bundle import (
    CARD_FILES,
    MODEL_FILES,
    STYLE_FILE,
    Bundle,
    check_vacant,
    find_bundle,
    read_bundle,
    write_bundle,
)
from captiongan.model_card import with_style_section
from captiongan.networks.style_encoder import StyleEncoder
from captiongan.onnx_file import write_onnx
from captiongan.pipeline import Pipeline

BATCH = 64
FEATURES = 32
PEAK_LEARNING_RATE = 2e-3
EXAMINED = 16
"""Batches that were never trained on, for the report."""


Lesson = tuple[Tensor, Tensor]
"""Drawn pictures (B, H, W, 3) uint8, and the noise (B, noise_dim) of each."""


@dataclass(frozen=True)
class StyleReport:
    """How a style encoder was trained; `recovered` is the share of the noise's variance it reads.

    0 for an encoder that knows nothing, 1 for one that knows all, on pictures it never saw.
    """

    kimg: float
    captions: int
    seed: int
    parameters: int
    recovered: float


def teach_style(
    bundle: str | Path,
    captions: Sequence[str],
    out: Path,
    kimg: float,
    seed: int,
    on_progress: Callable[[float, float], None],
) -> StyleReport:
    """Write a copy of a bundle that can restyle.

    Args:
        bundle: name of a shipped bundle, or a folder.
        captions: what its generator is to draw while the encoder learns.
        out: the new bundle's folder; must not exist, or be empty.
        kimg: how many thousand pictures to draw.
        seed: decides first weights, noise and captions.
        on_progress: hears now and then how many kimg are done, and the loss, 1 at first.

    Raises:
        BundleError: the bundle is missing or damaged.
        OutputError: `out` holds something, or cannot be written.
    """
    check_vacant(out)
    taught = read_bundle(find_bundle(bundle))
    torch.manual_seed(seed)
    lessons = _lessons(Pipeline(taught), captions, np.random.default_rng(seed))
    examined = [next(lessons) for _ in range(EXAMINED)]
    manifest = taught.manifest
    encoder = StyleEncoder(manifest.resolution, FEATURES, manifest.noise_dim)
    _train(encoder, lessons, max(1, round(kimg * 1000 / BATCH)), on_progress)
    report = StyleReport(
        kimg=kimg,
        captions=len(captions),
        seed=seed,
        parameters=sum(weight.numel() for weight in encoder.parameters()),
        recovered=_recovered(encoder, examined),
    )
    _write(taught, encoder, report, out)
    return report


def _lessons(
    pipeline: Pipeline, captions: Sequence[str], random: np.random.Generator
) -> Iterator[Lesson]:
    """Let the generator draw batch after batch."""
    embeddings = pipeline.encode(captions)
    while True:
        noise = random.standard_normal((BATCH, pipeline.manifest.noise_dim), dtype=np.float32)
        texts = embeddings[random.integers(len(embeddings), size=BATCH)]
        yield torch.from_numpy(pipeline.draw(noise, texts)), torch.from_numpy(noise)


def _train(
    encoder: StyleEncoder,
    lessons: Iterator[Lesson],
    steps: int,
    on_progress: Callable[[float, float], None],
) -> None:
    optimiser = torch.optim.Adam(encoder.parameters(), lr=PEAK_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_LEARNING_RATE, total_steps=steps + 1, pct_start=0.1
    )
    for step in range(1, steps + 1):
        pictures, noise = next(lessons)
        with torch.autocast("cpu", torch.bfloat16):
            read = encoder(pictures)
        loss = (read.float() - noise).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps:
            on_progress(step * BATCH / 1000, loss.item())


@torch.no_grad()
def _recovered(encoder: StyleEncoder, examined: Sequence[Lesson]) -> float:
    encoder.eval()
    noise = torch.cat([noise for _, noise in examined])
    read = torch.cat([encoder(pictures) for pictures, _ in examined])
    return 1 - float((read - noise).square().mean() / noise.square().mean())


def _write(bundle: Bundle, encoder: StyleEncoder, report: StyleReport, out: Path) -> None:
    side, style = bundle.manifest.resolution, asdict(report)
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        onnx = Path(folder) / STYLE_FILE
        write_onnx(
            encoder,
            (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
            onnx,
            inputs=["pictures"],
            output="noise",
            dynamic_axes=[{0: "batch"}],
        )
        files: dict[str, Path | bytes] = {
            file: bundle.folder / file for file in (*MODEL_FILES, *CARD_FILES)
        }
        files[STYLE_FILE] = onnx
        files["README.md"] = with_style_section(card, style).encode()
        facts = {**bundle.manifest.training, "style": style}
        write_bundle(out, files, replace(bundle.manifest, training=facts))
