"""Evaluation: what a score is, how it is measured, how it is told."""

CANDIDATES = 100
"""Among so many captions, a picture's own must be the nearest."""
