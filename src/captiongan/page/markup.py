"""The studio's page as one HTML text: its style and its script inside, under a strict policy."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping

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
    script, style = linked(ENGINE / "page.js"), (STATIC / "studio.css").read_text(encoding="utf-8")
    icon = base64.b64encode((STATIC / "icon.svg").read_bytes()).decode()
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}' 'wasm-unsafe-eval'; "
        f"style-src '{_digest(style)}'; img-src data: blob:; worker-src blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )
    end = (
        f'{LICENCES}<script type="application/json" id="site">{as_json(site)}</script>\n'
        f'<script type="module">{script}</script>\n{blocks}'
    )
    guard = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    changes = {
        r"(?<=<meta charset=\"utf-8\">\n)": guard,
        r'href="static/icon.svg"': f'href="data:image/svg+xml;base64,{icon}"',
        r'<link rel="stylesheet"[^>]*>': f"<style>{style}</style>",
        r'\s*<script type="module" src=[^>]*></script>': "",
        r"(?<=<body>\n)": OPENING,
        r"(?=</body>)": end,
    }
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    for pattern, text in changes.items():
        page, count = re.subn(pattern, text.replace("\\", "\\\\"), page)
        assert count == 1, pattern
    return page


def as_json(facts: Mapping[str, object]) -> str:
    """Write JSON that no name or prompt can break out of in a page."""
    return json.dumps(facts).replace("<", "\\u003c")


def _digest(text: str) -> str:
    """Return a text's digest as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
