"""The judges of alignment: linear maps trained on real pictures and captions alone.

The retrieval judge brings pictures and sentences into one space in which a picture lies near its
own captions (the contrastive objective of Radford et al. 2021). The classifier tells the classes
apart. Both see features of the extractor, never pixels, and neither has seen a generated picture.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.base.cache import cache_folder, write_to_cache
from captiongan.base.files import sha256_of
from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity
from captiongan.data.pairs import Indices, class_numbers
from captiongan.errors import OutputError
from captiongan.evaluation import CANDIDATES
from captiongan.evaluation.distances import Features, row_blocks
from captiongan.evaluation.extractors import ExtractorIdentity
from captiongan.evaluation.real import RealPictures

VERSION = 2
"""Part of the name of stored judges: to be raised whenever others would come out."""

FEWEST_PICTURES = 100
FEWEST_PER_CLASS = 10
HELD_OUT = 0.1
SHARED_DIM = 256
STEPS = 800
BATCH = 512
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.1
FIRST_TEMPERATURE = 0.07

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LinearMap:
    """y = W x + b, with W (outputs, inputs) and b (outputs,)."""

    weight: Floats
    bias: Floats

    def __call__(self, rows: Features) -> Floats:
        """Map (N, inputs) to (N, outputs)."""
        return rows.astype(np.float32) @ self.weight.T + self.bias


@dataclass(frozen=True)
class RetrievalJudge:
    """Says how near pictures and sentences are to each other."""

    of_pictures: LinearMap
    of_sentences: LinearMap

    def ranks(
        self, features: Features, real: RealPictures, captions: Indices, seed: int
    ) -> Indices:
        """Return how many captions of 99 others are as near to each picture as its own: (N,).

        0 is a hit for R@1, below 5 one for R@5. `features` (N, D) are of pictures in the places of
        the N `real` ones, `captions` (N,) the numbers of their captions. Which others, and which
        caption of each, follows from `seed`. A rival caption of the same words does not count.

        Raises:
            ValueError: there are fewer than 100 pictures.
        """
        sentences = _unit(self.of_sentences(real.sentences))
        pictures = _unit(self.of_pictures(features))
        rivals = _rivals(real, seed)
        ranks = np.empty(len(pictures), dtype=np.int64)
        for rows in row_blocks(len(pictures)):
            own = (pictures[rows] * sentences[captions[rows]]).sum(axis=1, keepdims=True)
            others = np.einsum("nd,nkd->nk", pictures[rows], sentences[rivals[rows]])
            same_words = real.text_numbers[rivals[rows]] == real.text_numbers[captions[rows], None]
            ranks[rows] = (~((others < own) | same_words)).sum(axis=1)
        return ranks

    def cosine(self, features: Features, sentences: Embeddings) -> Floats:
        """Return how well each picture and its sentence go together, -1 to 1: (N,).

        `features` is (N, D), `sentences` (N, E).
        """
        pictures = _unit(self.of_pictures(features))
        cosine: Floats = (pictures * _unit(self.of_sentences(sentences))).sum(axis=1)
        return cosine


@dataclass(frozen=True)
class Classifier:
    """Says which of its classes a picture shows."""

    classes: tuple[str, ...]
    scores: LinearMap

    def ranks(self, features: Features, labels: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
        """Return how many classes score higher than the picture's own: (N,), NaN if it is unknown.

        `features` is (N, D), `labels` (N,) has the classes asked for.
        """
        number = {name: place for place, name in enumerate(self.classes)}
        own = np.array([number.get(label, -1) for label in labels])
        scores = self.scores(features)
        higher = (scores > scores[np.arange(len(own)), own][:, None]).sum(axis=1)
        return np.where(own < 0, np.nan, higher)


@dataclass(frozen=True)
class JudgesReport:
    """What the judges learned from, and how they judge real pictures that were held out.

    `r_at_1` and `top_1` are shares of the held-out pictures, or None where these are fewer than 100
    and where there is no classifier.
    """

    extractor: str
    sentences: str
    pictures: int
    captions: int
    classes: int
    held_out: int
    seed: int
    r_at_1: float | None
    top_1: float | None


@dataclass(frozen=True)
class Judges:
    """The judges of one training set; without classes there is no classifier."""

    retrieval: RetrievalJudge
    classifier: Classifier | None
    report: JudgesReport
    sha256: str


def open_judges(
    real: RealPictures, extractor: ExtractorIdentity, sentences: EncoderIdentity, seed: int = 0
) -> Judges | None:
    """Train the judges on real pictures, or read them from the cache if that was done before.

    A tenth of the pictures is held out for the report. The same input gives the same judges, up to
    rounding between machines. None if there are fewer than 100 pictures.

    Raises:
        OutputError: the cache cannot be written.
    """
    if len(real) < FEWEST_PICTURES:
        return None
    key = hashlib.sha256(f"{VERSION} {extractor!r} {sentences!r} {real.digest} {seed}".encode())
    file = cache_folder("judges") / f"{extractor.name}-{key.hexdigest()[:24]}.safetensors"
    judges = _read(file)
    if judges is None:
        write_to_cache(file, _trained(real, extractor, sentences, seed))
        judges = _read(file)
    if judges is None:
        raise OutputError(f"judges '{file}' are unreadable; remove that file and try again")
    return judges


def class_obstacle(labels: Iterable[str | None]) -> str | None:
    """Say why no classifier can be trained on pictures of these classes, if so."""
    pictures = list(labels)
    classes = set(pictures)
    if None in classes:
        return "not all training pictures have a class"
    if len(classes) < 2 or len(pictures) < FEWEST_PER_CLASS * len(classes):
        return (
            f"the {len(pictures)} training pictures are of {len(classes)} classes; it takes two "
            f"classes, and {FEWEST_PER_CLASS} pictures a class on average"
        )
    return None


def _trained(
    real: RealPictures, extractor: ExtractorIdentity, sentences: EncoderIdentity, seed: int
) -> bytes:
    """Train the judges, try them on what is held out, and return the content of their file."""
    order = np.random.default_rng(seed).permutation(len(real))
    held_out, rows = np.split(order, [round(HELD_OUT * len(real))])
    learned, tried = real.subset(rows), real.subset(held_out)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        retrieval = _train_retrieval(learned)
        classifier = None if class_obstacle(real.labels) else _train_classifier(learned)
    report = JudgesReport(
        extractor=str(extractor),
        sentences=str(sentences),
        pictures=len(learned),
        captions=len(learned.captions),
        classes=len(classifier.classes) if classifier else 0,
        held_out=len(tried),
        seed=seed,
        r_at_1=_r_at_1(retrieval, tried, seed),
        top_1=_top_1(classifier, tried),
    )
    maps = {"pictures": retrieval.of_pictures, "sentences": retrieval.of_sentences}
    if classifier:
        maps["classes"] = classifier.scores
    tensors = {f"{name}.weight": each.weight for name, each in maps.items()}
    tensors |= {f"{name}.bias": each.bias for name, each in maps.items()}
    facts = {"report": asdict(report), "classes": list(classifier.classes if classifier else ())}
    # One key, as safetensors writes several in any order.
    return save(tensors, {"facts": json.dumps({**facts, "seal": _seal(facts, tensors)})})


def _read(file: Path) -> Judges | None:
    """Read stored judges; None if there are none, or if they are damaged."""
    try:
        with safe_open(file, "numpy") as content:
            facts = json.loads(content.metadata()["facts"])
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        if facts.pop("seal") != _seal(facts, tensors):
            return None
        maps = {
            name: LinearMap(tensors[f"{name}.weight"], tensors[f"{name}.bias"])
            for name in {name.partition(".")[0] for name in tensors}
        }
        classes = tuple(facts["classes"])
        return Judges(
            RetrievalJudge(maps["pictures"], maps["sentences"]),
            Classifier(classes, maps["classes"]) if classes else None,
            JudgesReport(**facts["report"]),
            sha256_of(file),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def _seal(facts: dict[str, Any], tensors: dict[str, Floats]) -> str:
    """Return a sha256 over all that is stored, so that damage of any kind is seen."""
    return hashlib.sha256(json.dumps(facts).encode() + save(tensors)).hexdigest()


def _train_retrieval(real: RealPictures) -> RetrievalJudge:
    """Pull a picture to a caption of its own, push it from those of other classes in the batch."""
    pictures = StandardisedLinear(real.features, SHARED_DIM)
    sentences = StandardisedLinear(real.sentences, SHARED_DIM)
    log_scale = nn.Parameter(torch.tensor(-math.log(FIRST_TEMPERATURE)))
    first, counts = torch.from_numpy(real.first_captions), torch.from_numpy(real.caption_counts)
    classes = torch.from_numpy(class_numbers(real.examples))

    def loss(rows: Tensor) -> Tensor:
        captions = first[rows] + (torch.rand(len(rows)) * counts[rows]).long()
        cosines = F.normalize(pictures(rows), dim=1) @ F.normalize(sentences(captions), dim=1).T
        of_one_class = classes[rows][:, None] == classes[rows]
        logits = log_scale.exp() * cosines.masked_fill(of_one_class.fill_diagonal_(False), -2)
        own = torch.arange(len(rows))
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    _fit([*pictures.parameters(), *sentences.parameters(), log_scale], loss, len(real))
    return RetrievalJudge(pictures.folded(), sentences.folded())


def _train_classifier(real: RealPictures) -> Classifier:
    """Multinomial logistic regression."""
    classes, numbers = np.unique(real.labels.astype(str), return_inverse=True)
    scores, target = StandardisedLinear(real.features, len(classes)), torch.from_numpy(numbers)
    _fit(
        scores.parameters(),
        lambda rows: F.cross_entropy(scores(rows), target[rows]),
        len(real),
    )
    return Classifier(tuple(classes.tolist()), scores.folded())


class StandardisedLinear(nn.Module):
    """A linear layer on fixed rows, each column brought to mean 0 and deviation 1 first."""

    def __init__(self, rows: Features, outputs: int) -> None:
        super().__init__()
        single = rows.astype(np.float32)
        self.mean, deviation = single.mean(axis=0), single.std(axis=0)
        self.scale = np.maximum(deviation, 1e-3 * deviation.max() + 1e-12)
        self.rows = torch.from_numpy((single - self.mean) / self.scale)
        self.linear = nn.Linear(rows.shape[1], outputs)

    def forward(self, numbers: Tensor) -> Tensor:
        """Map the rows of these numbers (B,) to (B, outputs)."""
        mapped: Tensor = self.linear(self.rows[numbers])
        return mapped

    def folded(self) -> LinearMap:
        """Return the same map for rows as they are."""
        weight = self.linear.weight.detach().numpy() / self.scale
        return LinearMap(weight, self.linear.bias.detach().numpy() - weight @ self.mean)


def _fit(
    parameters: Iterable[nn.Parameter], loss: Callable[[Tensor], Tensor], pictures: int
) -> None:
    optimiser = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss(torch.randperm(pictures)[:BATCH]).backward()
        optimiser.step()
        schedule.step()


def _rivals(real: RealPictures, seed: int) -> Indices:
    """Draw for each picture 99 others without replacement, and a caption of each: (N, 99)."""
    count = len(real)
    if count < CANDIDATES:
        raise ValueError(f"{count} pictures, R@1 takes {CANDIDATES}; leave the score out")
    random = np.random.default_rng([seed, VERSION])
    steps = [random.choice(count - 1, CANDIDATES - 1, replace=False) for _ in range(count)]
    others = (np.arange(count)[:, None] + 1 + np.stack(steps)) % count
    return real.captions_of(others, random.integers(2**31, size=others.shape))


def _r_at_1(judge: RetrievalJudge, real: RealPictures, seed: int) -> float | None:
    if len(real) < CANDIDATES:
        return None
    return float((judge.ranks(real.features, real, real.first_captions, seed) == 0).mean())


def _top_1(classifier: Classifier | None, real: RealPictures) -> float | None:
    if classifier is None:
        return None
    return float((classifier.ranks(real.features, real.labels) == 0).mean())


def _unit(rows: Floats) -> Floats:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    unit: Floats = rows / np.maximum(lengths, np.float32(1e-12))
    return unit
