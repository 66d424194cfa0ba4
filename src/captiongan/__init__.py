"""captiongan: draw pictures from sentences with a small text-conditional GAN, and train your own.

The plain install is the runtime: `load` a bundle, `generate` pictures, no PyTorch.

    import captiongan
    pipeline = captiongan.load("flowers")
    pictures = pipeline.generate("a yellow flower with pointed petals", n=4, seed=7)
    pictures[0].save("flower.png")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["CaptionganError", "Picture", "Pipeline", "__version__", "load"]

if TYPE_CHECKING:
    from captiongan.draw.pipeline import Picture, Pipeline, load
    from captiongan.errors import CaptionganError
    from captiongan.training.run import Run as Run
    from captiongan.training.run import train as train

_HOMES = {
    "CaptionganError": "captiongan.errors",
    "Picture": "captiongan.draw.pipeline",
    "Pipeline": "captiongan.draw.pipeline",
    "Run": "captiongan.training.run",
    "load": "captiongan.draw.pipeline",
    "train": "captiongan.training.run",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that `--help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'captiongan' has no attribute '{name}'")
    from importlib import import_module

    if not _HOMES[name].startswith("captiongan.training"):
        return getattr(import_module(_HOMES[name]), name)
    from captiongan.errors import needs_extra

    with needs_extra("train", f"captiongan.{name}", "the training half"):
        return getattr(import_module(_HOMES[name]), name)
