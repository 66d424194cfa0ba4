"""Draws pictures of sentences with a bundle, without PyTorch."""
