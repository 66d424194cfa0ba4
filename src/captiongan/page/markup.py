"""Pages as one HTML text: their style and their script inside, under a strict policy."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from captiongan.page.modules import linked
from captiongan.page.parts import ENGINE, HERE

STATIC = HERE.parent / "web" / "static"
"""The files of the studio, which the server serves as they are."""

OPENING = (
    '<div id="opening">\n'
    '<p lang="en">Opening … If this stays, the browser is too old, or the file is damaged: get it '
    "again.</p>\n"
    '<p lang="vi">Đang mở … Nếu dòng này không mất đi, trình duyệt quá cũ, hoặc tệp bị hỏng: hãy '
    "lấy lại tệp.</p>\n"
    "</div>\n"
    '<p id="loading" class="loading" role="status" hidden><label for="loading-bar">Loading</label> '
    '<progress id="loading-bar" max="1"></progress></p>\n'
)

LICENCES = (
    '<footer><details id="licences"><summary>Licences</summary>'
    '<pre id="licence-texts" tabindex="0" aria-label="Licences"></pre></details></footer>\n'
)


def markup(site: Mapping[str, object], blocks: str, connect: str) -> str:
    """Return the studio's page, which needs no server.

    Args:
        site: what its script is told, see `captiongan.page.page`.
        blocks: elements for its end.
        connect: what it may fetch, as a content security policy says it: `'none'` or `'self'`.
    """
    facts = f'<script type="application/json" id="site">{as_json(site)}</script>\n'
    return inlined(
        STATIC / "index.html",
        linked(ENGINE / "page.js"),
        [STATIC / "studio.css"],
        opening=OPENING,
        before=LICENCES + facts,
        after=blocks,
        runs=" 'wasm-unsafe-eval'",
        connect=connect,
    )


def inlined(
    page: Path,
    script: str,
    styles: Sequence[Path],
    *,
    opening: str = "",
    before: str = "",
    after: str = "",
    runs: str = "",
    connect: str = "'none'",
) -> str:
    """Return a page with its icon, style and script inside, under a strict policy.

    Args:
        page: the HTML file, which links to its icon, a style sheet and a script.
        script: the script.
        styles: the files of its style.
        opening: elements for its beginning.
        before: elements for its end, before the script, which can ask for them.
        after: elements behind the script.
        runs: what else may run besides the script, as a content security policy says it.
        connect: what it may fetch, as a content security policy says it.
    """
    style = "".join(each.read_text(encoding="utf-8") for each in styles)
    icon = base64.b64encode((STATIC / "icon.svg").read_bytes()).decode()
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'{runs}; "
        f"style-src '{_digest(style)}'; img-src data: blob:; worker-src blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )
    guard = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    changes = {
        r"(?<=<meta charset=\"utf-8\">\n)": guard,
        r'href="static/icon.svg"': f'href="data:image/svg+xml;base64,{icon}"',
        r'<link rel="stylesheet"[^>]*>': f"<style>{style}</style>",
        r'\s*<script type="module" src=[^>]*></script>': "",
        r"(?<=<body>\n)": opening,
        r"(?=</body>)": f'{before}<script type="module">{script}</script>\n{after}',
    }
    text = page.read_text(encoding="utf-8")
    for pattern, put in changes.items():
        text, count = re.subn(pattern, put.replace("\\", "\\\\"), text)
        assert count == 1, pattern
    return text


def as_json(facts: Mapping[str, object]) -> str:
    """Write JSON that no name or prompt can break out of in a page."""
    return json.dumps(facts).replace("<", "\\u003c")


def _digest(text: str) -> str:
    """Return a text's digest as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
