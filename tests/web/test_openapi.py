"""The OpenAPI document, and what the server does with all that it allows and forbids."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from benchmarks.soak.requests import BUT, in_known_words
from captiongan.loading import load
from support.tiny_bundle import write_tiny_bundle
from support.web_server import asking, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("served") / "tiny")
    with serving("--bundle", bundle.folder) as (address, _):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("path", ["/v1/generate", "/v1/interpolate", "/v1/explain"])
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
        for path in ("generate", "interpolate", "explain"):
            name = path.capitalize()
            (example,) = schemas[f"{name}Request"]["examples"]
            answer = client.post(f"/v1/{path}", json=example)
            assert answer.status_code == 200
            schema = document | {"$ref": f"#/components/schemas/{name}Answer"}
            jsonschema_rs.validate(schema, answer.json())
