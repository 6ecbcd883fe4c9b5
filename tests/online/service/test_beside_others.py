"""A service beside an ingest of another process, and one that is stopped while it answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.drawn_catalogue import package, save
from tests.online.service.small_service import listening, make_gallery, photo_of

pytestmark = pytest.mark.slow


def test_no_query_fails_while_another_process_ingests_and_adapts(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    for product in range(20, 60):
        save(tmp_path / "catalogue" / "jar" / f"p{product}" / "v.png", package("jar", product))
    command = [sys.executable, "-m", "packsight", "ingest", str(tmp_path / "catalogue")]
    command += ["--gallery", str(gallery), "--set", "ingest.batch=4", "--quiet"]
    over = threading.Event()
    statuses: list[int] = []
    firsts: list[str] = []

    def asks(address: str) -> None:
        with httpx.Client(base_url=address, timeout=60) as http:
            while not over.is_set():
                found = http.post("/v1/query", files={"photo": ("x", photo_of("jar", 1))})
                statuses.append(found.status_code)
                firsts.append(found.json()["hits"][0]["product"])

    with listening(gallery) as address, ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(asks, address) for _ in range(3)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = httpx.post(
            f"{address}/v1/query", files={"photo": ("x", photo_of("jar", 45, 0))}, timeout=60
        )
        over.set()
        for one in waiting:
            one.result()
    assert done.returncode == 0, done.stderr
    assert set(statuses) == {200} and len(statuses) > 3
    assert set(firsts) == {"jar/p1"}
    assert found.json()["hits"][0]["product"] == "jar/p45"


@pytest.mark.parametrize(
    ("signalled", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)]
)
def test_a_service_that_is_stopped_answers_what_it_has_begun(
    tmp_path: Path, signalled: signal.Signals, status: int
) -> None:
    gallery = make_gallery(tmp_path)
    command = [sys.executable, "-m", "packsight", "serve", "--gallery", str(gallery)]
    with (
        (tmp_path / "log").open("w") as errors,
        subprocess.Popen(
            [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        with httpx.Client(base_url=address, timeout=60) as http:
            while http.get("/v1/ready").status_code != 200:
                time.sleep(0.01)
            files = [("photo", ("x", photo_of("jar", at % 3))) for at in range(64)]
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(http.post, "/v1/query:batch", files=files)
                while "packsight_queue_photos 8.0" not in http.get("/metrics").text:
                    if answer.done():
                        break
                os.kill(process.pid, signalled)
                assert len(answer.result().json()["answers"]) == 64
        assert process.wait(60) == status
    log = (tmp_path / "log").read_text()
    assert not re.search("Traceback|packsight:", log)
    lines = [json.loads(line) for line in log.splitlines()]
    assert {line["logger"] for line in lines} == {"packsight.server", "packsight.service"}
