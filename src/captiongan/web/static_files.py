"""The pages: a fixed list of files, so that no request can reach any other."""

from pathlib import Path

from fastapi import FastAPI, HTTPException, Response

STATIC = Path(__file__).parent / "static"

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""Media types of the files that are served, by their endings."""


def add_static_files(app: FastAPI, page: str) -> None:
    """Serve `page` at / and scripts, styles and icons at /static/NAME."""
    files = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
    others = {name: path for name, path in files.items() if path.suffix != ".html"}

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return _content(files[page])

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in others:
            raise HTTPException(404)
        return _content(others[name])


def _content(path: Path) -> Response:
    headers = {"Cache-Control": "no-cache"}
    return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers=headers)
