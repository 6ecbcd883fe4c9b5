"""The schema of the API: what it promises holds for requests that are made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

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


def test_the_reference_shows_every_route_and_loads_nothing_from_elsewhere(
    client: TestClient,
) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in page.text
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
