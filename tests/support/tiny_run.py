"""A run of a few hundred weights: 16x16 pictures, two features, embeddings of six numbers."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity
from captiongan.data.folder import Example
from captiongan.data.pairs import PairSampler
from captiongan.data.store import PictureStore
from captiongan.runs.config import RunConfig
from captiongan.runs.options import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    ScoresConfig,
    TextConfig,
    TrainingConfig,
)
from captiongan.runs.run_folder import RunFolder
from captiongan.text.registry import choose_encoder
from captiongan.training.batches import TrainingData
from captiongan.training.state import TrainState, new_state
from captiongan.training.step import Batch
from captiongan.training.trainer import Trainer
from support.tiny_bundle import write_parts

EMBEDDING_DIM = 6
BATCH_SIZE = 4
MARGIN = 3

CONFIG = RunConfig(
    data=DataConfig(source="toy:10", resolution=16, margin=MARGIN),
    generator=GeneratorConfig(features=2, noise_dim=5, projected_dim=4),
    discriminator=DiscriminatorConfig(features=2, projected_dim=4),
    training=TrainingConfig(batch_size=BATCH_SIZE, precision="32-true", ema_halflife_kimg=0.01),
)


RECIPE = RunConfig(
    network="fusion",
    data=CONFIG.data,
    text=TextConfig(conditioning_augmentation=0.5, noise=0.3),
    generator=GeneratorConfig(features=2, noise_dim=8, projected_dim=4),
    discriminator=CONFIG.discriminator,
    losses=LossConfig(
        discriminator="hinge-cls",
        pixel_wise=0,
        feature_matching=0,
        mode_seeking=0.1,
        contrastive=1,
        augment=("colour", "translation", "cutout"),
    ),
    training=CONFIG.training,
)
"""All that came after the lecture, on networks as small."""


class StubEncoder:
    """Answers each text with random numbers that follow from the text."""

    dim = EMBEDDING_DIM

    def __init__(self, name: str = "stub", sha256: str = "ab" * 32) -> None:
        self.identity = EncoderIdentity(name, sha256)

    def encode(self, texts: Sequence[str]) -> Embeddings:
        rows = [np.random.default_rng(zlib.crc32(text.encode())).random(self.dim) for text in texts]
        return np.array(rows, dtype=np.float32)


def tiny_state(
    config: RunConfig = CONFIG, directions: Tensor | None = None, species: int = 0
) -> TrainState:
    """Return both players with fresh weights on the CPU."""
    return new_state(config, EMBEDDING_DIM, torch.device("cpu"), directions, species)


def tiny_data(config: RunConfig = CONFIG) -> TrainingData:
    """Return ten noise pictures of two classes, with one to three captions each."""
    side = config.data.resolution + config.data.margin
    pictures = np.random.default_rng(0).integers(0, 256, (10, side, side, 3), dtype=np.uint8)
    examples = tuple(
        Example(
            f"{row}.png", tuple(f"caption {row} {n}" for n in range(row % 3 + 1)), "ab"[row % 2]
        )
        for row in range(len(pictures))
    )
    captions = [caption for example in examples for caption in example.captions]
    return TrainingData(
        config,
        PictureStore(pictures, examples, ()),
        torch.from_numpy(StubEncoder().encode(captions)),
        PairSampler(examples, config.training.batch_size, config.training.seed),
    )


def tiny_trainer(config: RunConfig = CONFIG) -> Trainer:
    """Return all that a run needs, before its first step."""
    data = tiny_data(config)
    state = tiny_state(config, data.conditioning_augmentation(), data.species)
    return Trainer(config, StubEncoder(), data, state)


def random_batch(seed: int = 0) -> Batch:
    """Return a batch of noise in place of pictures and embeddings."""
    random = torch.Generator().manual_seed(seed)
    return Batch(
        pictures=2 * torch.rand(BATCH_SIZE, 3, 16, 16, generator=random) - 1,
        matching=torch.randn(BATCH_SIZE, EMBEDDING_DIM, generator=random),
        mismatching=torch.randn(BATCH_SIZE, EMBEDDING_DIM, generator=random),
        noise=torch.randn(BATCH_SIZE, CONFIG.generator.noise_dim, generator=random),
    )


def fields(batch: Batch) -> list[Tensor]:
    """Return what a batch has, in order."""
    return [field for field in batch if field is not None]


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a snapshot that later steps leave alone."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors agree to the last bit."""
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[name]) for name, tensor in one.items()
    )


def tiny_run(root: Path, *steps: int, scored: bool = True, config: RunConfig = CONFIG) -> RunFolder:
    """Train a run in `root`, with the text encoder of the tiny bundle, and save it at `steps`."""
    write_parts(root / "words")
    config = config.model_copy(
        update={
            "text": config.text.model_copy(update={"encoder": str(root / "words")}),
            "scores": ScoresConfig() if scored else ScoresConfig(every_kimg=0),
        }
    )
    encoder = choose_encoder(config.text.encoder)
    data = tiny_data(config)
    state = tiny_state(config, data.conditioning_augmentation(), data.species)
    trainer = Trainer(config, encoder, data, state)
    run = RunFolder.create(root / "runs", config)
    run.write_data_facts(trainer.data.facts())
    while trainer.state.step < max(steps, default=0):
        trainer.take_step()
        if trainer.state.step in steps:
            trainer.save(run)
    return run
