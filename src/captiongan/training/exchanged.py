"""Captions with two colours exchanged: the hardest mismatching texts that a picture can have.

"A blue bird with a red belly" mismatches a red bird with a blue belly, in the same words. D must
see which part has which colour to tell (Yuksekgonul et al. 2023, arXiv 2210.01936).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from captiongan.bundle.text_encoder import TextEncoder
from captiongan.data.pairs import Indices
from captiongan.errors import DataError
from captiongan.text.colour_swap import swap_each


@dataclass(frozen=True)
class ExchangedCaptions:
    """The exchanged captions of a data set.

    `rows` (C,) has the row of each caption's exchanged one in `embeddings` (P, D), and -1 where a
    caption has none.
    """

    rows: Indices
    embeddings: Tensor

    @classmethod
    def of(
        cls, captions: Sequence[str], encoder: TextEncoder, device: torch.device
    ) -> "ExchangedCaptions":
        """Compose and encode the exchanged captions.

        Raises:
            DataError: no caption has one.
        """
        texts = swap_each(captions)
        numbers = {text: row for row, text in enumerate(dict.fromkeys(filter(None, texts)))}
        if not numbers:
            raise DataError(
                "losses.binding: no caption names two colours of two parts, as in 'white petals "
                "with a yellow centre'; set losses.binding=0"
            )
        rows = np.array([-1 if text is None else numbers[text] for text in texts])
        return cls(rows, torch.from_numpy(encoder.encode(list(numbers))).to(device))
