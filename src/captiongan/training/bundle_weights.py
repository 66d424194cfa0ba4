"""The weights in a bundle as state dicts, for another training to start from."""

import reprlib
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from captiongan.bundle.bundle import Bundle
from captiongan.bundle.manifest import CRITIC_FILE, GENERATOR_FILE, MANIFEST
from captiongan.bundle.onnx_check import check_onnx
from captiongan.errors import BundleError
from captiongan.networks.registry import NETWORKS, UNFOLDED_NETWORKS

PREFIX, HALF = "generator.", ".half"
"""What the exporter adds to the name of a weight, and of one in half precision."""


def read_generator(bundle: Bundle) -> dict[str, Tensor]:
    """Read the state dict of a bundle's generator, in single precision.

    Raises:
        BundleError: the network is none of `UNFOLDED_NETWORKS`, or the generator cannot be read or
            has values that are not finite.
    """
    check_unfolded(bundle)
    stored = _stored(bundle)
    weights = {
        name.removeprefix(PREFIX): values
        for name, values in stored.items()
        if name.startswith(PREFIX)
    }
    if "wording" not in weights:
        weights["wording"] = _folded_wording(bundle, stored)
    return _finite(bundle, GENERATOR_FILE, weights)


def read_critic(bundle: Bundle) -> dict[str, Tensor] | None:
    """Read the state dict of a bundle's discriminator, in single precision; None if it has none.

    Raises:
        BundleError: it cannot be read, or holds values that are not finite.
    """
    if not bundle.has_critic:
        return None
    try:
        weights = {
            name: values.float() if values.is_floating_point() else values
            for name, values in load(bundle.read(CRITIC_FILE)).items()
        }
    except (KeyError, RuntimeError, SafetensorError) as error:
        raise _unusable(bundle, CRITIC_FILE, f"cannot be read as safetensors ({error})") from error
    return _finite(bundle, CRITIC_FILE, weights)


def check_unfolded(bundle: Bundle) -> None:
    """Check that a bundle's generator can be read back.

    Raises:
        BundleError: its network is none of `UNFOLDED_NETWORKS`.
    """
    config = bundle.manifest.training.config
    # A configuration without `network` dates from before that option.
    network = config.get("network", "dcgan") if config else None
    if network in UNFOLDED_NETWORKS:
        return
    name, usable = bundle.manifest.name, " or ".join(UNFOLDED_NETWORKS)
    if isinstance(network, str) and network in NETWORKS and NETWORKS[network].has_batch_norm:
        raise BundleError(
            f"bundle '{name}' was trained by network '{network}', whose BatchNorm is folded into "
            f"its weights; start from a bundle of {usable}"
        )
    found = "missing" if network is None else reprlib.repr(network)
    raise BundleError(
        f"bundle '{name}': 'training > config > network' in {MANIFEST} is {found}, must be "
        f"{usable}; start from another bundle"
    )


def _stored(bundle: Bundle) -> dict[str, Tensor]:
    """Return all initializers in single precision, by their names without `HALF`."""
    content = bundle.read(GENERATOR_FILE)
    try:
        check_onnx(content, GENERATOR_FILE)
        return {
            weight.name.removesuffix(HALF): _tensor(weight)
            for weight in onnx.load_model_from_string(content).graph.initializer
        }
    except Exception as error:  # foreign bytes may raise any
        raise _unusable(bundle, GENERATOR_FILE, f"cannot be read ({error})") from error


def _tensor(weight: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(weight).astype(np.float32))


def _folded_wording(bundle: Bundle, stored: Mapping[str, Tensor]) -> Tensor:
    """Return the buffer `wording` (D, noise_dim // 4) of `networks/fusion.py`.

    The forward pass transposes it, an operation called `permute`. The exporter computes that once
    and stores the result under the operation's name.
    """
    if "permute" not in stored:
        raise _unusable(bundle, GENERATOR_FILE, "has no weight 'generator.wording' or 'permute'")
    return stored["permute"].transpose(0, -1).contiguous()


def _finite(bundle: Bundle, file: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for name, values in weights.items():
        if not values.isfinite().all():
            raise _unusable(
                bundle, file, f"holds values in {reprlib.repr(name)} that are not finite"
            )
    return weights


def _unusable(bundle: Bundle, file: str, fault: str) -> BundleError:
    return BundleError(
        f"bundle '{bundle.folder}': {file} {' '.join(fault.split())}; "
        "write the bundle again with `captiongan export`, or start from another"
    )
