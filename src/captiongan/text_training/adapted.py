"""`small` with a second language: new tokens, and adapters that only texts with such tokens use.

The network that English goes through stays as it is. The new tokens have rows of their own (Artetxe
et al. 2020), and beside each attention and each feed-forward layer works one of low rank (adapters:
Houlsby et al. 2019, beside the layer as in He et al. 2022). A text without a new token multiplies
what they add by 0, so its embedding is that of the network before, to the bit.
"""

from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from captiongan.errors import DataError
from captiongan.text_training.small import SmallTextEncoder

ATTENTION_RANK, FEED_FORWARD_RANK = 16, 48


class Adapter(nn.Module):
    """A change of low rank: (B, T, width) to (B, T, out), at first 0."""

    def __init__(self, width: int, rank: int, out: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, out, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, tokens: Tensor, gate: Tensor) -> Tensor:
        """Return the change, times a gate (B, 1, 1)."""
        change: Tensor = self.up(gate * F.gelu(self.down(tokens)))
        return change


class AdaptedEncoder(nn.Module):
    """A trained `small`, frozen, with new tokens and adapters to train.

    Token ids from `len(base.token.weight)` on are the new ones.
    """

    def __init__(self, base: SmallTextEncoder, new_rows: Tensor) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.old_tokens = base.token.num_embeddings
        self.new_token: nn.Embedding | None = nn.Embedding.from_pretrained(new_rows, freeze=False)
        width = base.position.shape[1]
        layers = len(base.layers.layers)
        self.attention = nn.ModuleList(
            Adapter(width, ATTENTION_RANK, 3 * width) for _ in range(layers)
        )
        self.feed_forward = nn.ModuleList(
            Adapter(width, FEED_FORWARD_RANK, width) for _ in range(layers)
        )

    def forward(self, token_ids: Tensor) -> Tensor:
        """Encode token ids (B, T <= 64) to embeddings (B, dim) of length 1."""
        new = token_ids >= self.old_tokens
        gate = new.amax(dim=1)[:, None, None].to(self.base.position.dtype)
        tokens = self.base.widen(self._rows(token_ids, new))
        tokens = tokens + self.base.position[: token_ids.shape[1]]
        layers = zip(self.base.layers.layers, self.attention, self.feed_forward, strict=True)
        for layer, attention, feed_forward in layers:
            normal = layer.norm1(tokens)
            own = layer.self_attn
            projected = F.linear(normal, own.in_proj_weight, own.in_proj_bias)
            projected = projected + attention(normal, gate)
            tokens = tokens + own.out_proj(_attend(projected, own.num_heads))
            normal = layer.norm2(tokens)
            tokens = tokens + layer.linear2(F.gelu(layer.linear1(normal)))
            tokens = tokens + feed_forward(normal, gate)
        last = self.base.layers.norm
        assert last is not None
        mean = last(tokens).mean(dim=1)
        return F.normalize(self.base.to_embedding(mean), dim=1)

    def _rows(self, token_ids: Tensor, new: Tensor) -> Tensor:
        if self.new_token is None:
            rows: Tensor = self.base.token(token_ids)
            return rows
        old = self.base.token(token_ids.clamp(max=self.old_tokens - 1))
        learned = self.new_token((token_ids - self.old_tokens).clamp(min=0))
        return torch.where(new[:, :, None], learned, old)

    def join_tokens(self) -> None:
        """Put all tokens into one table, as the exported network has them."""
        if self.new_token is not None:
            rows = torch.cat([self.base.token.weight, self.new_token.weight.detach()])
            self.base.token, self.new_token = nn.Embedding.from_pretrained(rows), None


def _attend(projected: Tensor, heads: int) -> Tensor:
    """Return self-attention (B, T, width) of queries, keys and values (B, T, 3 * width)."""
    batch, length, _ = projected.shape
    query, key, value = (
        part.reshape(batch, length, heads, -1).transpose(1, 2) for part in projected.chunk(3, dim=2)
    )
    attended = F.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).reshape(batch, length, -1)


def read_small(file: Path) -> SmallTextEncoder:
    """Read the weights of `small` from its ONNX file.

    The exporter keeps the names of all weights but the matrices of products, which it transposes
    and leaves in the order of their use.

    Raises:
        DataError: it holds another network.
    """
    model = onnx.load(file)
    weights = {
        each.name.removesuffix(".half"): torch.from_numpy(numpy_helper.to_array(each).copy())
        for each in model.graph.initializer
    }
    weights = {name: each.float() for name, each in weights.items() if each.is_floating_point()}
    try:
        dim, width = weights["to_embedding.weight"].shape
        vocabulary, pieces = weights["token.weight"].shape
        network = SmallTextEncoder(vocabulary, dim, pieces, width)
        if pieces == width:
            network.widen = nn.Identity()
        names = network.state_dict().keys()
        products = [name for name in names if name not in weights]
        matrices = [
            each.T for name, each in weights.items() if name.startswith("val_") and each.dim() == 2
        ]
        named = {name: each for name, each in weights.items() if name in names}
        network.load_state_dict(
            named | dict(zip(_in_order_of_use(products), matrices, strict=True))
        )
    except (KeyError, ValueError, RuntimeError) as error:
        raise DataError(
            f"'{file}' is not the network `small` ({error}); name an encoder that `captiongan text "
            "train` wrote with --network small"
        ) from error
    return network


def _in_order_of_use(names: list[str]) -> list[str]:
    """Sort the names of matrices: the widening one first, then layer by layer."""
    return sorted(names, key=lambda name: ("widen" not in name, name.replace("self_attn", "a")))
