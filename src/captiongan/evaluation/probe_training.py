"""Training of the probes: once per training set, then read from the cache.

The retrieval probe has the contrastive objective of Radford et al. 2021, the classifier is a
multinomial logistic regression.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.base.cache import cache_folder, write_to_cache
from captiongan.base.files import sha256_of
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.data.pairs import class_numbers
from captiongan.errors import OutputError
from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import ExtractorIdentity
from captiongan.evaluation.needs import FEWEST_PICTURES, class_obstacle
from captiongan.evaluation.probes import (
    VERSION,
    Classifier,
    Floats32,
    LinearMap,
    Probes,
    ProbesReport,
    RetrievalProbe,
)
from captiongan.evaluation.real import RealPictures
from captiongan.evaluation.retrieval import POOL

HELD_OUT = 0.1
SHARED_DIM = 256
STEPS = 800
BATCH = 512
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.1
FIRST_TEMPERATURE = 0.07


def open_probes(
    real: RealPictures, extractor: ExtractorIdentity, sentences: EncoderIdentity, seed: int = 0
) -> Probes | None:
    """Train the probes on real pictures, or read them from the cache if that was done before.

    A tenth of the pictures is held out for the report. The same input gives the same probes, up to
    rounding between machines. None if there are fewer than 100 pictures.

    Raises:
        OutputError: the cache cannot be written.
    """
    if len(real) < FEWEST_PICTURES:
        return None
    key = hashlib.sha256(f"{VERSION} {extractor!r} {sentences!r} {real.digest} {seed}".encode())
    # An earlier name of the probes, under which caches have them.
    file = cache_folder("judges") / f"{extractor.name}-{key.hexdigest()[:24]}.safetensors"
    probes = _read(file)
    if probes is None:
        write_to_cache(file, _trained(real, extractor, sentences, seed))
        probes = _read(file)
    if probes is None:
        raise OutputError(f"probes '{file}' cannot be read back; remove that file and try again")
    return probes


def _trained(
    real: RealPictures, extractor: ExtractorIdentity, sentences: EncoderIdentity, seed: int
) -> bytes:
    """Train the probes, try them on what is held out, and return the content of their file."""
    order = np.random.default_rng(seed).permutation(len(real))
    held_out, rows = np.split(order, [round(HELD_OUT * len(real))])
    learned, tried = real.subset(rows), real.subset(held_out)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        retrieval = _train_retrieval(learned)
        classifier = None if class_obstacle(real.labels) else _train_classifier(learned)
    report = ProbesReport(
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


def _read(file: Path) -> Probes | None:
    """Read stored probes; None if there are none, or if they are damaged."""
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
        return Probes(
            RetrievalProbe(maps["pictures"], maps["sentences"]),
            Classifier(classes, maps["classes"]) if classes else None,
            ProbesReport(**facts["report"]),
            sha256_of(file),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def _seal(facts: dict[str, Any], tensors: dict[str, Floats32]) -> str:
    """Return a sha256 over all that is stored, so that damage of any kind is seen."""
    return hashlib.sha256(json.dumps(facts).encode() + save(tensors)).hexdigest()


def _train_retrieval(real: RealPictures) -> RetrievalProbe:
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
    return RetrievalProbe(pictures.folded(), sentences.folded())


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


def _r_at_1(probe: RetrievalProbe, real: RealPictures, seed: int) -> float | None:
    if len(real) < POOL:
        return None
    return float((probe.ranks(real.features, real, real.first_captions, seed) == 0).mean())


def _top_1(classifier: Classifier | None, real: RealPictures) -> float | None:
    if classifier is None:
        return None
    return float((classifier.ranks(real.features, real.labels) == 0).mean())
