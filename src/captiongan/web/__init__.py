"""The web half: an HTTP API that draws, and the pages that show it. Needs the extra `serve`."""
