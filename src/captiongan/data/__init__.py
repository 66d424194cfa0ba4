"""Captioned folders and training pairs: the format, its checks, the built-in toy set."""

TRAINED_SIDE = 64
"""Side of the pictures that most presets train on, in pixels; smaller pictures are rejected."""
