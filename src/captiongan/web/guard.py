"""The middlewares that stand before every route, in their order."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

<<<<<<< HEAD
from captiongan.web.errors import RefusedError, answer
from captiongan.web.limits import Limits

logger = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer tells a browser."""

OPEN = ("/", "/healthz", "/openapi.json")
"""What needs no token, beside all below /static/: the page itself asks for it."""


HUNG_UP = 499
"""The status under which a request is counted whose client did not wait for the answer."""


@dataclass(frozen=True)
class Access:
    """Who may ask: with which `token`, under which `hosts`, from pages of which `origins`.

    Without a token anyone may, without `hosts` under any name, and pages of other origins only if
    named.
    """

    token: str | None = None
    hosts: Collection[str] = ()
    origins: Collection[str] = ()

    def check(self, path: str, headers: Headers) -> None:
        """Raise RefusedError unless a request with these headers may have an answer."""
        host = headers.get("host", "").rpartition("@")[2]
        if self.hosts and _without_port(host) not in self.hosts:
            raise RefusedError(
                421, f"this server is not {host!a:.100}; call it by its name, or --allow-host it"
            )
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        reads = path in OPEN and headers.get("sec-fetch-mode") == "navigate"
        if foreign and not reads and headers.get("origin") not in self.origins:
            raise RefusedError(
                403,
                "pages of other origins may not ask; open this server's own page, or "
                "--allow-origin the other",
            )
        if self.token is None or path in OPEN or path.startswith("/static/"):
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not same:
            raise RefusedError(
                401,
                "this server wants a token; send it as the header Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
=======
from captiongan.web.access import Access, AccessControl
from captiongan.web.limits import Limits
from captiongan.web.outcome import Outcome
from captiongan.web.request_limits import RequestLimits
from captiongan.web.security_headers import SecurityHeaders
>>>>>>> web


def guard(
    app: FastAPI,
    limits: Limits,
    access: Access,
    answered: Callable[[str, int, float], None] = lambda *_: None,
) -> None:
    """Put the middlewares before an application, the innermost first.

    Args:
        app: the application.
        limits: what one request may take.
        access: which clients may send requests.
        answered: receives the path, the status and the seconds of each request.
    """
    app.add_middleware(RequestLimits, limits=limits)
    app.add_middleware(AccessControl, access=access)
    app.add_middleware(Outcome, answered=answered)
    if access.origins:  # outside of Outcome, so that those pages can read refusals too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )
    app.add_middleware(SecurityHeaders)
