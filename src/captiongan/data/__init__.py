"""Captioned folders and training pairs: the format, its checks, the built-in toy set."""
