"""Training of text encoders."""
