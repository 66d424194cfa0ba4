"""Evaluation: what a score is, how it is measured, how it is reported."""
