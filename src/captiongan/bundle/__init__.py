"""The bundle: the folder that turns a sentence into pictures, read and checked without PyTorch."""
