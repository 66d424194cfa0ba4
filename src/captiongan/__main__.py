"""`python -m captiongan` is `captiongan`."""

from captiongan.cli import main

main()
