"""Training on a GPU that is lent for an hour: data there, runs back."""
