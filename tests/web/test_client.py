"""The client in Python: what a pipeline of the same bundle would return."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from captiongan.draw.client import Client, ServerError
from captiongan.draw.picture import Picture
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import UnknownWordsWarning
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
