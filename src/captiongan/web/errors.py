"""Errors of the API: one line in words, as JSON."""

import reprlib
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from captiongan.errors import CaptionganError, PromptError

NOT_JSON = 'the body is not JSON; send an object such as {"prompt": "a flower"}'

FIELDS = {
    "/v1/generate": {"prompts": "prompt"},
    "/v1/interpolate": {"prompt": "prompts", "seed": "seeds"},
}
"""Fields of requests whose names differ from the pipeline's arguments."""


class RefusedError(CaptionganError):
    """A refused request: the status of the answer, and the field at fault if it is one."""

    def __init__(
        self,
        status: int,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.headers = dict(headers or {})

    @classmethod
    def busy(cls, what: str) -> "RefusedError":
        """Return the refusal of a request beyond what the server can do now."""
        return cls(503, f"{what}; try again in a moment", headers={"Retry-After": "2"})

    @classmethod
    def of(cls, error: CaptionganError, fields: Mapping[str, str]) -> "RefusedError":
        """Return the refusal of a request that breaks a rule of the pipeline.

        `fields` maps the pipeline's arguments to the request's fields where the names differ.
        """
        if isinstance(error, cls):
            return error
        argument = error.argument if isinstance(error, PromptError) else None
        return cls(422, str(error), fields.get(argument or "", argument))

    def answer(self) -> Response:
        """Return the response."""
        return answer(self.status, str(self), self.field, self.headers)


def answer(
    status: int, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with an error, in the form that all errors of the API have."""
    printable = "".join(each if each.isprintable() else "?" for each in message)
    content = {"error": {"message": printable, "field": field}}
    return JSONResponse(content, status, headers)


def _of_validation(error: Mapping[str, object]) -> RefusedError:
    """Translate what pydantic found in a body: a value of the wrong type, an unknown field."""
    if error["type"] == "json_invalid":
        return RefusedError(400, NOT_JSON)
    place = error["loc"]
    assert isinstance(place, tuple)
    field = ascii(place[1])[1:-1][:60] if len(place) > 1 else None
    what = field or "the body"
    rule = str(error["msg"]).lower().removeprefix("input ")
    if error["type"] == "missing":
        return RefusedError(422, f"{what} is missing; add it", field)
    if error["type"] == "extra_forbidden":
        return RefusedError(422, f"{what} is no field of this request; remove it", field)
    return RefusedError(422, f"{what} {reprlib.repr(error['input'])} {rule}; fix it", field)


def answer_errors(app: FastAPI) -> None:
    """Give all errors of an application the form of `answer`."""

    @app.exception_handler(CaptionganError)
    async def rule(request: Request, error: CaptionganError) -> Response:
        return RefusedError.of(error, FIELDS.get(request.url.path, {})).answer()

    @app.exception_handler(RequestValidationError)
    async def kind(_: Request, error: RequestValidationError) -> Response:
        return _of_validation(error.errors()[0]).answer()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        words = {
            400: NOT_JSON,
            404: "there is nothing at this address; /openapi.json lists what there is",
            405: f"{request.method} is not allowed at this address; /openapi.json lists what is",
        }
        message = words.get(error.status_code, str(error.detail))
        return answer(error.status_code, message, headers=error.headers)
