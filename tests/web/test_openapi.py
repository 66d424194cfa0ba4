"""The OpenAPI document, and what the server does with all that it allows and forbids."""

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from captiongan.pipeline import load
from tiny_bundle import write_tiny_bundle
from web_server import asking, serving

# The document cannot say all: prompts times n, and that a way has two stops, have limits, too.
BUT: list[Callable[..., bool | None]] = [positive_data_acceptance]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("served") / "tiny")
    with serving("--bundle", bundle.folder) as (address, _):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


def in_known_words(body: dict[str, Any]) -> dict[str, Any]:
    """Put sentences for prompts of random characters, and the default for a random bundle."""

    def known(prompt: str | list[str]) -> str | list[str]:
        return "a mauve flower" if isinstance(prompt, str) else ["a red flower"] * len(prompt)

    said = {name: known(body[name]) for name in ("prompt", "prompts") if name in body}
    return body | said | {"bundle": None}


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("path", ["/v1/generate", "/v1/interpolate"])
def test_no_request_gets_an_answer_that_is_not_documented(
    api: schemathesis.BaseSchema, path: str, mode: schemathesis.GenerationMode
) -> None:
    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path]["POST"].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        if mode == schemathesis.GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body = in_known_words(case.body)
        case.call_and_validate(excluded_checks=BUT)

    ask()


def test_the_examples_of_the_document_can_be_asked_and_are_answered_as_it_says() -> None:
    with asking([load("flowers")]) as client:
        document = client.get("/openapi.json").json()
        schemas = document["components"]["schemas"]
        for path, name in (("generate", "Generate"), ("interpolate", "Interpolate")):
            (example,) = schemas[f"{name}Request"]["examples"]
            answer = client.post(f"/v1/{path}", json=example)
            assert answer.status_code == 200
            schema = document | {"$ref": f"#/components/schemas/{name}Answer"}
            jsonschema_rs.validate(schema, answer.json())
