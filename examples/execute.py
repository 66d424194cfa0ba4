"""Run a notebook in place: its outputs are kept, the times at which its cells ran are not."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

path = Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
where = {"metadata": {"path": str(path.parent)}}
NotebookClient(notebook, record_timing=False, resources=where).execute()
nbformat.write(notebook, path)
