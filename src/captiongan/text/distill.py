"""Training of `small`: it learns to answer as its teacher does (Hinton et al. 2015).

Two terms, both between unit vectors. `1 - cos(s, t)` puts each caption where the teacher puts it.
The mean squared difference of the two matrices of cosines inside a batch keeps apart what the
teacher keeps apart (relational distillation, Park et al. 2019).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from captiongan.errors import DataError, OutputError
from captiongan.files import whole_folder
from captiongan.onnx_file import write_onnx
from captiongan.schedule import warm_up_then_cosine
from captiongan.text.encoder import (
    Embeddings,
    OnnxTextEncoder,
    TextEncoder,
    equal_length_batches,
)
from captiongan.text.small import SmallTextEncoder, train_tokenizer

BATCH = 512
HELD_OUT = 0.02
FEWEST_CAPTIONS = 10
PEAK_LEARNING_RATE = 1e-3
RELATIONAL_WEIGHT = 10.0


@dataclass(frozen=True)
class DistillationReport:
    """How well the pupil stands in for its teacher, on captions that it was not trained on."""

    teacher: str
    captions: int
    held_out: int
    epochs: int
    seed: int
    vocabulary: int
    parameters: int
    mean_cosine: float
    similarity_correlation: float | None


def distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the loss between unit embeddings, both (B, dim)."""
    pointwise = 1 - (student * teacher).sum(dim=1).mean()
    relational = (student @ student.T - teacher @ teacher.T).square().mean()
    return pointwise + RELATIONAL_WEIGHT * relational


def distill(
    captions: Sequence[str],
    teacher: TextEncoder,
    out: Path,
    epochs: int,
    seed: int,
    on_epoch: Callable[[int, float], None],
) -> DistillationReport:
    """Train `small` on `captions` after `teacher` and write the encoder folder `out`.

    Args:
        captions: texts of any length; each distinct one counts once.
        teacher: the encoder to imitate.
        out: folder for `tokenizer.json`, `text_encoder.onnx` and `report.json`; must not exist.
        epochs: passes over the captions.
        seed: decides the held-out captions, the first weights and the order.
        on_epoch: hears the number of the epoch that ended and its mean loss.

    Raises:
        DataError: fewer than ten different captions.
        OutputError: `out` exists or cannot be written.
    """
    if out.exists():
        raise OutputError(f"--out '{out}' exists already; remove it or choose another folder")
    texts = sorted(set(captions))
    if len(texts) < FEWEST_CAPTIONS:
        raise DataError(
            f"{len(texts)} different captions are too few to train a text encoder; "
            f"give at least {FEWEST_CAPTIONS}"
        )
    try:
        with whole_folder(out) as folder:
            return _distill_into(folder, texts, teacher, epochs, seed, on_epoch)
    except OSError as error:
        raise OutputError(
            f"--out '{out}' cannot be written ({error.strerror}); choose another folder"
        ) from error


def _distill_into(
    folder: Path,
    texts: Sequence[str],
    teacher: TextEncoder,
    epochs: int,
    seed: int,
    on_epoch: Callable[[int, float], None],
) -> DistillationReport:
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    texts = [str(text) for text in order.permutation(texts)]
    held_out = max(1, round(HELD_OUT * len(texts)))
    tokenizer = train_tokenizer(texts[held_out:])
    targets = torch.from_numpy(teacher.encode(texts))
    token_ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]

    student = SmallTextEncoder(tokenizer.get_vocab_size())
    _train(student, token_ids[held_out:], targets[held_out:], epochs, order, on_epoch)

    tokenizer.save(str(folder / "tokenizer.json"))
    write_onnx(
        student.eval(),
        (torch.tensor([token_ids[0][:2]] * 2),),
        folder / "text_encoder.onnx",
        inputs=["token_ids"],
        output="sentence_embedding",
        dynamic_axes=[{0: "batch", 1: "tokens"}],
    )
    exported = OnnxTextEncoder(folder, "small").encode(texts[:held_out])
    report = DistillationReport(
        teacher=str(teacher.identity),
        captions=len(texts),
        held_out=held_out,
        epochs=epochs,
        seed=seed,
        vocabulary=tokenizer.get_vocab_size(),
        parameters=sum(weight.numel() for weight in student.parameters()),
        mean_cosine=float((exported * targets[:held_out].numpy()).sum(axis=1).mean()),
        similarity_correlation=_similarity_correlation(exported, targets[:held_out].numpy()),
    )
    (folder / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report


def _train(
    student: SmallTextEncoder,
    token_ids: Sequence[Sequence[int]],
    targets: Tensor,
    epochs: int,
    order: np.random.Generator,
    on_epoch: Callable[[int, float], None],
) -> None:
    steps = epochs * sum(1 for _ in equal_length_batches(list(map(len, token_ids)), BATCH))
    optimiser = torch.optim.AdamW(student.parameters(), lr=PEAK_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_up_then_cosine(step, steps)
    )
    for epoch in range(epochs):
        # Equal lengths stay together; who shares a batch with whom changes with every epoch.
        shuffled = order.permutation(len(token_ids))
        batches = list(equal_length_batches([len(token_ids[row]) for row in shuffled], limit=BATCH))
        total = 0.0
        for number in order.permutation(len(batches)):
            rows = shuffled[batches[number]]
            with torch.autocast("cpu", torch.bfloat16):
                student_embedding = student(torch.tensor([token_ids[row] for row in rows]))
            loss = distillation_loss(student_embedding.float(), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        on_epoch(epoch + 1, total / len(batches))


def _similarity_correlation(student: Embeddings, teacher: Embeddings) -> float | None:
    """Correlate the cosines between different captions, the student's with the teacher's.

    Fewer than three captions have no correlation.
    """
    above = np.triu_indices(len(student), k=1)
    if len(above[0]) < 2:
        return None
    return float(np.corrcoef((student @ student.T)[above], (teacher @ teacher.T)[above])[0, 1])
