"""The page's files as they are served: types, caching, policy, and nothing beside the table."""

from __future__ import annotations

import json
import re
import tomllib
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from fastapi.testclient import TestClient

from online.service.app import application
from online.service.exchange import CONTENT_SECURITY_POLICY
from online.service.options import ServiceOptions
from online.service.page import web_files
from tests.page_colours import contrast, schemes

WEB = Path(str(files("online") / "web"))
MODULES = sorted(path for path in WEB.glob("*.js"))
STYLE = (WEB / "style.css").read_text("utf-8")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    options = ServiceOptions(galleries={"none": str(tmp_path_factory.mktemp("page") / "none")})
    return TestClient(application(options), base_url="http://localhost")


def linked(html: str) -> list[str]:
    return [at for at in re.findall(r'(?:href|src)="([^"]+)"', html) if at[0] not in "#d"]


def test_the_page_loads_what_it_links_to_by_relative_addresses(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(linked(page.text)) == 3
    for address in linked(page.text):
        assert address.startswith("web/")
        assert client.get("/" + address).status_code == 200


def test_the_page_is_served_below_a_path_too(tmp_path: Path) -> None:
    options = ServiceOptions(galleries={"none": str(tmp_path / "none")}, root_path="/shop")
    client = TestClient(application(options), base_url="http://localhost")
    for root in ("/", "/shop/"):  # whether or not the proxy cuts its path off
        page = client.get(root)
        assert page.status_code == 200
        assert client.get(root + linked(page.text)[0]).status_code == 200


def test_modules_and_styles_have_their_types_and_may_be_kept(client: TestClient) -> None:
    web = web_files()
    for name in web.by_name:
        got = client.get(f"/web/{web.version}/{name}")
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert got.headers["content-type"] == f"{kind}; charset=utf-8"
        assert "immutable" in got.headers["cache-control"]
        assert got.headers["etag"] == f'"{sha256(got.content).hexdigest()}"'


def test_what_is_known_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert again.status_code == 304 and again.content == b""
    assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_of_another_version_is_today_s_and_is_not_kept(client: TestClient) -> None:
    got = client.get("/web/0123456789abcdef/app.js")
    assert got.status_code == 200 and got.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["result.html", "index.html", "vendor/vendor.toml", "../page.py", "..%2fpage.py", ""]
)
def test_nothing_but_the_table_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/web/{web_files().version}/{name}").status_code in (400, 404)


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    policy = CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", page.text)
    for module in MODULES:
        assert not re.search(r"\beval\(|new Function|innerHTML|document\.write", module.read_text())


def test_the_page_names_no_other_host() -> None:
    for file in [*MODULES, WEB / "style.css", WEB / "index.html"]:
        assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", file.read_text("utf-8")), file.name


def test_vendored_files_are_unchanged_and_all_are_listed() -> None:
    listed = tomllib.loads((WEB / "vendor" / "vendor.toml").read_text("utf-8"))["file"]
    assert {entry["name"] for entry in listed} == {path.name for path in WEB.glob("vendor/*.js")}
    for entry in listed:
        assert sha256((WEB / "vendor" / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
        assert {"package", "version", "path", "licence"} <= entry.keys()


def test_every_import_of_a_module_is_there() -> None:
    for module in MODULES:
        for target in re.findall(
            r'(?:^import .*from|import\()\s*"([^"]+)"', module.read_text("utf-8"), re.M
        ):
            assert target.startswith("./") and (WEB / target).is_file(), (module.name, target)


def test_every_word_is_in_the_dictionary_and_is_shown() -> None:
    source = (WEB / "words.js").read_text("utf-8")
    known = set(re.findall(r"^  (\w+):", source, re.M))
    modules = "".join(path.read_text("utf-8") for path in MODULES if path.name != "words.js")
    used = set(re.findall(r"\bwords\.(\w+)(?!\w|\.js)", modules)) - {"js"}
    by_name = {"look", "shape", "print"}  # words[part]
    assert used <= known
    assert known - used <= by_name


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "background", "least"),
    [
        ("ink", "chip", 4.5),
        ("quiet", "chip", 4.5),
        ("on-accent", "accent", 4.5),
        ("accent", "panel", 4.5),
        ("warn-ink", "warn-background", 4.5),
        ("query", "panel", 3.0),  # lines of the legend
        ("hit", "panel", 3.0),
        ("field", "panel", 3.0),  # edges of controls
    ],
)
def test_colours_stand_out(scheme: int, ink: str, background: str, least: float) -> None:
    colours = schemes(STYLE)[scheme]
    assert contrast(colours[ink], colours[background]) >= least  # WCAG 2.2, AA


def test_places_have_the_colours_of_the_result_page() -> None:
    from engine.matching_places import COLOURS, NUMBERED

    source = (WEB / "places.js").read_text("utf-8")
    shown = re.search(r"COLOURS = (\[.*?\]);", source)
    assert shown is not None and tuple(json.loads(shown[1])) == COLOURS
    assert f"NUMBERED = {NUMBERED};" in source
