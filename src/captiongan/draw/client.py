"""Drawing on another machine: the methods of a `Pipeline`, executed by `captiongan serve`.

Needs the extra `client`.

    from captiongan import Client

    with Client("http://127.0.0.1:8000") as client:
        client.generate("a yellow flower", seed=7)[0].save("flower.png")
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from captiongan.draw.answers import (
    Facts,
    as_line,
    bundles_of,
    explanation_of,
    facts_of,
    interpolation_of,
    pictures_of,
    readings_of,
    refusal_of,
)
from captiongan.draw.explanation import Explanation
from captiongan.draw.interpolation import Interpolation
from captiongan.draw.picture import Picture
from captiongan.draw.prompts import warn_of
from captiongan.errors import CaptionganError

try:
    import httpx2 as httpx
except ModuleNotFoundError as error:
    raise CaptionganError(
        f"the client needs the package '{error.name}', which is not installed; install it: "
        "pip install 'captiongan[client]'"
    ) from error

LARGEST_ANSWER = 2**28
"""How many bytes of an answer are read."""

Result = TypeVar("Result")


class ServerError(CaptionganError):
    """An answer of a server that is not what was asked for, or no response.

    `status` is the HTTP status, 0 without a response. `field` names the part of the request to
    change. `retry_after` is how many seconds to wait if the server was busy (503).
    """

    def __init__(
        self,
        message: str,
        status: int = 0,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.retry_after = retry_after


class Client:
    """Draws on a server, bit by bit the same as a `Pipeline` with the same bundle there.

    Every method raises ServerError if the server does not respond, or responds with an error.
    Threads may share a client.
    """

    def __init__(self, address: str, token: str | None = None, timeout: float = 60.0) -> None:
        """Create a client; nothing is sent yet.

        Args:
            address: of the server, such as `http://127.0.0.1:8000`.
            token: the server's token, if it requires one.
            timeout: how many seconds to wait for a response.
        """
        self.address = address
        headers = {"Accept-Encoding": "identity"}  # what is packed unpacks to any size at once
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def bundles(self) -> dict[str, Mapping[str, Any]]:
        """Return the facts of the open bundles by name; the server's default comes first."""
        return self._ask("GET", "/v1/bundles", None, bundles_of)

    def generate(
        self,
        prompt: str | Sequence[str],
        n: int = 1,
        seed: int = 0,
        truncation: float = 1.0,
        around: int | None = None,
        strength: float = 0.3,
        bundle: str | None = None,
        best_of: int = 1,
    ) -> list[Picture]:
        """Draw as `Pipeline.generate` does, of several prompts one after the other.

        Warns as `Pipeline.generate` does.
        """
        asked = prompt if isinstance(prompt, str) else list(prompt)
        prompts = 1 if isinstance(asked, str) else len(asked)
        pictures, readings = self._ask(
            "POST",
            "/v1/generate",
            {
                "prompt": asked,
                "n": n,
                "seed": seed,
                "truncation": truncation,
                "around": around,
                "strength": strength,
                "best_of": best_of,
                "bundle": bundle,
            },
            lambda answer: (pictures_of(answer, prompts * n), readings_of(answer, prompts)),
        )
        warn_of(readings, as_line(pictures[0].bundle))
        return pictures

    def interpolate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int] = (0,),
        steps: int = 9,
        truncation: float = 1.0,
        bundle: str | None = None,
    ) -> Interpolation:
        """Draw as `Pipeline.interpolate` does."""
        stops = max(len(prompts), len(seeds))
        return self._ask(
            "POST",
            "/v1/interpolate",
            {
                "prompts": list(prompts),
                "seeds": list(seeds),
                "steps": steps,
                "truncation": truncation,
                "bundle": bundle,
            },
            lambda answer: interpolation_of(answer, stops, steps),
        )

    def explain(
        self, prompt: str, seed: int = 0, truncation: float = 1.0, bundle: str | None = None
    ) -> Explanation:
        """Explain as `Pipeline.explain` does."""
        return self._ask(
            "POST",
            "/v1/explain",
            {"prompt": prompt, "seed": seed, "truncation": truncation, "bundle": bundle},
            explanation_of,
        )

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        read: Callable[[Facts], Result],
    ) -> Result:
        """Return what `read` makes of an answer; raises ServerError whatever else comes."""
        status, headers, content = self._exchange(method, path, body)
        try:
            answer = facts_of(content)
            if 200 <= status < 300:
                return read(answer)
            message, field = refusal_of(answer)
        except ValueError as error:
            raise ServerError(
                f"server '{self.address}' answers {status} with something that captiongan does "
                f"not send ({as_line(str(error))}); check its address",
                status,
            ) from error
        seconds = headers.get("Retry-After", "")
        wait = int(seconds) if seconds.isdecimal() and len(seconds) < 10 else None
        raise ServerError(message, status, field, wait)

    def _exchange(
        self, method: str, path: str, body: Mapping[str, object] | None
    ) -> tuple[int, Mapping[str, str], bytearray]:
        """Send a request; return status, headers and body of the answer."""
        content = bytearray()
        try:
            with self._http.stream(method, path, json=body) as response:
                for piece in response.iter_raw():
                    content += piece
                    if len(content) > LARGEST_ANSWER:
                        raise ServerError(
                            f"server '{self.address}' answers with more than {LARGEST_ANSWER:,} "
                            "bytes; ask for fewer pictures, or check its address",
                            response.status_code,
                        )
        except httpx.HTTPError as error:
            raise ServerError(
                f"server '{self.address}' does not answer ({as_line(str(error))}); check its "
                "address, and that `captiongan serve` runs there"
            ) from error
        return response.status_code, response.headers, content
