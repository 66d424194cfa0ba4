"""Small tools with PyTorch that several halves of the package share."""
