"""Drawing on another machine: the methods of a `Pipeline`, executed by `captiongan serve`.

Needs the extra `client`.

    from captiongan import Client

    with Client("http://127.0.0.1:8000") as client:
        client.generate("a yellow flower", seed=7)[0].save("flower.png")
"""

import base64
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

from PIL import Image

from captiongan.draw.interpolation import Interpolation
from captiongan.draw.picture import Picture
from captiongan.draw.prompts import UnknownWordsWarning
from captiongan.errors import CaptionganError

try:
    import httpx2 as httpx
except ModuleNotFoundError as error:
    raise CaptionganError(
        f"the client needs the package '{error.name}', which is not installed; install it: "
        "pip install 'captiongan[client]'"
    ) from error


class ServerError(CaptionganError):
    """A server's answer that is not a drawing, or no answer.

    `status` is that of HTTP, 0 if there was no answer. `field` names what to change in the request.
    `retry_after` is how many seconds to wait if the server was busy (503).
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
    """Draws on a server, the same to the last bit as a `Pipeline` with the same bundle there.

    Every method raises ServerError if the server does not answer, or answers with an error. Threads
    may share a client.
    """

    def __init__(self, address: str, token: str | None = None, timeout: float = 60.0) -> None:
        """Remember a server; nothing is sent yet.

        Args:
            address: of the server, such as `http://127.0.0.1:8000`.
            token: the server's token, if it requires one.
            timeout: how many seconds to wait for an answer.
        """
        self.address = address
        headers = {"Authorization": f"Bearer {token}"} if token else {}
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
        told = self._ask("GET", "/v1/bundles")
        bundles = sorted(told["bundles"], key=lambda bundle: bundle["name"] != told["default"])
        return {bundle["name"]: bundle for bundle in bundles}

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

        Warns with UnknownWordsWarning if the bundle knows some words but not all.
        """
        answer = self._ask(
            "POST",
            "/v1/generate",
            {
                "prompt": prompt if isinstance(prompt, str) else list(prompt),
                "n": n,
                "seed": seed,
                "truncation": truncation,
                "around": around,
                "strength": strength,
                "best_of": best_of,
                "bundle": bundle,
            },
        )
        for told in answer["prompts"]:
            if told["unknown_words"]:
                warnings.warn(
                    f"the text encoder of bundle '{answer['bundle']}' hardly knows these words: "
                    f"{', '.join(told['unknown_words'])}",
                    UnknownWordsWarning,
                    stacklevel=2,
                )
        return [
            Picture(
                _image(picture["png"]),
                picture["prompt"],
                picture["seed"],
                answer["bundle"],
                answer["version"],
                answer["truncation"],
                picture.get("around"),
                picture.get("strength"),
                picture.get("mirrored", False),
                picture.get("score"),
            )
            for picture in answer["pictures"]
        ]

    def interpolate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int] = (0,),
        steps: int = 9,
        truncation: float = 1.0,
        bundle: str | None = None,
    ) -> Interpolation:
        """Draw as `Pipeline.interpolate` does."""
        answer = self._ask(
            "POST",
            "/v1/interpolate",
            {
                "prompts": list(prompts),
                "seeds": list(seeds),
                "steps": steps,
                "truncation": truncation,
                "bundle": bundle,
            },
        )
        return Interpolation(
            [_image(frame) for frame in answer["frames"]],
            answer["prompts"],
            tuple(answer["seeds"]),
            answer["steps"],
            answer["bundle"],
            answer["version"],
            answer["truncation"],
            answer.get("mirrored", False),
        )

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ServerError(
                f"server '{self.address}' does not answer ({error}); check its address, and "
                "that `captiongan serve` runs there"
            ) from error
        try:
            answer = response.json()
            if response.is_success:
                return answer
            facts = answer["error"]
            message, field = str(facts["message"]), facts["field"]
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise ServerError(
                f"server '{self.address}' answers {response.status_code} with something "
                "that captiongan does not send; check its address",
                response.status_code,
            ) from error
        seconds = response.headers.get("Retry-After", "")
        raise ServerError(
            message, response.status_code, field, int(seconds) if seconds.isdecimal() else None
        )


def _image(png: str) -> Image.Image:
    with Image.open(io.BytesIO(base64.b64decode(png)), formats=("PNG",)) as image:
        return image.convert("RGB")
