"""PyTorch tools that several packages share: devices, processes, memory, optimiser state."""
