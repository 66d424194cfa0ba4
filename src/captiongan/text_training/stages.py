"""The two stages of an encoder's training, with their data and what the cache keeps of them.

What the first stage learns is kept, so a second stage can be tried again. Both keep a checkpoint
after each epoch, so a training that was killed resumes.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.base.cache import cache_folder, write_to_cache
from captiongan.bundle.text_encoder import TextEncoder
from captiongan.text.colour_swap import swap_colours
from captiongan.text_training.align import AlignmentData, PictureEmbedding, align
from captiongan.text_training.colour_binding import ColourReadOut, bindings
from captiongan.text_training.corpus import Corpus
from captiongan.text_training.distill import DistillationData, Say, distill
from captiongan.text_training.fit import FitOptions
from captiongan.text_training.gallery import Gallery
from captiongan.text_training.plan import TextPlan
from captiongan.version import __version__

KEEPING_WEIGHT = 3.0
KEPT = 256
"""Texts of the first stage in the loss of each step of the second, at most."""

Keeping = Callable[[int], Tensor]
"""A loss at a step, from 0, that keeps what was learned before."""


def run_distillation(
    network: nn.Module,
    tokenizer: Tokenizer,
    plan: TextPlan,
    corpus: Corpus,
    teacher: TextEncoder,
    say: Say,
) -> Keeping:
    """Run the first stage, or remember its result; return the loss that keeps it in mind."""
    say(f"asking the teacher about {len(corpus.entries):,} texts")
    device = _device_of(network)
    data = _distillation_data(corpus, tokenizer, teacher, device)
    read_out = ColourReadOut(teacher.dim).to(device)
    learned = nn.ModuleDict({"network": network, "read_out": read_out})
    file = cache_folder("encoders") / f"{_distillation_key(data, plan)}.safetensors"
    if not _remembered(learned, file):
        options = FitOptions(plan.epochs, [plan.seed, 1], _checkpoint(file))
        distill(network, read_out, data, options, say)
        write_to_cache(file, save(learned.state_dict()))
        _checkpoint(file).unlink(missing_ok=True)
    batches = list(data.batches(np.random.default_rng([plan.seed, 3])))

    def keeping(step: int) -> Tensor:
        rows = batches[step % len(batches)][:KEPT]
        return KEEPING_WEIGHT * data.loss(network, read_out, rows)

    return keeping


def run_alignment(
    network: nn.Module,
    tokenizer: Tokenizer,
    plan: TextPlan,
    gallery: Gallery,
    dim: int,
    keeping: Keeping | None,
    say: Say,
) -> PictureEmbedding:
    """Run the second stage; return the picture side that it trains, on the processor.

    `dim` is the length of an embedding; without `keeping`, nothing is kept in mind.
    """
    device = _device_of(network)
    learned = gallery.to_learn_from()
    say(f"looking at the pictures of {len(learned.captions):,} captions")
    data = AlignmentData(
        _token_ids(tokenizer, learned.captions),
        [_swapped(tokenizer, caption) for caption in learned.captions],
        learned.pictures,
        torch.from_numpy(learned.features).to(device),
    )
    pictures = PictureEmbedding(gallery.features, dim).to(device)
    file = cache_folder("encoders") / _alignment_key(network, learned, plan)
    options = FitOptions(plan.align_epochs, [plan.seed, 2], _checkpoint(file))
    nothing = torch.zeros((), device=device)
    align(network, pictures, data, options, keeping or (lambda _: nothing), say)
    return pictures.cpu()


def _checkpoint(file: Path) -> Path:
    return file.with_suffix(".checkpoint")


def _distillation_data(
    corpus: Corpus, tokenizer: Tokenizer, teacher: TextEncoder, device: torch.device
) -> DistillationData:
    """Ask the teacher about all texts, and about the same in plainer words; aim between the two."""
    said = torch.from_numpy(teacher.encode(corpus.texts))
    plain = torch.from_numpy(teacher.encode([entry.plain for entry in corpus.entries]))
    return DistillationData(
        _token_ids(tokenizer, corpus.texts),
        F.normalize(said + plain, dim=1).to(device),
        bindings([entry.colours for entry in corpus.entries]).to(device),
    )


def _distillation_key(data: DistillationData, plan: TextPlan) -> str:
    """Hash all that decides the result of the first stage."""
    digest = hashlib.sha256(f"{__version__} {plan.epochs} {plan.seed} {data.token_ids}".encode())
    digest.update(data.targets.cpu().numpy().data)
    digest.update(data.colours.cpu().numpy().data)
    return digest.hexdigest()[:24]


def _alignment_key(network: nn.Module, learned: Gallery, plan: TextPlan) -> str:
    """Hash all that decides the result of the second stage."""
    facts = (__version__, plan.epochs, plan.align_epochs, plan.seed, learned.captions)
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(learned.pictures.data)
    digest.update(learned.features.data)
    for weight in network.parameters():
        digest.update(weight.detach().cpu().numpy().data)
    return digest.hexdigest()[:24]


def _remembered(learned: nn.Module, file: Path) -> bool:
    """Load what the cache has; False if it has nothing of use."""
    try:
        learned.load_state_dict(load_file(file))
    except (OSError, RuntimeError, SafetensorError):
        return False
    return True


def _device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def _swapped(tokenizer: Tokenizer, caption: str) -> list[int] | None:
    """Return the token ids of a caption with two colours exchanged, if that changes its meaning."""
    swapped = swap_colours(caption)
    return tokenizer.encode(swapped).ids if swapped else None
