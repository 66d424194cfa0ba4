"""`char-cnn-rnn`: the character-level text encoder of the GAN that GAN-CLS comes from.

Reed et al. 2016, "Learning Deep Representations of Fine-grained Visual Descriptions"
(arXiv 1605.05395), as used in their "Generative Adversarial Text to Image Synthesis"
(arXiv 1605.05396). Convolutions find parts of words anywhere, and a recurrent network reads
them in order. Of the released variants this is the one with a ReLU recurrence over eight places;
the other, a GRU over eighteen, is 1.4 times as large.

As there, 201 characters go in and the eight places see the first 192 of them: the rest fills no
stride of the last pooling.

It departs from the released networks (github.com/reedscot/cvpr2016 and icml2016) where that costs
nothing:

- The embedding has 384 numbers and length 1, as that of our other encoders; theirs has 1024 and any
  length.
- Accents are stripped, and tabs and line breaks are spaces. There, each was unknown.
- The alphabet has 69 characters: in their string of 70 the hyphen stands twice.
- The recurrence has one bias; there, a second one joins after the first place.
"""

import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import Split
from torch import Tensor, nn

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-,;.!?:'\"/\\|_@#$%^&*~`+=<>()[]{} "
MAX_CHARACTERS = 201
BLANK = "[BLANK]"
BLANK_ID = 0
WIDTH = 512
LARGEST_FIRST_WEIGHT = 0.08


def character_tokenizer() -> Tokenizer:
    """Return the tokenizer with a token for each character: always 201 ids, 0 to 69.

    Lower case, accents stripped. Id 0, the blank, stands for a character outside `ALPHABET` and
    pads a short text; a long one is cut. The unknown words of an encoder with this tokenizer are
    the letters and digits of other scripts.
    """
    characters = {character: token_id for token_id, character in enumerate(ALPHABET, BLANK_ID + 1)}
    tokenizer = Tokenizer(WordLevel({BLANK: BLANK_ID, **characters}, unk_token=BLANK))
    tokenizer.normalizer = BertNormalizer(lowercase=True, handle_chinese_chars=False)
    tokenizer.pre_tokenizer = Split(Regex("."), behavior="isolated")
    tokenizer.enable_truncation(MAX_CHARACTERS)
    tokenizer.enable_padding(length=MAX_CHARACTERS, pad_id=BLANK_ID, pad_token=BLANK)
    return tokenizer


class CharCnnRnn(nn.Module):
    """Convolutions and a recurrence from characters (B, 201) to unit embeddings (B, dim).

    `vocabulary` counts the ids, the blank among them. 2.7 M parameters; the first ones are drawn
    as in the released code.
    """

    def __init__(self, vocabulary: int, dim: int = 384) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.convolutions = nn.Sequential(
            _convolution(vocabulary - 1, 384, pool_stride=3),
            _convolution(384, 512, pool_stride=3),
            _convolution(512, WIDTH, pool_stride=2),
        )
        self.from_place = nn.Linear(WIDTH, WIDTH)
        self.from_state = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_embedding = nn.Linear(WIDTH, dim)
        for weight in self.parameters():
            nn.init.uniform_(weight, -LARGEST_FIRST_WEIGHT, LARGEST_FIRST_WEIGHT)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode token ids (B, 201) to embeddings (B, dim) of length 1."""
        one_hot = F.one_hot(token_ids, self.vocabulary)[:, :, BLANK_ID + 1 :].float()
        rows = one_hot.unsqueeze(1).permute(0, 3, 1, 2)
        places = self.convolutions(rows).squeeze(2).transpose(1, 2)
        states = self._read(self.from_place(places))
        return F.normalize(self.to_embedding(states.mean(dim=1)), dim=1)

    def _read(self, places: Tensor) -> Tensor:
        """Return the states of the recurrence (B, T, WIDTH) over `places` of the same shape."""
        first, *others = places.unbind(dim=1)
        states = [F.relu(first)]
        for place in others:
            states.append(F.relu(place + self.from_state(states[-1])))
        return torch.stack(states, dim=1)


def _convolution(inputs: int, outputs: int, pool_stride: int) -> nn.Sequential:
    """Return a convolution over four places, with pooling, of texts as pictures of one row.

    Pooling before the ReLU gives the same as after it. Both that and two dimensions, which keep the
    channels last in memory, are for speed: together they almost halve the time of a step.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, (1, 4)),
        nn.MaxPool2d((1, 3), (1, pool_stride)),
        nn.ReLU(),
    )
