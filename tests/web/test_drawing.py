"""What the API draws: the pictures of the pipeline, whatever else is asked for at the same time."""

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sheet import save_grid
from captiongan.loading import load
from support.tiny_bundle import ranker, write_tiny_bundle
from support.web_server import asking

RED, YELLOW = "a red flower", "a yellow flower with pointed petals"


@pytest.fixture(scope="module")
def client(pipeline: Pipeline) -> Iterator[TestClient]:
    with asking([pipeline]) as client:
        yield client


def generate(client: TestClient, **body: object) -> dict[str, Any]:
    answer = client.post("/v1/generate", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def pngs(answer: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(picture["png"]) for picture in answer["pictures"]]


def test_the_pictures_are_the_pipelines_prompt_by_prompt_to_the_last_bit(
    client: TestClient, pipeline: Pipeline
) -> None:
    answer = generate(client, prompt=[RED, YELLOW], n=3, seed=7, truncation=0.7)
    expected = [
        picture for prompt in (RED, YELLOW) for picture in pipeline.generate(prompt, 3, 7, 0.7)
    ]
    assert pngs(answer) == [picture.png() for picture in expected]
    assert [(each["prompt"], each["seed"]) for each in answer["pictures"]] == [
        (picture.prompt, picture.seed) for picture in expected
    ]
    assert (answer["bundle"], answer["version"], answer["truncation"]) == ("tiny", "0.1.0", 0.7)
    assert answer["milliseconds"] > 0


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(write_tiny_bundle(tmp_path_factory.mktemp("ranked") / "tiny", ranker=ranker()))


def test_the_best_of_several_are_the_pipelines_with_seed_and_score(ranked: Pipeline) -> None:
    with asking([ranked]) as client:
        answer = generate(client, prompt=[RED, YELLOW], n=3, seed=7, best_of=4)
        sheet = client.post(
            "/v1/generate", json={"prompt": RED, "n": 3, "seed": 7, "best_of": 4, "format": "png"}
        )
        assert client.get("/v1/bundles").json()["bundles"][0]["ranks"] is True
    best = [ranked.generate(prompt, 3, 7, best_of=4) for prompt in (RED, YELLOW)]
    expected = [picture for pictures in best for picture in pictures]
    assert pngs(answer) == [picture.png() for picture in expected]
    assert [(each["seed"], each["score"]) for each in answer["pictures"]] == [
        (picture.seed, picture.score) for picture in expected
    ]
    texts = read_metadata(io.BytesIO(sheet.content))  # type: ignore[arg-type]
    assert texts["seed"] == "\n".join(str(picture.seed) for picture in best[0])


def test_candidates_count_as_pictures_and_a_bundle_without_a_ranker_says_so(
    client: TestClient, ranked: Pipeline
) -> None:
    with asking([ranked]) as ranking:
        refused = ranking.post("/v1/generate", json={"prompt": RED, "n": 33, "best_of": 8})
    assert refused.status_code == 422
    assert refused.json()["error"] == {
        "message": "best_of: 264 candidates in all, at most 256 at once; ask for less",
        "field": "best_of",
    }
    without = client.post("/v1/generate", json={"prompt": RED, "best_of": 2})
    assert without.status_code == 422
    assert "bundle 'tiny' has no ranker.onnx" in without.json()["error"]["message"]
    plain = generate(client, prompt=RED, best_of=1)
    assert "score" not in plain["pictures"][0]
    assert client.get("/v1/bundles").json()["bundles"][0]["ranks"] is False


@pytest.mark.parametrize("bundle", ["tiny", "flowers"])
def test_everyone_who_asks_at_the_same_time_gets_their_own_pictures(
    pipeline: Pipeline, bundle: str
) -> None:
    chosen = pipeline if bundle == "tiny" else load(bundle)
    words = ["red", "yellow", "yellow yellow", "red yellow"]
    asked: list[dict[str, Any]] = [
        {"prompt": f"a {words[i % 4]} flower", "n": 1 + i % 5, "seed": 1000 * i} for i in range(24)
    ]
    with asking([chosen]) as client, ThreadPoolExecutor(len(asked)) as crowd:
        answers = list(crowd.map(lambda body: generate(client, **body), asked))
        metrics = client.get("/metrics").text
    for body, answer in zip(asked, answers, strict=True):
        assert pngs(answer) == [picture.png() for picture in chosen.generate(**body)]
    (batches,) = (
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith("captiongan_batch_pictures_count")
    )
    assert batches < len(asked)  # so they were drawn together


def test_variations_come_with_what_draws_them_again(
    client: TestClient, pipeline: Pipeline, tmp_path: Path
) -> None:
    answer = generate(client, prompt=RED, n=2, seed=7, around=3, strength=0.4)
    assert [(each["around"], each["strength"]) for each in answer["pictures"]] == [(3, 0.4)] * 2
    (tmp_path / "variation.png").write_bytes(pngs(answer)[1])
    told = read_metadata(tmp_path / "variation.png")
    (again,) = pipeline.generate(
        told["prompt"],
        seed=int(told["seed"]),
        around=int(told["around"]),
        strength=float(told["strength"]),
    )
    assert again.png() == pngs(answer)[1]
    assert "around" not in generate(client, prompt=RED)["pictures"][0]


def test_one_picture_is_a_file_and_several_are_a_sheet(
    client: TestClient, pipeline: Pipeline, tmp_path: Path
) -> None:
    one = client.post("/v1/generate", json={"prompt": RED, "seed": 7, "format": "png"})
    assert one.content == pipeline.generate(RED, seed=7)[0].png()
    assert one.headers["content-type"] == "image/png"
    sheet = client.post("/v1/generate", json={"prompt": RED, "n": 3, "format": "png"})
    first, second, third = pipeline.generate(RED, n=3)
    save_grid([[first, second], [third]], tmp_path / "sheet.png")
    assert sheet.content == (tmp_path / "sheet.png").read_bytes()


@pytest.mark.parametrize(("n", "size"), [(1, (8, 8)), (3, (22, 22))])
def test_webp_keeps_pixels_and_metadata(
    client: TestClient, pipeline: Pipeline, tmp_path: Path, n: int, size: tuple[int, int]
) -> None:
    answer = client.post("/v1/generate", json={"prompt": RED, "n": n, "format": "webp"})
    assert answer.headers["content-type"] == "image/webp"
    (tmp_path / "out.webp").write_bytes(answer.content)
    assert read_metadata(tmp_path / "out.webp")["prompt"] == RED
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == size
        corner = image.convert("RGB").crop((0, 0, 8, 8) if n == 1 else (2, 2, 10, 10))
    assert corner.tobytes() == pipeline.generate(RED)[0].image.tobytes()


def test_a_way_is_the_pipelines_as_frames_strip_and_film(
    client: TestClient, pipeline: Pipeline
) -> None:
    asked: dict[str, Any] = {"prompts": [RED, YELLOW], "seeds": [3, 8], "steps": 5}
    way = pipeline.interpolate(**asked)
    answer = client.post("/v1/interpolate", json=asked).json()
    frames = [Image.open(io.BytesIO(base64.b64decode(frame))) for frame in answer["frames"]]
    assert [frame.tobytes() for frame in frames] == [image.tobytes() for image in way.images]
    assert (answer["prompts"], answer["seeds"], answer["steps"]) == ([RED, YELLOW], [3, 8], 5)
    for kind in ("png", "webp", "gif"):
        file = client.post("/v1/interpolate", json=asked | {"format": kind, "fps": 20})
        assert file.content == way.encoded(kind, 20)
        assert file.headers["content-type"] == f"image/{kind}"


def test_a_frame_says_what_drew_it_and_does_not_repeat_all_prompts(client: TestClient) -> None:
    asked = {"prompts": [RED, YELLOW], "steps": 3}
    frames = client.post("/v1/interpolate", json=asked).json()["frames"]
    for frame in frames:
        texts = Image.open(io.BytesIO(base64.b64decode(frame))).info
        assert texts["bundle"] == "tiny" and "prompt" not in texts


def test_the_answer_tells_what_the_model_sees_of_a_prompt(client: TestClient) -> None:
    told = generate(client, prompt=["  a Mauve flower, a mauve flower ", YELLOW])["prompts"]
    assert told[0]["prompt"] == "a Mauve flower, a mauve flower"
    assert (told[0]["unknown_words"], told[0]["cut"]) == (["mauve"], False)
    assert told[1]["tokens"] == YELLOW.split()
    long = generate(client, prompt="a red flower " * 30)["prompts"][0]
    assert (long["cut"], len(long["tokens"])) == (True, 64)


def test_the_name_of_a_file_is_safe_whatever_the_bundle_is_called(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "odd", name='a"; x="../blümchen')
    with asking([Pipeline(bundle)]) as client:
        answer = client.post("/v1/generate", json={"prompt": RED, "seed": 7, "format": "png"})
    disposition = answer.headers["content-disposition"]
    assert disposition == 'inline; filename="a-x-..-bl-mchen-7.png"'


def test_bundles_are_told_with_their_examples_and_without_a_path(pipeline: Pipeline) -> None:
    with asking([load("flowers"), pipeline]) as both:
        told = both.get("/v1/bundles").json()
    assert told["default"] == "flowers"
    flowers, tiny = told["bundles"]
    lecture = "the flower has petals that are bright pinkish purple with white stigma"
    assert flowers["examples"][0] == lecture
    assert (flowers["shipped"], tiny["shipped"]) == (True, False)
    assert flowers["training"] == {
        "kimg": 1000.0,
        "steps": 15625,
        "pictures": 7370,
        "captions": 73691,
        "classes": 102,
        "preset": "flowers",
    }
    assert (tiny["examples"], tiny["training"]) == ([], {"kimg": 1.5})
    assert (told["limits"]["n"], told["limits"]["prompt_characters"]) == (64, 1000)
    assert str(pipeline.bundle.folder) not in str(told)


def test_each_bundle_draws_its_own(pipeline: Pipeline, tmp_path: Path) -> None:
    other = Pipeline(write_tiny_bundle(tmp_path / "other", name="other"))
    with asking([pipeline, other]) as client:
        assert generate(client, prompt=RED)["bundle"] == "tiny"
        assert generate(client, prompt=RED, bundle="other")["bundle"] == "other"


BAD: list[tuple[dict[str, object], int, str | None, str]] = [
    ({}, 422, "prompt", "prompt is missing"),
    ({"prompt": ""}, 422, "prompt", "prompt '' is empty"),
    ({"prompt": []}, 422, "prompt", "must be a list of one sentence at least"),
    ({"prompt": 7}, 422, "prompt", "prompt 7 should be a valid string"),
    ({"prompt": "a" * 1001}, 422, "prompt", "1,001 characters, at most 1,000"),
    ({"prompt": "a\x1bflower"}, 422, "prompt", "control character"),
    ({"prompt": "eine gelbe Blume"}, 422, "prompt", "(eine, gelbe, blume)"),
    ({"prompt": [RED] * 17}, 422, "prompt", "17 prompts, at most 16"),
    ({"prompt": RED, "n": 0}, 422, "n", "n 0 is not a whole number"),
    ({"prompt": RED, "n": 65}, 422, "n", "65 pictures of each prompt, at most 64"),
    ({"prompt": [RED] * 5, "n": 64}, 422, "n", "320 pictures in all, at most 256"),
    ({"prompt": RED, "n": True}, 422, "n", "n True should be a valid integer"),
    ({"prompt": RED, "best_of": 0}, 422, "best_of", "best_of 0 is not a whole number from 1 to 64"),
    ({"prompt": RED, "best_of": 65}, 422, "best_of", "65 is not a whole number from 1 to 64"),
    ({"prompt": RED, "seed": -1}, 422, "seed", "seed -1 is not a whole number"),
    ({"prompt": RED, "seed": "7"}, 422, "seed", "seed '7' should be a valid integer"),
    ({"prompt": RED, "seed": 10**400}, 422, "seed", "seed 1000"),
    ({"prompt": RED, "truncation": 0}, 422, "truncation", "is not a number above 0"),
    ({"prompt": RED, "around": -1}, 422, "around", "around -1 is not a whole number"),
    ({"prompt": RED, "around": 1, "strength": 2}, 422, "strength", "is not a number from 0 to 1"),
    ({"prompt": RED, "format": "bmp"}, 422, "format", "format 'bmp' should be"),
    ({"prompt": RED, "x" * 9999: 1}, 422, "x" * 60, "is no field of this request"),
    ({"prompt": RED, "colour": 1}, 422, "colour", "colour is no field of this request"),
    ({"prompt": RED, "bundle": "../tiny"}, 404, "bundle", "bundle '../tiny' is not open here"),
]


@pytest.mark.parametrize(("body", "status", "field", "reason"), BAD)
def test_what_cannot_be_drawn_is_refused_in_one_line(
    client: TestClient, body: dict[str, object], status: int, field: str | None, reason: str
) -> None:
    answer = client.post("/v1/generate", json=body)
    told = answer.json()["error"]
    assert (answer.status_code, told["field"]) == (status, field)
    assert reason in told["message"]
    assert told["message"].isprintable() and len(told["message"]) < 300


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompts": []}, "prompts"),
        ({"seeds": [0]}, "seeds"),
        ({"seeds": [0, 1, 2], "prompts": [RED, RED]}, "seeds"),
        ({"seeds": list(range(17))}, "prompts"),
        ({"prompts": [""]}, "prompts"),
        ({"seeds": [0, -1]}, "seeds"),
        ({"steps": 1}, "steps"),
        ({"steps": 121}, "steps"),
        ({"seeds": list(range(16)), "steps": 20}, "steps"),
        ({"fps": 0}, "fps"),
        ({"fps": 51}, "fps"),
    ],
)
def test_a_way_that_cannot_be_drawn_is_refused(
    client: TestClient, change: dict[str, object], field: str
) -> None:
    answer = client.post("/v1/interpolate", json={"prompts": [RED], "seeds": [0, 1]} | change)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[" * 200, 400),
        (b'{"prompt": ' * 20_000, 422),
        (b'{"prompt": ' * 90 + b"1" + b"}" * 90, 422),
        (b'{"prompt": "a red \xff flower"}', 400),
        (b'{"prompt": "a \\ud800 flower"}', 422),
        (b'{"\\ud800": 1}', 422),
        (b'{"prompt": "a red flower", "truncation": NaN}', 422),
        (b'{"prompt": "a red flower", "strength": Infinity}', 422),
        (b'{"prompt": "a red flower", "n": ' + b"9" * 10_000 + b"}", 400),
        (b"null", 422),
        (b"[]", 422),
    ],
)
def test_a_body_that_is_no_request_is_refused_in_words(
    client: TestClient, content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/generate", content=content, headers=headers)
    message = answer.json()["error"]["message"]
    assert (answer.status_code, message.isprintable()) == (status, True)
    assert len(message) < 300


def test_what_no_page_of_ours_would_send_is_not_taken_for_json(client: TestClient) -> None:
    # A form or a plain text is what a page of another origin can send without being asked.
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
    ):
        content = b'{"prompt": "a red flower"}'
        answer = client.post("/v1/generate", content=content, headers={"Content-Type": kind})
        assert answer.status_code == 422
