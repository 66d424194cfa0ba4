"""The client in Python: what a pipeline of the same bundle would return."""

import base64
import gzip
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from captiongan.draw.client import Client, ServerError
from captiongan.draw.picture import Picture
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import PromptWarning, UnknownWordsWarning
from support.tiny_bundle import ranker, write_tiny_bundle
from support.web_server import serving

RED, YELLOW = "a red flower", "a yellow flower with pointed petals"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "token").write_text("open-sesame")
    bundle = write_tiny_bundle(folder / "tiny", ranker=ranker()).folder
    options = ("--bundle", bundle, "--bundle", "flowers", "--token-file", folder / "token")
    with serving(*options) as (address, _), Client(address, "open-sesame") as client:
        yield client


def same(one: Picture, other: Picture) -> bool:
    return one.metadata == other.metadata and one.image.tobytes() == other.image.tobytes()


def test_it_generates_what_the_pipeline_generates(client: Client, pipeline: Pipeline) -> None:
    drawn = client.generate([RED, YELLOW], 2, 7, 0.5, around=3, strength=0.4)
    expected = [
        picture
        for prompt in (RED, YELLOW)
        for picture in pipeline.generate(prompt, 2, 7, 0.5, around=3, strength=0.4)
    ]
    assert all(map(same, drawn, expected)) and len(drawn) == len(expected)
    assert same(client.generate(RED)[0], pipeline.generate(RED)[0])


def test_it_keeps_the_best_as_the_pipeline_does(client: Client, tmp_path: Path) -> None:
    pipeline = Pipeline(write_tiny_bundle(tmp_path / "tiny", ranker=ranker()))
    drawn, expected = (each.generate(RED, 2, 7, best_of=4) for each in (client, pipeline))
    assert all(map(same, drawn, expected))
    assert [each.score for each in drawn] == [each.score for each in expected] != [None, None]


def test_it_interpolates_what_the_pipeline_interpolates(client: Client, pipeline: Pipeline) -> None:
    drawn, expected = (
        each.interpolate([RED, YELLOW], [3, 8], 4, 0.5) for each in (client, pipeline)
    )
    assert drawn.encoded("png") == expected.encoded("png")


def test_it_explains_what_the_pipeline_explains(client: Client, pipeline: Pipeline) -> None:
    drawn, expected = (each.explain(YELLOW, 7, 0.5) for each in (client, pipeline))
    assert drawn.png() == expected.png()
    assert drawn.changes.tobytes() == expected.changes.tobytes()
    assert drawn.words == expected.words


def test_unknown_words_are_a_warning_at_the_caller(client: Client) -> None:
    with pytest.warns(UnknownWordsWarning, match="these words: mauve$") as caught:
        client.generate("a mauve flower")
    assert caught[0].filename == __file__


def test_bundles_are_known_by_name_and_the_default_comes_first(client: Client) -> None:
    bundles = client.bundles()
    assert list(bundles) == ["tiny", "flowers"]
    assert bundles["flowers"]["resolution"] == 64
    assert client.generate("a red flower", bundle="flowers")[0].image.size == (64, 64)


def test_what_the_server_refuses_is_an_error_in_its_words(client: Client) -> None:
    with pytest.raises(ServerError, match="n 0 is not a whole number") as caught:
        client.generate(RED, n=0)
    assert (caught.value.status, caught.value.field, caught.value.retry_after) == (422, "n", None)


def test_a_wrong_token_is_an_error(client: Client) -> None:
    with Client(client.address) as stranger, pytest.raises(ServerError, match="token") as no:
        stranger.bundles()
    assert no.value.status == 401


def test_no_answer_is_an_error_that_says_where() -> None:
    with (
        Client("http://127.0.0.1:9") as nobody,
        pytest.raises(ServerError, match=r"'http://127.0.0.1:9' does not answer") as caught,
    ):
        nobody.bundles()
    assert caught.value.status == 0


class Answering(BaseHTTPRequestHandler):
    status = 200
    content = b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Retry-After", "2")
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("answer_status", "answer_content", "reason", "retry_after"),
    [
        (200, b"<html>", "something that captiongan does not send", None),
        (502, b"\xff", "something that captiongan does not send", None),
        (500, b"[]", "something that captiongan does not send", None),
        (503, b'{"error": {"message": "later", "field": null}}', "^later$", 2),
    ],
)
def test_answers_of_others_and_of_busy_ones_are_errors(
    answer_status: int, answer_content: bytes, reason: str, retry_after: int | None
) -> None:
    class Handler(Answering):
        status = answer_status
        content = answer_content

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        with (
            Client(f"http://127.0.0.1:{server.server_port}") as client,
            pytest.raises(ServerError, match=reason) as caught,
        ):
            client.bundles()
    assert (caught.value.status, caught.value.retry_after) == (answer_status, retry_after)


# A server that lies


@contextmanager
def answering(content: bytes, **headers: str) -> Iterator[Client]:
    """Give a client of a server that says 200 and the same to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            with suppress(OSError):  # the client has read enough
                self.wfile.write(content)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            yield client


def png(side: int = 8) -> str:
    content = io.BytesIO()
    Image.new("RGB", (side, 1)).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


PICTURE = {"prompt": RED, "seed": 0, "mirrored": False, "png": png()}
GENERATED = {
    "bundle": "tiny",
    "version": "1",
    "truncation": 1.0,
    "pictures": [PICTURE],
    "prompts": [
        {
            "prompt": RED,
            "tokens": ["red"],
            "unknown_words": [],
            "suggestions": {},
            "weak_words": [],
            "off_topic": False,
            "cut": False,
        }
    ],
}
WAY = {
    "bundle": "tiny",
    "version": "1",
    "truncation": 1.0,
    "prompts": [RED, YELLOW],
    "seeds": [0],
    "steps": 2,
    "mirrored": False,
    "frames": [png(), png()],
}
BUNDLES = {"default": "tiny", "bundles": [{"name": "tiny"}]}
CALLS: dict[str, tuple[Callable[[Client], Any], dict[str, Any]]] = {
    "generate": (lambda client: client.generate(RED), GENERATED),
    "interpolate": (lambda client: client.interpolate([RED, YELLOW], steps=2), WAY),
    "bundles": (lambda client: client.bundles(), BUNDLES),
}
WRONG: tuple[object, ...] = (
    None,
    True,
    -1.5,
    10**400,
    float("nan"),
    "x",
    "\ud800",
    [],
    [None],
    [[]],
    {},
    {"a": {}},
)


@pytest.mark.parametrize("name", CALLS)
def test_an_honest_answer_is_taken(name: str) -> None:
    ask, honest = CALLS[name]
    with answering(json.dumps(honest).encode()) as client:
        assert ask(client)


def lies(honest: Any) -> Iterator[Any]:
    """Yield an answer with one part of it left out or replaced, wherever that is."""
    yield from WRONG
    if isinstance(honest, dict):
        for name, value in honest.items():
            yield {each: honest[each] for each in honest if each != name}
            yield from (honest | {name: lie} for lie in lies(value))
    if isinstance(honest, list) and honest:
        yield honest * 2
        yield from ([lie, *honest[1:]] for lie in lies(honest[0]))


@pytest.mark.filterwarnings("ignore::captiongan.PromptWarning")
@pytest.mark.parametrize("name", CALLS)
def test_whatever_a_server_says_is_an_answer_or_a_server_error(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, honest = CALLS[name]
    client, refused = Client("http://127.0.0.1:9"), 0
    for lie in lies(honest):
        content = json.dumps(lie).encode()
        monkeypatch.setattr(client, "_exchange", lambda *_, content=content: (200, {}, content))
        try:
            drawn = ask(client)
        except ServerError as error:
            refused += 1
            assert error.status == 200 and "\n" not in str(error)
        else:
            for each in drawn if isinstance(drawn, list) else [drawn]:
                if not isinstance(each, dict):
                    assert each.metadata
    assert refused > 20


@pytest.mark.parametrize(
    "picture",
    ["", "no base64!", "a" * 401, base64.b64encode(b"GIF89a").decode(), png()[:60], png(5000)],
)
def test_a_picture_that_is_none_or_too_large_is_a_server_error(picture: str) -> None:
    content = json.dumps(GENERATED | {"pictures": [PICTURE | {"png": picture}]}).encode()
    with answering(content) as client, pytest.raises(ServerError, match="does not send"):
        client.generate(RED)


def test_pictures_that_are_too_large_together_are_a_server_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("captiongan.draw.answers.MOST_PIXELS", 8 * 3 - 1)
    content = json.dumps(GENERATED | {"pictures": [PICTURE | {"png": png(8)}] * 3}).encode()
    with answering(content) as client, pytest.raises(ServerError, match="too many pixels"):
        client.generate(RED, n=3)


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff", b"[" * 100_000, b'{"a": ' * 100_000])
def test_an_answer_that_is_no_answer_is_a_server_error(content: bytes) -> None:
    with answering(content) as client, pytest.raises(ServerError, match="does not send"):
        client.generate(RED)


def test_an_answer_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("captiongan.draw.client.LARGEST_ANSWER", 2**20)
    with (
        answering(b" " * 2**24) as client,
        pytest.raises(ServerError, match="answers with more than 1,048,576 bytes"),
    ):
        client.bundles()


def test_an_answer_is_never_unpacked() -> None:
    packed = gzip.compress(gzip.compress(json.dumps(GENERATED).encode()))
    with (
        answering(packed, Content_Encoding="gzip, gzip") as client,
        pytest.raises(ServerError, match="does not send"),
    ):
        client.generate(RED)


def test_hints_are_warnings_in_the_words_of_a_pipeline() -> None:
    told = {"prompt": "no caat", "unknown_words": ["caat"], "suggestions": {"caat": "cat"}}
    answer = GENERATED | {"prompts": [told | {"weak_words": ["no"], "off_topic": True}]}
    with answering(json.dumps(answer).encode()) as client, pytest.warns(PromptWarning) as caught:
        client.generate("no caat")
    unknown, weak, off_topic = (str(warning.message) for warning in caught)
    assert unknown.endswith("these words: caat (did you mean 'cat'?)")
    assert weak == "bundle 'tiny' hardly follows words that negate or count: no"
    assert off_topic.startswith("bundle 'tiny' hardly knows sentences like 'no caat'")


def test_what_a_server_says_stays_on_its_line() -> None:
    answer = GENERATED | {"prompts": [{"unknown_words": ["mauve\n\x1b[2Jerror: gone"]}]}
    with (
        answering(json.dumps(answer).encode()) as client,
        pytest.warns(UnknownWordsWarning, match=r"^the text .* words: mauve  \[2Jerror: gone$"),
    ):
        client.generate(RED)
