"""Measurements: what docs/ says of speed, scores and reliability, measured anew."""
