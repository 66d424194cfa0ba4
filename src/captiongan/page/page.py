"""Writes the studio as a page that needs no server: one file, or a folder for any web host."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from captiongan.base.files import replace_file, whole_folder
from captiongan.draw.picture import GENERATED, XMP_KEY
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import MAX_CHARACTERS
from captiongan.errors import CaptionganError, OutputError
from captiongan.page.modules import linked
from captiongan.page.parts import ENGINE, HERE, Parts
from captiongan.version import __version__

STATIC = HERE.parent / "web" / "static"

LIMITS = {"prompts": 16, "n": 64, "steps": 120, "prompt_characters": MAX_CHARACTERS}
"""How much one request of a page asks for at most."""

OPENING = (
    '<p id="opening">Opening … If this stays, the browser is too old, or the file is damaged: '
    "get it again.</p>\n"
    '<p id="loading" class="loading" role="status" hidden><label for="loading-bar">Loading</label> '
    '<progress id="loading-bar" max="1"></progress></p>\n'
)

LICENCES = (
    '<footer><details id="licences"><summary>Licences</summary>'
    '<pre id="licence-texts" tabindex="0" aria-label="Licences"></pre></details></footer>\n'
)


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
    return _html(site, "".join(blocks), connect="'none'").encode()


def _write_folder(pipelines: Sequence[Pipeline], out: Path) -> None:
    parts = Parts()
    site = _site(pipelines, parts)
    sizes = {name: len(content) for name, content in parts.contents.items()}
    site |= {"inside": False, "parts": sizes}
    files = {
        "index.html": _html(site, "", connect="'self'").encode(),
        "site.json": _json(site).encode(),
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
    }


def _html(site: Mapping[str, object], blocks: str, connect: str) -> str:
    """Return the studio's page with its style and script inside, and `blocks` at its end."""
    script, style = linked(ENGINE / "page.js"), (STATIC / "studio.css").read_text(encoding="utf-8")
    icon = base64.b64encode((STATIC / "icon.svg").read_bytes()).decode()
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}' 'wasm-unsafe-eval'; "
        f"style-src '{_digest(style)}'; img-src data: blob:; worker-src blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )
    end = (
        f'{LICENCES}<script type="application/json" id="site">{_json(site)}</script>\n'
        f'<script type="module">{script}</script>\n{blocks}'
    )
    changes = {
        r"<meta charset[^>]*>": rf'\g<0>\n<meta http-equiv="Content-Security-Policy" content="{policy}">',
        r'href="/static/icon.svg"': f'href="data:image/svg+xml;base64,{icon}"',
        r'<link rel="stylesheet"[^>]*>': f"<style>{style}</style>",
        r'\s*<script type="module" src=[^>]*></script>': "",
        r"<body>": f"<body>\n{OPENING}",
        r"</body>": f"{end}</body>",
    }
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    for pattern, text in changes.items():
        put = text if text.startswith("\\g") else (lambda _, text=text: text)
        page, count = re.subn(pattern, put, page)
        assert count == 1, pattern
    return page


def _digest(text: str) -> str:
    """Return a text's digest as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(facts: Mapping[str, object]) -> str:
    """Write JSON that no name or prompt can break out of in a page."""
    return json.dumps(facts).replace("<", "\\u003c")
