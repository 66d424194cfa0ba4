"""Writes the studio as a page that needs no server: one file, or a folder for any web host."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from captiongan.base.files import replace_file, whole_folder
from captiongan.draw.picture import GENERATED, XMP_KEY
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import MAX_CHARACTERS
from captiongan.errors import CaptionganError, OutputError
from captiongan.page.markup import as_json, markup
from captiongan.page.modules import linked
from captiongan.page.parts import ENGINE, HERE, Parts
from captiongan.page.playground import playground_file
from captiongan.version import __version__

LIMITS = {"prompts": 16, "n": 64, "steps": 120, "prompt_characters": MAX_CHARACTERS}
"""How much one request of a page asks for at most."""

LINK = '<footer><a href="playground.html">Playground: train a small GAN here</a></footer>\n'


def write_page(pipelines: Sequence[Pipeline], out: Path) -> None:
    """Write a page that draws with `pipelines`, the first being the default.

    Args:
        pipelines: the opened bundles, each with a name of its own.
        out: a file that ends in .html, which holds everything and is replaced if it exists; any
            other path is a folder, which must not exist or be empty.

    Raises:
        CaptionganError: two bundles have the same name.
        OutputError: `out` cannot be written.
    """
    check_output(out)
    try:
        if _is_file(out):
            replace_file(out, page_file(pipelines))
        else:
            _write_folder(pipelines, out)
    except OSError as error:
        raise OutputError(
            f"page '{out}' cannot be written ({error.strerror}); choose another place"
        ) from error


def check_output(out: Path) -> None:
    """Make sure that a page can be written to `out`, before there is one.

    Raises:
        OutputError: `out` is taken, or its folder is missing.
    """
    if _is_file(out) and (out.is_dir() or not out.parent.is_dir()):
        raise OutputError(f"page '{out}' cannot be a file there; name one in a folder that exists")
    if not _is_file(out) and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(
            f"page folder '{out}' exists and is not an empty folder; remove it, choose another, or "
            "name a file that ends in .html"
        )


def size_of(page: Path) -> int:
    """Return how many bytes a page has, in one file or in a folder."""
    files = page.rglob("*") if page.is_dir() else [page]
    return sum(file.stat().st_size for file in files if file.is_file())


def page_file(pipelines: Sequence[Pipeline]) -> bytes:
    """Return a page with everything in it, which opens by a double click.

    Raises:
        CaptionganError: two bundles have the same name.
    """
    parts = Parts()
    site = _site(pipelines, parts)
    texts = {name: base64.b64encode(content).decode() for name, content in parts.contents.items()}
    site |= {"inside": True, "parts": {name: len(text) for name, text in texts.items()}}
    blocks = (
        f'<script type="text/plain" id="part-{name}">{text}</script>\n'
        for name, text in texts.items()
    )
    return markup(site, "".join(blocks), connect="'none'").encode()


def _write_folder(pipelines: Sequence[Pipeline], out: Path) -> None:
    parts = Parts()
    site = _site(pipelines, parts)
    sizes = {name: len(content) for name, content in parts.contents.items()}
    site |= {"inside": False, "parts": sizes}
    files = {
        "index.html": markup(site, LINK, connect="'self'").encode(),
        "playground.html": playground_file(),
        "site.json": as_json(site).encode(),
        "captiongan-picture.js": linked(ENGINE / "picture.js").encode(),
        "example.html": (HERE / "example.html").read_bytes(),
    }
    files |= {f"parts/{name}": content for name, content in parts.contents.items()}
    with whole_folder(out) as folder:
        (folder / "parts").mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)


def _is_file(out: Path) -> bool:
    return out.suffix.lower() in (".html", ".htm")


def _site(pipelines: Sequence[Pipeline], parts: Parts) -> dict[str, object]:
    """Return what the page's script is told, and put the parts that it names into `parts`."""
    names = [pipeline.manifest.name for pipeline in pipelines]
    for name in names:
        if names.count(name) > 1:
            raise CaptionganError(
                f"bundle '{name}' is given twice; give one of the two another name with "
                "`captiongan export --name`"
            )
    return {
        "answer": {
            "default": names[0],
            "bundles": [_facts(pipeline) for pipeline in pipelines],
            "limits": LIMITS,
        },
        "files": {each.manifest.name: parts.add_bundle(each.bundle) for each in pipelines},
        "marks": {"software": f"captiongan {__version__}", XMP_KEY: GENERATED},
        **parts.add_runtime(),
    }


def _facts(pipeline: Pipeline) -> dict[str, object]:
    """Return what the studio and the engine need to know of a bundle."""
    manifest = pipeline.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "resolution": manifest.resolution,
        "noise_dim": manifest.noise_dim,
        "embedding_dim": manifest.embedding_dim,
        "mirror_by_seed": manifest.mirror_by_seed,
        "shipped": pipeline.bundle.is_shipped,
        "ranks": pipeline.bundle.has_ranker,
        "examples": list(manifest.sample_prompts),
        "subject": manifest.subject and asdict(manifest.subject),
    }
