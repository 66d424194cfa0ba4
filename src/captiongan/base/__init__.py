"""What every room stands on: files, threads, schemas; without PyTorch."""
