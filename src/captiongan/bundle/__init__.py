"""The bundle: the folder that turns a sentence into pictures, read and checked without PyTorch."""

from captiongan._moved import forward

__getattr__ = forward("captiongan.bundle", "captiongan.bundle.bundle")
