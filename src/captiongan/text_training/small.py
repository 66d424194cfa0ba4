"""`small`: our own text encoder, 3.3 M parameters, small enough for a bundle.

Word pieces, a few transformer layers, the mean over the tokens, one unit vector. `distill.py` and
`align.py` train it; everywhere else it runs from ONNX.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer
from torch import Tensor, nn

MAX_TOKENS = 64
UNKNOWN, START = "[UNK]", "[CLS]"


def train_tokenizer(texts: Sequence[str], vocabulary: int = 12_000) -> Tokenizer:
    """Learn word pieces from texts: lower case, accents stripped, 64 tokens at most.

    A text becomes a start mark and its pieces; frequent words stay whole. The same texts give the
    same pieces.
    """
    learner = _tokenizer(WordPiece(unk_token=UNKNOWN))
    letters = sorted({letter for text in texts for letter in _letters(learner, text)})
    # Ties between pieces go by number, and the trainer numbers letters in no fixed order. So they
    # are numbered beforehand.
    first = [UNKNOWN, START, *letters, *(f"##{letter}" for letter in letters)]
    learner.train_from_iterator(
        texts,
        WordPieceTrainer(
            vocab_size=vocabulary, min_frequency=3, special_tokens=first, show_progress=False
        ),
    )
    tokenizer = _tokenizer(WordPiece(learner.get_vocab(), unk_token=UNKNOWN))
    tokenizer.add_special_tokens([UNKNOWN, START])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, tokenizer.token_to_id(START))]
    )
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _tokenizer(model: WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def _letters(tokenizer: Tokenizer, text: str) -> set[str]:
    return set("".join(tokenizer.normalizer.normalize_str(text).split()))


class SmallTextEncoder(nn.Module):
    """Transformer from token ids (B, T) to unit embeddings (B, dim). Nothing is padded or masked.

    Pre-norm layers (Xiong et al. 2020), learned positions, mean over the tokens. A token has
    `pieces` numbers of its own, which a shared matrix widens (Lan et al. 2020), so that the
    vocabulary does not take most of the weights.
    """

    def __init__(
        self,
        vocabulary: int,
        dim: int = 384,
        pieces: int = 128,
        width: int = 256,
        layers: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, pieces)
        self.widen: nn.Module = nn.Linear(pieces, width, bias=False)
        self.position = nn.Parameter(torch.zeros(MAX_TOKENS, width))
        layer = nn.TransformerEncoderLayer(
            width,
            heads,
            4 * width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(
            layer, layers, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.to_embedding = nn.Linear(width, dim)
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.position, std=0.02)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode token ids (B, T <= 64) to embeddings (B, dim) of length 1."""
        tokens = self.widen(self.token(token_ids)) + self.position[: token_ids.shape[1]]
        return F.normalize(self.to_embedding(self.layers(tokens).mean(dim=1)), dim=1)
