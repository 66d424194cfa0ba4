"""The middlewares that stand before every route, in their order."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from captiongan.web.access import Access, AccessControl
from captiongan.web.limits import Limits
from captiongan.web.outcome import Outcome
from captiongan.web.request_limits import RequestLimits
from captiongan.web.security_headers import SecurityHeaders


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
