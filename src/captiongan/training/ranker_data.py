"""The training data of a ranker: real and drawn pictures, and its teacher's verdicts on them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from captiongan.bundle.bundle import Bundle
from captiongan.data.pairs import Indices, first_captions
from captiongan.data.store import Pictures, PictureStore
from captiongan.draw.pipeline import Pipeline
from captiongan.evaluation.extractors import remembered_features
from captiongan.networks.pixels import to_tensor
from captiongan.networks.ranker import centred
from captiongan.training.rank_teacher import Verdict, fit_teacher, open_extractor

Say = Callable[[str], None]


@dataclass(frozen=True)
class RankerData:
    """N real pictures, one that the bundle drew for each, and the teacher's verdicts on both.

    `real` is (N, S, S, 3) uint8 with room for random crops, `drawn` (N, R, R, 3). `captions` (N, D)
    are the embeddings of a caption of each real picture, `asked` (N, D) those of the caption that
    was drawn; both are centred and of length 1. With `flip`, half of the pictures are mirrored.
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


def prepare(
    bundle: Bundle,
    store: PictureStore,
    learned: Indices,
    flip: bool,
    random: np.random.Generator,
    say: Say,
) -> tuple[RankerData, Tensor, str]:
    """Draw a picture of a caption of each, and fit the teacher to the rows `learned` from.

    Returns:
        The data, the centre of the texts (D,), and the identity of the teacher's network.
    """
    pipeline, extractor = Pipeline(bundle), open_extractor()
    embeddings = pipeline.encode(store.captions)
    counts = np.array([len(example.captions) for example in store.examples])
    first, owner = first_captions(store.examples), np.repeat(np.arange(len(counts)), counts)
    centre = torch.from_numpy(embeddings[np.isin(owner, learned)].mean(axis=0))
    texts = centred(torch.from_numpy(embeddings), centre)
    asked = first + random.integers(counts)
    noise = random.standard_normal((len(counts), bundle.manifest.noise_dim), dtype=np.float32)
    say("drawing a picture of a caption of each")
    drawn = pipeline.draw(noise, embeddings[asked])
    say(f"features of real and drawn pictures: {extractor.identity}")
    of_real = remembered_features(extractor, middle(store.pictures, bundle.manifest.resolution))
    of_drawn = extractor.features(drawn)
    sums = torch.zeros(len(counts), texts.shape[1]).index_add(0, torch.from_numpy(owner), texts)
    teacher = fit_teacher(of_real[learned], of_drawn[learned], F.normalize(sums, dim=1)[learned])
    data = RankerData(
        real=store.pictures,
        drawn=drawn,
        captions=texts[first],
        asked=texts[asked],
        of_real=teacher(of_real),
        of_drawn=teacher(of_drawn),
        flip=flip,
    )
    return data, centre, str(extractor.identity)


def middle(pictures: Pictures, side: int) -> Pictures:
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
