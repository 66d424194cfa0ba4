"""Who may ask, how much, how long, and what every answer carries."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.types import Message

from captiongan.bundle.bundle import Bundle
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import CaptionganError
from captiongan.web.access import Access
from captiongan.web.app import create_app
from captiongan.web.limits import Limits
from captiongan.web.outcome import HUNG_UP, Outcome
from captiongan.web.request_limits import RequestLimits
from captiongan.web.security_headers import SECURITY_HEADERS
from support.web_server import HeldPipeline, asking

ASKED = {"prompt": "a red flower", "n": 2}
OWN = {"sec-fetch-site": "same-origin", "origin": "http://testserver"}
FOREIGN = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}


@pytest.fixture
def held(tiny: Bundle) -> Iterator[HeldPipeline]:
    pipeline = HeldPipeline(tiny)
    yield pipeline
    pipeline.go.set()


def error_of(answer: object) -> str:
    return str(answer.json()["error"]["message"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/studio.css", 200),
        ("GET", "/static/app.py", 404),
        ("GET", "/static/index.html", 404),
        ("GET", "/static/..%2fapp.py", 404),
        ("GET", "/static/%00", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/bundles", 200),
        ("GET", "/v1/generate", 405),
        ("POST", "/v1/generate", 422),
        ("DELETE", "/v1/bundles", 405),
        ("GET", "/metrics", 200),
        ("GET", "/healthz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/%ff%fe", 404),
    ],
)
def test_every_answer_has_the_security_headers_and_every_error_the_one_form(
    pipeline: Pipeline, method: str, path: str, status: int
) -> None:
    with asking([pipeline]) as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["cache-control"] in ("no-store", "no-cache")
    if status >= 400:
        assert answer.json()["error"].keys() == {"message", "field"}


def test_the_token_opens_and_nothing_else_does(pipeline: Pipeline) -> None:
    with asking([pipeline], access=Access(token="open-sesame")) as client:
        for path in ("/v1/bundles", "/metrics", "/nowhere"):
            for given in ("", "Bearer", "Bearer open", "Bearer open-sesame2", "Basic open-sesame"):
                answer = client.get(path, headers={"Authorization": given})
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        answer = client.get("/v1/bundles", headers={b"Authorization": b"Bearer \xff\xfe"})
        assert answer.status_code == 401
        right = {"Authorization": "Bearer open-sesame"}
        assert client.get("/v1/bundles", headers=right).status_code == 200
        assert client.post("/v1/generate", json=ASKED, headers=right).status_code == 200
        assert client.post("/v1/generate", json=ASKED).status_code == 401
        for path in ("/", "/static/studio.css", "/healthz", "/openapi.json"):
            assert client.get(path).status_code == 200


def test_a_page_of_another_origin_may_not_ask(pipeline: Pipeline) -> None:
    with asking([pipeline]) as client:
        assert client.post("/v1/generate", json=ASKED, headers=OWN).status_code == 200
        answer = client.post("/v1/generate", json=ASKED, headers=FOREIGN)
        assert (answer.status_code, "other origins" in error_of(answer)) == (403, True)
        assert "access-control-allow-origin" not in answer.headers
        preflight = client.options(
            "/v1/generate", headers=FOREIGN | {"access-control-request-method": "POST"}
        )
        assert preflight.status_code == 403
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert client.get("/", headers=link).status_code == 200  # a shared link
        assert client.get("/v1/bundles", headers=link).status_code == 403


def test_a_page_of_an_origin_that_is_allowed_may_ask(pipeline: Pipeline) -> None:
    origin = FOREIGN["origin"]
    with asking([pipeline], access=Access(token="word", origins=[origin])) as client:
        asks = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        preflight = client.options("/v1/generate", headers=FOREIGN | asks)
        assert preflight.status_code == 200
        answer = client.post(
            "/v1/generate", json=ASKED, headers=FOREIGN | {"Authorization": "Bearer word"}
        )
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
        other = FOREIGN | {"origin": "https://third.example"}
        assert client.post("/v1/generate", json=ASKED, headers=other).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("rebound.example", 421),
        ("localhost.rebound.example:8000", 421),
        ("", 421),
    ],
)
def test_a_server_with_names_answers_to_no_other(
    pipeline: Pipeline, host: str, status: int
) -> None:
    with asking([pipeline], access=Access(hosts=["localhost", "::1"])) as client:
        assert client.get("/v1/bundles", headers={"Host": host}).status_code == status


def test_a_body_is_not_read_beyond_the_limit(pipeline: Pipeline) -> None:
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b" " * 100

    with asking([pipeline], Limits(body_bytes=1000)) as client:
        declared = client.post("/v1/generate", content=b" " * 1001)
        streamed = client.post("/v1/generate", content=body())
    for answer in (declared, streamed):
        assert (answer.status_code, "more than 1000 bytes" in error_of(answer)) == (413, True)


def test_who_asks_beyond_the_limit_of_requests_is_told_to_come_again(held: HeldPipeline) -> None:
    with asking([held], Limits(requests=1)) as client, ThreadPoolExecutor(1) as other:
        first = other.submit(client.post, "/v1/generate", json=ASKED)
        assert held.begun.wait(60)
        answer = client.post("/v1/generate", json=ASKED)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert client.get("/healthz").status_code == 200
        held.go.set()
        assert first.result().status_code == 200
        assert client.post("/v1/generate", json=ASKED).status_code == 200


def test_a_full_queue_is_told_so_and_counted(held: HeldPipeline) -> None:
    with asking([held], Limits(queue=2)) as client, ThreadPoolExecutor(2) as others:
        first = others.submit(client.post, "/v1/generate", json=ASKED)
        assert held.begun.wait(60)
        second = others.submit(client.post, "/v1/generate", json=ASKED)
        while "captiongan_waiting_pictures 2.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        answer = client.post("/v1/generate", json=ASKED)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        held.go.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)
        metrics = client.get("/metrics").text
    assert 'captiongan_requests_total{path="/v1/generate",status="503"} 1.0' in metrics
    assert 'captiongan_requests_total{path="/v1/generate",status="200"} 2.0' in metrics


def test_what_takes_too_long_is_given_up_and_not_drawn_later(held: HeldPipeline) -> None:
    with asking([held], Limits(seconds=0.3)) as client, ThreadPoolExecutor(1) as other:
        first = other.submit(client.post, "/v1/generate", json=ASKED)
        assert held.begun.wait(60)
        answer = client.post("/v1/generate", json=ASKED)  # waits behind the first, in vain
        assert (answer.status_code, "within 0.3 seconds" in error_of(answer)) == (504, True)
        assert first.result().status_code == 504
        held.go.set()
        assert client.post("/v1/generate", json={"prompt": "a red flower"}).status_code == 200
    assert held.batches == [2, 1]


def test_a_failure_inside_is_told_without_its_cause(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline(tiny)

    def fail(*_: object) -> None:
        raise RuntimeError(f"no such file: {tiny.folder}")

    monkeypatch.setattr(pipeline, "draw", fail)
    with asking([pipeline]) as client:
        answer = client.post("/v1/generate", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["field"]) == (500, None)
    assert str(tiny.folder) not in answer.text and "Traceback" not in answer.text
    assert answer.headers["content-security-policy"]
    assert "no such file" in caplog.text  # the log, for who runs it


def test_the_work_for_a_client_that_hangs_up_is_cancelled_and_counted_as_such() -> None:
    cancelled = threading.Event()
    counted: list[tuple[str, int]] = []

    async def app(*_: object) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"{}"}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(messages)

    async def send(_: Message) -> None:
        raise AssertionError("nobody is there to be told")

    scope = {"type": "http", "method": "POST", "path": "/v1/generate", "headers": []}
    limited = RequestLimits(app, Limits())
    guard = Outcome(limited, lambda path, status, _: counted.append((path, status)))
    asyncio.run(guard(scope, receive, send))
    assert cancelled.is_set()
    assert counted == [("other", HUNG_UP)] == [("other", 499)]


def test_a_bundle_cannot_be_there_twice(pipeline: Pipeline) -> None:
    with pytest.raises(CaptionganError, match="bundle 'tiny' is there twice"):
        create_app([pipeline, pipeline])


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("speed=7", "limit 'speed=7' is none of body_bytes"),
        ("n", "limit n '' is not a whole number above 0"),
        ("n=0", "limit n '0' is not a whole number above 0"),
        ("n=1.5", "limit n '1.5' is not a whole number"),
        ("seconds=inf", "limit seconds 'inf' is not a number above 0"),
        ("seconds=nan", "limit seconds 'nan' is not a number above 0"),
        ("batch=65", "limit batch 65 is above 64"),
    ],
)
def test_a_limit_that_is_none_is_refused(setting: str, rule: str) -> None:
    with pytest.raises(CaptionganError, match=rule):
        Limits.of([setting])


def test_limits_are_what_they_are_set_to() -> None:
    assert Limits.of(["n=4", "window=0", "seconds=1.5"]) == Limits(n=4, window=0, seconds=1.5)
    assert Limits.of([]) == Limits()


def test_a_lower_limit_is_told_and_kept(pipeline: Pipeline) -> None:
    with asking([pipeline], Limits(n=1)) as client:
        assert client.get("/v1/bundles").json()["limits"]["n"] == 1
        assert client.post("/v1/generate", json=ASKED).status_code == 422
