"""captiongan: draw pictures from sentences with a small text-conditional GAN, and train your own.

The plain install draws without PyTorch: `load` a bundle, `generate` pictures.

    import captiongan
    pipeline = captiongan.load("flowers")
    pictures = pipeline.generate("a yellow flower with pointed petals", n=4, seed=7)
    pictures[0].save("flower.png")

The names in `__all__` are the public API. Everything else may move between versions.
"""

from typing import TYPE_CHECKING, Any

from captiongan import _moved
from captiongan.version import __version__

if TYPE_CHECKING:
    from captiongan.base.image_reading import UnusablePictureError
    from captiongan.bulk.run import generate_all
    from captiongan.bundle.bundle import Bundle
    from captiongan.bundle.manifest import BundleManifest
    from captiongan.data.toy import toy_examples
    from captiongan.draw.client import Client, ServerError
    from captiongan.draw.explanation import Explanation
    from captiongan.draw.interpolation import Interpolation, line
    from captiongan.draw.noise import noise_of
    from captiongan.draw.picture import Picture, read_metadata
    from captiongan.draw.pipeline import Pipeline
    from captiongan.draw.prompts import PromptWarning, UnknownWordsWarning
    from captiongan.draw.sheet import grid, in_a_square, save_grid
    from captiongan.errors import (
        BulkError,
        BundleError,
        CaptionganError,
        ConfigError,
        DataError,
        OutputError,
        PromptError,
        RunError,
    )
    from captiongan.evaluation.candidate import of_generator
    from captiongan.evaluation.colours import colour_agreement
    from captiongan.evaluation.judge import judge
    from captiongan.loading import load
    from captiongan.networks.pixels import to_pictures
    from captiongan.runs.config import RunConfig
    from captiongan.runs.load_config import load_config
    from captiongan.training import losses, step
    from captiongan.training.run import Run, train
    from captiongan.training.trainer import Trainer

__all__ = [
    "BulkError",
    "Bundle",
    "BundleError",
    "BundleManifest",
    "CaptionganError",
    "Client",
    "ConfigError",
    "DataError",
    "Explanation",
    "Interpolation",
    "OutputError",
    "Picture",
    "Pipeline",
    "PromptError",
    "PromptWarning",
    "Run",
    "RunConfig",
    "RunError",
    "ServerError",
    "Trainer",
    "UnknownWordsWarning",
    "UnusablePictureError",
    "__version__",
    "bundles",
    "colour_agreement",
    "generate_all",
    "grid",
    "in_a_square",
    "judge",
    "line",
    "load",
    "load_config",
    "losses",
    "noise_of",
    "of_generator",
    "read_metadata",
    "save_grid",
    "step",
    "to_pictures",
    "toy_examples",
    "train",
]

_HOMES = {
    "BulkError": "captiongan.errors",
    "Bundle": "captiongan.bundle.bundle",
    "BundleError": "captiongan.errors",
    "BundleManifest": "captiongan.bundle.manifest",
    "CaptionganError": "captiongan.errors",
    "Client": "captiongan.draw.client",
    "ConfigError": "captiongan.errors",
    "DataError": "captiongan.errors",
    "Explanation": "captiongan.draw.explanation",
    "Interpolation": "captiongan.draw.interpolation",
    "OutputError": "captiongan.errors",
    "Picture": "captiongan.draw.picture",
    "Pipeline": "captiongan.draw.pipeline",
    "PromptError": "captiongan.errors",
    "PromptWarning": "captiongan.draw.prompts",
    "RunError": "captiongan.errors",
    "ServerError": "captiongan.draw.client",
    "UnknownWordsWarning": "captiongan.draw.prompts",
    "UnusablePictureError": "captiongan.base.image_reading",
    "generate_all": "captiongan.bulk.run",
    "grid": "captiongan.draw.sheet",
    "in_a_square": "captiongan.draw.sheet",
    "line": "captiongan.draw.interpolation",
    "load": "captiongan.loading",
    "noise_of": "captiongan.draw.noise",
    "read_metadata": "captiongan.draw.picture",
    "save_grid": "captiongan.draw.sheet",
    "toy_examples": "captiongan.data.toy",
}
"""The module of each name that is there without PyTorch."""

_TRAINING_HOMES = {
    "Run": "captiongan.training.run",
    "RunConfig": "captiongan.runs.config",
    "Trainer": "captiongan.training.trainer",
    "colour_agreement": "captiongan.evaluation.colours",
    "judge": "captiongan.evaluation.judge",
    "load_config": "captiongan.runs.load_config",
    "of_generator": "captiongan.evaluation.candidate",
    "to_pictures": "captiongan.networks.pixels",
    "train": "captiongan.training.run",
}
"""The module of each name that needs the extra `train`."""

_NAMESPACES = {
    "losses": "captiongan.training.losses",
    "step": "captiongan.training.step",
}
"""Modules that are public as a whole, as the lecture reads them."""

_moved.install()


def bundles() -> list[str]:
    """Return the names of the bundles that come with captiongan, sorted; `load` takes them."""
    from captiongan.bundle.bundle import shipped_bundles

    return shipped_bundles()


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that `import captiongan` and `--help` are quick."""
    from importlib import import_module

    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _TRAINING_HOMES or name in _NAMESPACES:
        from captiongan.errors import needs_extra

        with needs_extra("train", f"captiongan.{name}", "the training half"):
            home = import_module((_TRAINING_HOMES | _NAMESPACES)[name])
        value = home if name in _NAMESPACES else getattr(home, name)
    else:
        raise AttributeError(f"module 'captiongan' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
