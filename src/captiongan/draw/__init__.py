"""Drawing pictures of sentences with an opened bundle, without PyTorch."""
