"""Inception, the extractor of the usual FID, as torch-fidelity ports it from TensorFlow.

It comes as the extra `inception`, for machines that can reach the weights: torch-fidelity fetches
them from GitHub when they are first used, and keeps them in the folder of `torch.hub`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from captiongan.base.files import sha256_of
from captiongan.errors import ConfigError
from captiongan.evaluation.extractors import Extractor, ExtractorIdentity, NetworkExtractor

FEATURES = 2048
"""Length of the features, the mean over places of the last block ("pool3")."""

SIDE = 299
OTHERWISE = "or choose another extractor: --extractor lite1"


def inception_extractor(device: torch.device) -> Extractor:
    """Return Inception v3 (Szegedy et al. 2016) with the weights of 2015-12-05.

    The network of the Fréchet Inception Distance (Heusel et al. 2017). It resizes pictures itself,
    without antialiasing, as TensorFlow 1 did, because the published scores were measured that way.

    Raises:
        ConfigError: torch-fidelity cannot be imported, or its weights can neither be found nor
            fetched, or are damaged.
    """
    network, weights = _open_published()
    identity = ExtractorIdentity(
        "inception", FEATURES, SIDE, "bilinear as TensorFlow 1 did", sha256_of(weights)
    )
    return NetworkExtractor(identity, _OneOutput(network), _as_is, device)


class _OneOutput(nn.Module):
    """torch-fidelity returns a tuple: a tensor for each requested kind of features."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the only features: (B, 2048) of levels (B, 3, H, W) uint8."""
        features: Tensor
        (features,) = self.network(pictures)
        return features


def _as_is(pictures: Tensor) -> Tensor:
    return pictures


def _open_published() -> tuple[nn.Module, Path]:
    """Return torch-fidelity's network and the file of its weights; raises ConfigError."""
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as published
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision for another PyTorch
        raise ConfigError(
            f"extractor 'inception' needs torch-fidelity, which cannot be imported ({error}); "
            f"pip install 'captiongan[inception]', {OTHERWISE}"
        ) from error
    address = published.URL_INCEPTION_V3
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(address).name
    try:
        network: nn.Module = published.FeatureExtractorInceptionV3(
            "inception-v3-compat", [str(FEATURES)], verbose=False
        )
    except OSError as error:
        raise ConfigError(
            f"extractor 'inception': its weights cannot be fetched from {address} ({error}); "
            f"copy them to '{file}', {OTHERWISE}"
        ) from error
    except Exception as error:  # a damaged pickle may raise any
        raise ConfigError(
            f"extractor 'inception': its weights '{file}' cannot be read "
            f"({type(error).__name__}); remove the file and try again, {OTHERWISE}"
        ) from error
    return network, file
