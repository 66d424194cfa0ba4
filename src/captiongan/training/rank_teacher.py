"""The teacher of a ranker: two linear maps of the features of a large network.

One says which sentence a picture shows, the other how likely it is a real picture. The network is
EfficientNet-Lite0, which is too slow to run for every drawing.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from captiongan.evaluation.distances import Features
from captiongan.evaluation.extractors import Extractor, open_lite

EXTRACTOR, SIDE = "lite0", 160
"""The network, and the side in pixels to which pictures are resized for it."""

RIDGE = 0.1
"""Penalty of the map to texts, as a share of a feature's variance."""

PENALTY = 0.01
"""Penalty of the map to wholeness, on the square of its weights."""


@dataclass(frozen=True)
class Verdict:
    """A prediction for N pictures: `shown` (N, D), of length 1, and `whole` (N,).

    `shown` is the text that a picture shows. `whole` is the logit that it is real, with mean 0 and
    standard deviation 1 over the drawn pictures that the teacher learned from.
    """

    shown: Tensor
    whole: Tensor

    def __getitem__(self, rows: Tensor) -> "Verdict":
        return Verdict(self.shown[rows], self.whole[rows])


@dataclass(frozen=True)
class Teacher:
    """Two linear maps of features (N, F), after these are scaled to mean 0 and deviation 1."""

    mean: Tensor
    deviation: Tensor
    to_text: Tensor
    to_whole: Tensor
    bias: Tensor

    def __call__(self, features: Features) -> Verdict:
        """Predict from the features (N, F) of pictures."""
        rows = (torch.from_numpy(features) - self.mean) / self.deviation
        return Verdict(F.normalize(rows @ self.to_text, dim=1), rows @ self.to_whole + self.bias)


def open_extractor() -> Extractor:
    """Return the network of the teacher; raises ConfigError if it is damaged."""
    return open_lite(EXTRACTOR, torch.device("cpu"), SIDE)


def fit_teacher(real: Features, drawn: Features, texts: Tensor) -> Teacher:
    """Fit both maps.

    Args:
        real: features (N, F) of real pictures.
        drawn: features (M, F) of pictures that the bundle drew.
        texts: for each real picture the mean (N, D) of its captions, centred and of length 1.
    """
    mean, deviation = real.mean(axis=0), real.std(axis=0)
    deviation = np.maximum(deviation, 1e-3 * deviation.max() + 1e-12)
    real_rows, drawn_rows = (
        torch.from_numpy((features - mean) / deviation) for features in (real, drawn)
    )
    to_whole, bias = _logistic(real_rows, drawn_rows)
    logits = drawn_rows @ to_whole + bias
    return Teacher(
        torch.from_numpy(mean),
        torch.from_numpy(deviation),
        _ridge(real_rows, texts),
        to_whole / logits.std(),
        (bias - logits.mean()) / logits.std(),
    )


def _ridge(rows: Tensor, targets: Tensor) -> Tensor:
    """Return W (F, D) that minimises |rows W - targets|^2 + RIDGE N |W|^2."""
    penalty = RIDGE * len(rows) * torch.eye(rows.shape[1])
    weights: Tensor = torch.linalg.solve(rows.T @ rows + penalty, rows.T @ targets)
    return weights


def _logistic(real: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights (F,) and bias () of the logit that a row is of a real picture."""
    weights = torch.zeros(real.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        surprise = F.softplus(-(real @ weights + bias)).mean()
        surprise = surprise + F.softplus(drawn @ weights + bias).mean()
        total = surprise / 2 + PENALTY * weights.square().sum()
        total.backward()
        return total.item()

    optimiser.step(loss)
    return weights.detach(), bias.detach()
