"""Training of a bundle's ranker: a small network that chooses which of several pictures to keep.

    L = 1 - cos(v(x), v_T(x)) + huber(r(x) - r_T(x))

The ranker learns to predict what its teacher T does (Hinton et al. 2015, arXiv 1503.02531): what a
picture shows, v, and how whole it is, r. It learns from real pictures, and from a picture that the
bundle draws of a caption of each.
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from captiongan.bundle.bundle import (
    Bundle,
    check_vacant,
    contents,
    find_bundle,
    read_bundle,
    write_bundle,
)
from captiongan.bundle.manifest import RANKER_FILE
from captiongan.bundle.model_card import with_ranking_section
from captiongan.compute.cosine_schedule import warm_up_then_cosine
from captiongan.compute.devices import computes_bf16
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.pairs import Indices
from captiongan.data.store import Pictures, PictureStore, open_store
from captiongan.errors import BundleError, ConfigError, DataError
from captiongan.evaluation.retrieval import POOL, r_at_1
from captiongan.export.to_onnx import as_onnx
from captiongan.networks.pixels import to_tensor
from captiongan.networks.ranker import Ranker, score
from captiongan.runs.options import DataConfig
from captiongan.training.rank_teacher import EXTRACTOR, Verdict
from captiongan.training.ranker_data import RankerData, Say, middle, prepare
from captiongan.version import __version__

HALF = 64
"""Real pictures in a batch; as many drawn ones go with them."""

PEAK_LEARNING_RATE = 2e-3
HELD_OUT = 0.1
"""Share of the pictures that nothing learns from; at least `POOL` pictures, for R@1."""

FEWEST_PICTURES = 2 * POOL


@dataclass(frozen=True)
class RankerReport:
    """How a ranker was trained, and how it does on held-out pictures.

    `weight` is the weight of wholeness beside a cosine. `correlation` is between its scores and the
    teacher's, over pictures that the bundle drew. `r_at_1` and `teacher_r_at_1` are the shares of
    real pictures whose own caption is the nearest of 100.
    """

    data: str
    pictures: int
    captions: int
    held_out: int
    epochs: int
    wholeness: float
    weight: float
    seed: int
    teacher: str
    parameters: int
    correlation: float
    r_at_1: float
    teacher_r_at_1: float
    captiongan: str = __version__


def teach_ranking(
    bundle: str | Path,
    data: str,
    out: Path,
    epochs: int,
    wholeness: float,
    seed: int,
    say: Say,
) -> RankerReport:
    """Write a copy of a bundle that can keep the best of several pictures.

    Args:
        bundle: name of a shipped bundle, or a folder.
        data: a captioned folder, `toy` or `toy:SIZE`, best the one the bundle was trained on.
        out: the new bundle's folder; must not exist, or be empty.
        epochs: passes over the pictures, from 1.
        wholeness: weight of being whole beside fitting the words, in units of how much both vary
            over drawn pictures: 0 for none, 1 for as much.
        seed: decides first weights, noise, captions, and which pictures are held out.
        say: called with each line of progress.

    Raises:
        BundleError: the bundle is missing or damaged, has no card, or draws pictures of a side
            below 8.
        ConfigError: `epochs` or `wholeness` breaks its rule, or the teacher's network is damaged.
        DataError: `data` cannot be used, or has fewer than 200 pictures.
        OutputError: `out` holds something, or cannot be written, or the caches cannot.
    """
    _check(epochs, wholeness)
    check_vacant(out)
    keep_freed_memory()
    taught = read_bundle(find_bundle(bundle))
    files = contents(taught)
    side = _side(taught)
    framing = _framing(taught, say)
    store = _open(data, side, framing)
    random = np.random.default_rng(seed)
    order = random.permutation(len(store.examples))
    held_out, learned = np.split(order, [max(POOL, round(HELD_OUT * len(order)))])
    say(f"{len(order):,} pictures, {len(store.captions):,} captions; {len(held_out):,} held out")
    ranker_data, centre, teacher = prepare(taught, store, learned, framing.flip, random, say)
    rows = torch.from_numpy(learned)
    drawn = ranker_data.of_drawn[rows]
    weight = wholeness * torch.linalg.vecdot(drawn.shown, ranker_data.asked[rows]).std().item()
    torch.manual_seed(seed)
    ranker = Ranker(side, centre, weight)
    _train(ranker, ranker_data, learned, epochs, random, say)
    correlation, own, teachers = _evaluated(ranker, ranker_data, held_out)
    report = RankerReport(
        data=Path(data).name,
        pictures=len(learned),
        captions=len(store.captions),
        held_out=len(held_out),
        epochs=epochs,
        wholeness=wholeness,
        weight=weight,
        seed=seed,
        teacher=teacher,
        parameters=sum(each.numel() for each in ranker.parameters()),
        correlation=correlation,
        r_at_1=own,
        teacher_r_at_1=teachers,
    )
    ranking = asdict(report)
    card = with_ranking_section(files["README.md"].decode(), ranking).encode()
    before = taught.manifest.training
    extractors = tuple(dict.fromkeys([*before.extractors, EXTRACTOR]))
    facts = replace(before, extractors=extractors, ranker=ranking)
    write_bundle(
        out,
        {**files, "README.md": card, RANKER_FILE: _as_onnx(ranker, side)},
        replace(taught.manifest, training=facts),
    )
    return report


def _check(epochs: int, wholeness: float) -> None:
    if not 1 <= epochs <= 1000:
        raise ConfigError(f"--epochs {epochs}: must be from 1 to 1000; 10 is usual")
    if not 0 <= wholeness <= 100:
        raise ConfigError(
            f"--wholeness {wholeness:g}: must be from 0 to 100; 1 counts as much as the words do"
        )


def _side(bundle: Bundle) -> int:
    side = bundle.manifest.resolution
    if side < 8:
        raise BundleError(
            f"bundle '{bundle.folder}' draws pictures of side {side}: must be 8 or more to be "
            "ranked; use another bundle"
        )
    return side


def _framing(bundle: Bundle, say: Say) -> DataConfig:
    """Return how the pictures that a bundle learned from were cropped and mirrored."""
    config = bundle.manifest.training.config
    try:
        return DataConfig.model_validate(config.get("data") if config else None)
    except ValueError:
        say(
            "the bundle does not say how its pictures were cropped: using whole ones, none mirrored"
        )
        return DataConfig(margin=0, flip=False)


def _open(data: str, side: int, framing: DataConfig) -> PictureStore:
    store = open_store(data, side + framing.margin, side, framing.squash)
    if len(store.examples) < FEWEST_PICTURES:
        raise DataError(
            f"'{data}' has {len(store.examples)} usable pictures, a ranker needs at least "
            f"{FEWEST_PICTURES} to be trained and tested; use a larger data set"
        )
    return store


def _train(
    ranker: Ranker,
    data: RankerData,
    learned: Indices,
    epochs: int,
    random: np.random.Generator,
    say: Say,
) -> None:
    steps = epochs * math.ceil(len(learned) / HALF)
    optimiser = torch.optim.Adam(ranker.parameters(), lr=PEAK_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_up_then_cosine(step, steps)
    )
    bf16 = computes_bf16(torch.device("cpu"))
    for epoch in range(1, epochs + 1):
        order, losses = random.permutation(learned), []
        for start in range(0, len(order), HALF):
            pictures, verdict = data.batch(order[start : start + HALF], random)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                shown, whole = ranker.read(pictures)
            loss = distance(Verdict(shown.float(), whole.float()), verdict)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        say(f"epoch {epoch} of {epochs}: loss {np.mean(losses):.3f}")


def distance(one: Verdict, other: Verdict) -> Tensor:
    """Return the mean distance of two verdicts on the same pictures: ().

    Wholeness has the Huber loss, because the logits of real pictures are far above those of drawn
    ones, and only drawn ones are ranked.
    """
    apart: Tensor = 1 - torch.linalg.vecdot(one.shown, other.shown)
    return apart.mean() + F.smooth_l1_loss(one.whole, other.whole)


@torch.inference_mode()
def _evaluated(ranker: Ranker, data: RankerData, held_out: Indices) -> tuple[float, float, float]:
    """Evaluate the ranker and its teacher on held-out pictures.

    Returns:
        The correlation of their scores, then R@1 of the ranker and of its teacher.
    """
    ranker.eval()
    rows, side = torch.from_numpy(held_out), data.drawn.shape[1]
    real, drawn = (
        _verdict(ranker, pictures[held_out]) for pictures in (middle(data.real, side), data.drawn)
    )
    scores = [
        score(each.shown, each.whole, data.asked[rows], ranker.weight)
        for each in (drawn, data.of_drawn[rows])
    ]
    captions = data.captions[rows].numpy()
    return (
        torch.corrcoef(torch.stack(scores))[0, 1].item(),
        r_at_1(captions, real.shown.numpy()),
        r_at_1(captions, data.of_real[rows].shown.numpy()),
    )


def _verdict(ranker: Ranker, pictures: Pictures) -> Verdict:
    parts = [ranker.read(to_tensor(each)) for each in torch.from_numpy(pictures).split(HALF)]
    shown, whole = zip(*parts, strict=True)
    return Verdict(torch.cat(shown), torch.cat(whole))


def _as_onnx(ranker: Ranker, side: int) -> bytes:
    return as_onnx(
        ranker,
        (torch.zeros(2, 3, side, side), torch.zeros(2, len(ranker.centre))),
        inputs=["pictures", "embedding"],
        output="scores",
        dynamic_axes=[{0: "batch"}, {0: "batch"}],
    )
