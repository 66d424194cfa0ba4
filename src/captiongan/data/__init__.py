"""From captioned folders to training pairs: the format, its checks and the built-in toy set."""
