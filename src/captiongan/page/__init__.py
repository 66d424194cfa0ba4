"""Pages that draw without a server: the studio, an engine in JavaScript, and bundles."""
