"""Training of text encoders."""

from captiongan._moved import forward

__getattr__ = forward("captiongan.text_training", "captiongan.text_training.train")
