"""A training run on disk: its configuration, its folder, its checkpoints."""
