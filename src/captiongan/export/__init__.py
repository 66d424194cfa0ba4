"""Export: from a checkpoint to a bundle."""

from captiongan._moved import forward

__getattr__ = forward("captiongan.export", "captiongan.export.export")
