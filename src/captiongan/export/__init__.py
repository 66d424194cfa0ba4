"""Export: from a checkpoint to a bundle."""
