"""Drawing: from sentences to pictures with ONNX Runtime, without PyTorch."""
