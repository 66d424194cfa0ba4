"""What everything that computes with PyTorch shares: processes, devices, Adam's state."""
