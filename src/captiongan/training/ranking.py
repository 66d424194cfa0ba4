"""Teaching a bundle to rank: a small network that tells which of several pictures to keep.

    L = 1 - cos(v(x), v_T(x)) + huber(r(x) - r_T(x))

The ranker learns to answer as its teacher T does (Hinton et al. 2015, arXiv 1503.02531): what a
picture shows, v, and how whole it is, r. It learns from real pictures and from one that the bundle
draws of a caption of each.
"""

import math
from collections.abc import Callable
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
from captiongan.compute.devices import computes_bf16
from captiongan.compute.learning_rate import warm_up_then_cosine
from captiongan.compute.memory import keep_freed_memory
from captiongan.data.pairs import Indices, first_captions
from captiongan.data.store import Pictures, PictureStore, open_store
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, ConfigError, DataError
from captiongan.evaluation.extractors import remembered_features
from captiongan.export.to_onnx import as_onnx
from captiongan.networks.ranker import Ranker, centred, score
from captiongan.runs.config import DataConfig
from captiongan.text_training.align import CANDIDATES, r_at_1
from captiongan.training.batches import to_tensor
from captiongan.training.rank_teacher import EXTRACTOR, Verdict, fit_teacher, open_eye
from captiongan.version import __version__

HALF = 64
"""Real pictures in a batch; as many drawn ones go with them."""

PEAK_LEARNING_RATE = 2e-3
HELD_OUT = 0.1
"""Share of the pictures that nothing learns from; at least as many as R@1 takes."""

FEWEST_PICTURES = 2 * CANDIDATES

Say = Callable[[str], None]


@dataclass(frozen=True)
class RankerReport:
    """How a ranker was trained, and how it does on pictures that were held out.

    `weight` is what a unit of wholeness counts beside a cosine. `correlation` is that of its scores
    with the teacher's, over pictures that the bundle drew. `r_at_1` and `teacher_r_at_1` are the
    shares of real pictures whose own caption is the nearest of 100.
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


@dataclass(frozen=True)
class Lessons:
    """N real pictures, one that the bundle drew for each, and what the teacher says of both.

    `real` is (N, S, S, 3) uint8 with room for random crops, `drawn` (N, R, R, 3). `captions` (N, D)
    has a caption of each real picture, `asked` (N, D) the one that was drawn; both are centred and
    of length 1.
    """

    real: Pictures
    drawn: Pictures
    captions: Tensor
    asked: Tensor
    of_real: Verdict
    of_drawn: Verdict
    flip: bool

    def batch(self, rows: Indices, random: np.random.Generator) -> tuple[Tensor, Verdict]:
        """Return real pictures, cropped at random, and drawn ones, with the teacher's verdict."""
        crops = _crops(self.real[rows], self.drawn.shape[1], random)
        pictures = np.concatenate([crops, self.drawn[rows]])
        if self.flip:
            mirrored = random.random(len(pictures)) < 0.5
            pictures[mirrored] = pictures[mirrored, :, ::-1]
        here = torch.from_numpy(rows)
        real, drawn = self.of_real[here], self.of_drawn[here]
        return to_tensor(torch.from_numpy(pictures)), Verdict(
            torch.cat([real.shown, drawn.shown]), torch.cat([real.whole, drawn.whole])
        )


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
        wholeness: how much being whole counts beside fitting the words: 0 for nothing, 1 for as
            much, by what both vary over drawn pictures.
        seed: decides first weights, noise, captions, and which pictures are held out.
        say: hears what is going on.

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
    held_out, learned = np.split(order, [max(CANDIDATES, round(HELD_OUT * len(order)))])
    say(f"{len(order):,} pictures, {len(store.captions):,} captions; {len(held_out):,} held out")
    lessons, centre, teacher = _lessons(taught, store, learned, framing.flip, random, say)
    rows = torch.from_numpy(learned)
    drawn = lessons.of_drawn[rows]
    weight = wholeness * torch.linalg.vecdot(drawn.shown, lessons.asked[rows]).std().item()
    torch.manual_seed(seed)
    ranker = Ranker(side, centre, weight)
    _train(ranker, lessons, learned, epochs, random, say)
    correlation, own, teachers = _examined(ranker, lessons, held_out)
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
            "ranked; take another bundle"
        )
    return side


def _framing(bundle: Bundle, say: Say) -> DataConfig:
    """Return how the pictures were cropped and mirrored that a bundle learned from."""
    config = bundle.manifest.training.config
    try:
        return DataConfig.model_validate(config.get("data") if config else None)
    except ValueError:
        say("the bundle does not say how its pictures were cropped: whole ones, none mirrored")
        return DataConfig(margin=0, flip=False)


def _open(data: str, side: int, framing: DataConfig) -> PictureStore:
    store = open_store(data, side + framing.margin, side, framing.squash)
    if len(store.examples) < FEWEST_PICTURES:
        raise DataError(
            f"'{data}' has {len(store.examples)} usable pictures, a ranker takes "
            f"{FEWEST_PICTURES} to learn from and to be tried; take a larger set"
        )
    return store


def _lessons(
    bundle: Bundle,
    store: PictureStore,
    learned: Indices,
    flip: bool,
    random: np.random.Generator,
    say: Say,
) -> tuple[Lessons, Tensor, str]:
    """Draw, look at all pictures, and fit the teacher to those `learned` from.

    Returns the lessons, the centre of the texts (D,), and who the teacher is.
    """
    pipeline, eye = Pipeline(bundle), open_eye()
    embeddings = pipeline.encode(store.captions)
    counts = np.array([len(example.captions) for example in store.examples])
    first, owner = first_captions(store.examples), np.repeat(np.arange(len(counts)), counts)
    centre = torch.from_numpy(embeddings[np.isin(owner, learned)].mean(axis=0))
    texts = centred(torch.from_numpy(embeddings), centre)
    asked = first + random.integers(counts)
    noise = random.standard_normal((len(counts), bundle.manifest.noise_dim), dtype=np.float32)
    say("drawing a picture of a caption of each")
    drawn = pipeline.draw(noise, embeddings[asked])
    say(f"looking at real and drawn pictures: {eye.identity}")
    of_real = remembered_features(eye, _middle(store.pictures, bundle.manifest.resolution))
    of_drawn = eye.features(drawn)
    sums = torch.zeros(len(counts), texts.shape[1]).index_add(0, torch.from_numpy(owner), texts)
    teacher = fit_teacher(of_real[learned], of_drawn[learned], F.normalize(sums, dim=1)[learned])
    lessons = Lessons(
        real=store.pictures,
        drawn=drawn,
        captions=texts[first],
        asked=texts[asked],
        of_real=teacher(of_real),
        of_drawn=teacher(of_drawn),
        flip=flip,
    )
    return lessons, centre, str(eye.identity)


def _train(
    ranker: Ranker,
    lessons: Lessons,
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
            pictures, verdict = lessons.batch(order[start : start + HALF], random)
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
    """Return how far two verdicts on the same pictures are apart, a mean over them: ().

    Being whole counts by its Huber loss: real pictures lie far beyond drawn ones, which are all
    that is ranked.
    """
    apart: Tensor = 1 - torch.linalg.vecdot(one.shown, other.shown)
    return apart.mean() + F.smooth_l1_loss(one.whole, other.whole)


@torch.inference_mode()
def _examined(ranker: Ranker, lessons: Lessons, held_out: Indices) -> tuple[float, float, float]:
    """Try the ranker, and its teacher, on pictures that neither learned from.

    Returns how their scores correlate, then R@1 of the ranker and of its teacher.
    """
    ranker.eval()
    rows, side = torch.from_numpy(held_out), lessons.drawn.shape[1]
    real, drawn = (
        _verdict(ranker, pictures[held_out])
        for pictures in (_middle(lessons.real, side), lessons.drawn)
    )
    scores = [
        score(each.shown, each.whole, lessons.asked[rows], ranker.weight)
        for each in (drawn, lessons.of_drawn[rows])
    ]
    captions = lessons.captions[rows].numpy()
    return (
        torch.corrcoef(torch.stack(scores))[0, 1].item(),
        r_at_1(captions, real.shown.numpy()),
        r_at_1(captions, lessons.of_real[rows].shown.numpy()),
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


def _middle(pictures: Pictures, side: int) -> Pictures:
    """Return the middle crops (N, side, side, 3) of pictures (N, S, S, 3)."""
    low = (pictures.shape[1] - side) // 2
    return pictures[:, low : low + side, low : low + side]


def _crops(pictures: Pictures, side: int, random: np.random.Generator) -> Pictures:
    """Return a crop of each picture at a random place: (N, side, side, 3)."""
    corners = random.integers(pictures.shape[1] - side + 1, size=(len(pictures), 2))
    return np.stack(
        [
            each[top : top + side, left : left + side]
            for each, (top, left) in zip(pictures, corners, strict=True)
        ]
    )
