"""Colour binding: which part has which colour must be readable in an embedding.

A teacher that puts "white petals with a yellow centre" next to "yellow petals with a white centre"
(their cosine is 0.995 in MiniLM) teaches its student to do the same. Composed sentences know what
they bind, so here a linear read-out must find it in the student's embedding.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from captiongan.text.vocabulary import COLOURS, PARTS

SCALE = 20.0
UNSAID = -1

WHOLE = "the whole"
KINDS = (WHOLE, *dict.fromkeys(kind for parts in PARTS.values() for kind in parts))
"""What can have a colour: a whole thing of any kind, or a kind of part."""

_KIND_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
_COLOUR_NUMBER = {colour: number for number, colour in enumerate(COLOURS)}


def bindings(colours: Sequence[Mapping[str, str]]) -> Tensor:
    """Return the number of the colour of each of `KINDS`, or `UNSAID`: (N, kinds).

    `colours` names the colours of each text, as `Look.colours` does.
    """
    numbers = torch.full((len(colours), len(KINDS)), UNSAID, dtype=torch.int8)
    for row, said in enumerate(colours):
        for part, colour in said.items():
            numbers[row, _KIND_NUMBER.get(part, 0)] = _COLOUR_NUMBER[colour]
    return numbers


class ColourReadOut(nn.Module):
    """Reads the colour of each of `KINDS` off embeddings (B, dim): logits (B, kinds, colours).

    A logit is a scaled cosine with a direction of its own for each kind and colour. It is bounded,
    so large weights cannot amplify a small difference: the embeddings themselves must move apart.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(len(KINDS), len(COLOURS), dim))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return the logits of unit embeddings."""
        directions = F.normalize(self.directions, dim=2)
        return SCALE * torch.einsum("bd,pcd->bpc", embeddings, directions)


def binding_loss(logits: Tensor, colours: Tensor) -> Tensor:
    """Return the mean cross-entropy over the parts that have a colour, or 0 where none has.

    `logits` is (B, kinds, colours), `colours` (B, kinds) as `bindings` numbers them.
    """
    said = (colours != UNSAID).sum()
    wrong = F.cross_entropy(
        logits.flatten(0, 1), colours.flatten().long(), ignore_index=UNSAID, reduction="sum"
    )
    return wrong / said.clamp(min=1)
