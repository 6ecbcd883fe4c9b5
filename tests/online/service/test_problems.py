"""Every exception becomes a problem+json without a path of the server."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from engine.errors import (
    ConfigError,
    DamageError,
    FingerprintError,
    GalleryError,
    ImageError,
    ImageTooLargeError,
    StageError,
    WeightsError,
)
from online.service.problems import RequestError, problem_of, without_paths

HERE = "/srv/secret place/gallery"
ERRORS = {
    ImageError(f"{HERE}/a.jpg", "is truncated.", remedy="Save it again."): 415,
    ImageTooLargeError("x", "is larger than the limit.", remedy="--set images.max_bytes=N"): 413,
    StageError("segment", f"{HERE}/a.jpg", "no pixels in /srv/models/u2net.onnx"): 422,
    ConfigError("k: must be from 1 to 100, not 0."): 422,
    ConfigError("/etc/packsight/settings.toml: no such key.", remedy="See /etc/packsight/x"): 422,
    GalleryError(f"{HERE}: is no gallery."): 503,
    DamageError(f"{HERE}: is damaged."): 503,
    FingerprintError(f"{HERE}: other weights."): 503,
    WeightsError(f"{HERE}: no checksum."): 503,
    RequestError(404, "jar: no such product."): 404,
    RequestError(503, "Busy.", retry_after=2.2): 503,
    HTTPException(405): 405,
    HTTPException(400, "There was an error parsing the body"): 400,
    KeyError(HERE): 500,
    OSError(2, "No such file or directory", HERE): 500,
}


@pytest.mark.parametrize(("error", "status"), ERRORS.items(), ids=repr)
def test_an_error_has_its_status_and_shows_no_path(error: Exception, status: int) -> None:
    problem = problem_of(error)
    document = problem.document("id-1")
    assert problem.status == document["status"] == status
    assert document["request_id"] == "id-1" and document["detail"] and document["title"]
    is_users = isinstance(error, RequestError) or status < 500
    assert problem.is_failure != is_users, "what is refused on purpose fills no log"
    assert not any(word in json.dumps(document) for word in ("/srv", "/etc", "secret", "--set"))
    response = problem.response("id-1")
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body)) == document


def test_a_busy_service_names_whole_seconds_after_which_to_try_again() -> None:
    assert problem_of(RequestError(503, "Busy.", retry_after=2.2)).headers["Retry-After"] == "3"
    assert problem_of(RequestError(429, "Slower.", retry_after=0.0)).headers["Retry-After"] == "1"
    assert "Retry-After" in problem_of(GalleryError("x")).headers


def test_what_a_user_can_mend_keeps_its_words() -> None:
    problem = problem_of(ConfigError("k: must be at least 1.", remedy="Send k from 1 to 100."))
    assert (problem.detail, problem.remedy) == ("k: must be at least 1.", "Send k from 1 to 100.")
    assert "is truncated." in problem_of(ImageError("x", "is truncated.")).detail


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/gallery/index.sqlite: is damaged.", "…/index.sqlite: is damaged."),
        (r"C:\data\gallery: is damaged.", "…/gallery: is damaged."),
        (r"\\server\share\a.jpg is gone", "…/a.jpg is gone"),
        ("~/galleries/jars: no", "…/jars: no"),
        ("'/srv/a b'", "'…/a b'"),
        (
            "and/or, 3/4, a/b/c and https://host/a/b stay",
            "and/or, 3/4, a/b/c and https://host/a/b stay",
        ),
    ],
)
def test_absolute_paths_are_shortened(text: str, shown: str) -> None:
    assert without_paths(text) == shown


@given(st.lists(st.from_regex(r"[a-z0-9_.-]{1,9}", fullmatch=True), min_size=3, max_size=6))
def test_no_folder_of_an_absolute_path_is_left(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    assert without_paths(f"{path}: is damaged") == f"…/{parts[-1]}: is damaged"
