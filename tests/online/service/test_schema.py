"""The schema of the API: what it promises holds for requests that are made from it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from online import api_types
from tests.online.service.small_service import listening, make_gallery, photo_of


def test_the_schema_names_every_route_with_its_answer(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            answers = [code for code in operation["responses"] if code.startswith("2")]
            assert answers, (method, path)
    body = schema["paths"]["/v1/query"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    text = json.dumps(schema)
    for reference in set(text.split('"$ref": "#/components/schemas/')[1:]):
        assert reference.split('"')[0] in schema["components"]["schemas"]


NOT_JSON = {"image/*", "image/png", "application/octet-stream", "text/event-stream", "text/csv"}
NOT_JSON |= {"text/html"}


def test_every_answer_is_described_with_an_example(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    types = {one.__name__: one for one in vars(api_types).values() if isinstance(one, type)}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            for code, answer in operation["responses"].items():
                if not code.startswith("2"):
                    continue
                place = f"{method} {path} {code}"
                assert answer.get("content"), f"{place} has no described body"
                for kind, content in answer["content"].items():
                    if kind in NOT_JSON:
                        continue
                    assert kind == "application/json", place
                    named = json.dumps(content["schema"])
                    assert "#/components/schemas/" in named, f"{place} has no type"
                    examples = content.get("examples")
                    assert examples, f"{place} has no example: online/service/examples.py"
                    for name, example in examples.items():
                        types[name].model_validate(example["value"])
                        assert name in named


@pytest.mark.parametrize("path", ["/docs", "/metrics", "/v1/galleries"])
def test_a_route_without_parameters_takes_none(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
    assert client.get(f"{path}?gallery=small").status_code == 422


def test_no_route_takes_a_parameter_that_it_does_not_have(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        address = re.sub(r"{\w+}", "1", path)
        for method, operation in methods.items():
            known = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            answer = client.request(method, address, params={"galery": "small"})
            assert answer.status_code == 422, (method, path)
            problem = answer.json()
            assert "'galery'" in problem["detail"], (method, path)
            assert all(name in problem["remedy"] for name in known), (method, path)
            if "gallery" in known:
                assert "Did you mean 'gallery'?" in problem["remedy"]


def test_the_reference_shows_every_route_and_loads_nothing_from_elsewhere(
    client: TestClient,
) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
    for shown in ("Answer 200, QueryAnswer", "hits[].parts.look", "jobs[].job"):
        assert shown in page.text
    for sent in ("request.where[][].at_least", "decisions[].verdict", "list of 4 × integer"):
        assert sent in page.text
    assert "<script" not in page.text and "//" not in page.text.replace("</", "")
    (style,) = [part.split('"')[0] for part in page.text.split('stylesheet" href="')[1:]]
    assert client.get(f"/{style}").status_code == 200


@pytest.mark.slow
def test_requests_made_from_the_schema_find_no_fault(tmp_path: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    ]
    with listening(make_gallery(tmp_path)) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        for result in schema.get_all_operations():
            operation = result.ok()

            @settings(
                max_examples=60,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
                derandomize=True,
            )
            @given(case=operation.as_strategy())
            def holds(case: object) -> None:
                case.call_and_validate(checks=checks)  # type: ignore[attr-defined]

            holds()


def test_a_photo_from_the_examples_is_answered_as_the_schema_has_it(client: TestClient) -> None:
    from online.api_types import MaskPreview, QueryAnswer

    photo = {"photo": ("x", photo_of("jar", 1))}
    QueryAnswer.model_validate(client.post("/v1/query", files=photo).json())
    MaskPreview.model_validate(client.post("/v1/mask", files=photo).json())
