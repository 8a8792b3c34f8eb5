"""What the pages say to tell hosts of programs, and shippers: each is told so, and its lines arrive."""

from __future__ import annotations

import asyncio
import configparser
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from .client.scripted import Publications, publications
from .support.commands import environment, serving
from .support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

HOSTS = Path(__file__).parent.parent / "docs" / "feeds" / "hosts.md"
PAGE = HOSTS.read_text()
(LOGGING,) = re.findall(r"^LOGGING = .*?^}\n", PAGE, re.MULTILINE | re.DOTALL)
BIN = str(Path(sys.executable).parent)

SETTINGS = """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
"""
URLS = """
from django.urls import path

def boom(request):
    raise ValueError("no such order")

urlpatterns = [path("boom", boom)]
"""
DJANGO = """
import logging, os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
logging.getLogger("shop").warning("the disk is nearly full")
from django.test import Client
Client(raise_request_exception=False).get("/boom")
"""
FLASK = """
import logging.config
from flask import Flask
logging.config.dictConfig(LOGGING)
app = Flask("shop")

@app.get("/boom")
def boom():
    raise ValueError("no such order")

app.logger.warning("the disk is nearly full")
app.test_client().get("/boom")
"""
CELERY = """
import logging, logging.config
from celery import Celery
from celery.signals import worker_process_init
logging.config.dictConfig(LOGGING)
app = Celery("shop", broker="filesystem://")
app.conf.worker_hijack_root_logger = False
folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
app.conf.broker_transport_options = folders

@app.task(name="charge")
def charge(number):
    logging.getLogger("shop.tasks").warning("charged %d", number)
    raise ValueError("no such order")
"""


@asynccontextmanager
async def running(*command: str, within: Path, api: Publications, **more: str) -> AsyncIterator[Any]:
    """A program that is ended with SIGTERM, unless it has ended."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=within,
        env=environment(GAPLESS_URL=api.url, PATH=f"{BIN}:{os.environ['PATH']}", **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            await process.wait()


def rows(api: Publications, logger: str) -> list[dict[str, Any]]:
    return [row for row in api.taken if row["logger"] == logger]


async def test_django_is_told_by_its_settings(tmp_path: Path) -> None:
    pytest.importorskip("django")
    async with publications() as api:
        (tmp_path / "settings.py").write_text(SETTINGS + LOGGING.replace("http://127.0.0.1:8765", api.url))
        (tmp_path / "urls.py").write_text(URLS)
        async with running(sys.executable, "-c", DJANGO, within=tmp_path, api=api) as process:
            assert await process.wait() == 0
        assert [row["message"] for row in rows(api, "shop")] == ["the disk is nearly full"]
        (failed,) = [row for row in rows(api, "django.request") if "exception" in row]
        assert (failed["message"], failed["level"]) == ("Internal Server Error: /boom", "error")
        assert failed["exception"]["type"] == "ValueError"


async def test_flask_is_told_before_its_application_is_made(tmp_path: Path) -> None:
    pytest.importorskip("flask")
    async with publications() as api:
        code = LOGGING.replace("http://127.0.0.1:8765", api.url) + FLASK
        async with running(sys.executable, "-c", code, within=tmp_path, api=api) as process:
            assert await process.wait() == 0
        warned, failed = rows(api, "shop")
        assert (warned["message"], warned["level"]) == ("the disk is nearly full", "warning")
        assert failed["exception"]["type"] == "ValueError"


async def test_celery_is_told_once_for_all_processes_that_it_forks(tmp_path: Path) -> None:
    pytest.importorskip("celery")
    async with publications() as api:
        (tmp_path / "queue").mkdir()
        (tmp_path / "tasks.py").write_text(LOGGING.replace("http://127.0.0.1:8765", api.url) + CELERY)
        worker = ("-m", "celery", "-A", "tasks", "worker", "--pool", "prefork", "-c", "2", "-l", "INFO")
        async with running(sys.executable, *worker, within=tmp_path, api=api):
            ask = "import tasks; [tasks.charge.delay(number) for number in range(4)]"
            async with running(sys.executable, "-c", ask, within=tmp_path, api=api) as asking:
                assert await asking.wait() == 0
            await until(lambda: len(rows(api, "shop.tasks")) == 4)
            await until(lambda: len([r for r in rows(api, "celery.app.trace") if "exception" in r]) == 4)
        assert {row["message"] for row in rows(api, "shop.tasks")} == {f"charged {n}" for n in range(4)}
        main = {row["source"] for row in rows(api, "celery.worker.strategy")}
        assert not main & {row["source"] for row in rows(api, "shop.tasks")}, "a fork is another source"


async def test_the_line_of_a_unit_reads_the_journal(tmp_path: Path) -> None:
    (line,) = re.findall(r"`ExecStart=/bin/sh -c '([^']+)'`", PAGE)
    journal = tmp_path / "journalctl"
    journal.write_text(
        "#!/bin/sh\n"
        '[ "$*" = "-f -o json" ] || exit 1\n'
        """printf '{"MESSAGE":"started","PRIORITY":"6"}\\n{"MESSAGE":"ended","PRIORITY":"4"}\\n'\n"""
        "exec sleep 60\n"
    )
    journal.chmod(0o755)
    async with publications() as api:
        path = f"{tmp_path}:{BIN}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", line, env=environment(GAPLESS_URL=api.url, PATH=path), start_new_session=True
        )
        try:
            await until(lambda: len(api.taken) == 2)
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # as systemd ends a unit: each of its processes
            await process.wait()
        assert [row["MESSAGE"] for row in api.taken] == ["started", "ended"]


def sidecar(folder: Path) -> tuple[Sequence[str], dict[str, Any]]:
    """The command of the container that feeds, with the volume at another place, and the whole of it."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    yaml: Any = pytest.importorskip("yaml")
    pod = yaml.safe_load(text)
    (feed,) = [one for one in pod["containers"] if one["name"] == "feed"]
    return [part.replace("/var/log/app", str(folder)) for part in feed["command"]], pod


async def test_a_sidecar_follows_the_volume_that_it_shares_and_goes_on_after_a_restart(
    tmp_path: Path,
) -> None:
    command, _ = sidecar(tmp_path)
    log = tmp_path / "web.log"
    async with publications() as api:
        async with running(*command, within=tmp_path, api=api, GAPLESS_TOKEN="x"):
            await until((tmp_path / ".gapless.json").exists)
            log.write_text("one\n")
            await until(lambda: len(api.taken) == 1)
        with log.open("a") as file:
            file.write("two\n")
        async with running(*command, within=tmp_path, api=api, GAPLESS_TOKEN="x"):
            await until(lambda: len(api.taken) >= 2)
            with log.open("a") as file:
                file.write("three\n")
            await until(lambda: len(api.taken) >= 3)
        # Once each, and nothing of its own state file, which lies in the same folder.
        assert [row["message"] for row in api.taken] == ["one", "two", "three"]
        assert {body["channel"] for _, body in api.requests} == {"app:web"}


def test_a_sidecar_shares_what_it_names() -> None:
    command, pod = sidecar(Path("/var/log/app"))
    volumes = {one["name"] for one in pod["volumes"]}
    for container in pod["containers"]:
        for mount in container["volumeMounts"]:
            assert mount["name"] in volumes
            assert mount["mountPath"] in command
    (feed,) = [one for one in pod["containers"] if one["name"] == "feed"]
    assert {one["name"] for one in feed["env"]} == {"GAPLESS_URL", "GAPLESS_TOKEN"}


async def test_an_entry_point_runs_the_command_that_stands_behind_it(tmp_path: Path) -> None:
    (said,) = re.findall(r"`ENTRYPOINT (\[.*?\])`", (HOSTS.parent / "run.md").read_text())
    async with publications() as api:
        command = [*json.loads(said), "sh", "-c", "echo hello; exit 7"]
        async with running(*command, within=tmp_path, api=api) as process:
            assert await process.wait() == 7
        assert [row["message"] for row in api.taken if row.get("stream")] == ["hello"]


SHIPPERS = dict(
    re.findall(
        r"^```(toml|ini|yaml)\n(.*?)^```", (HOSTS.parent / "http.md").read_text(), re.MULTILINE | re.DOTALL
    )
)
TOKEN = "f3b1c7d95e8a46021c0d"


def vector() -> tuple[str, dict[str, str]]:
    """The address and the headers that the page has it use."""
    sink = tomllib.loads(SHIPPERS["toml"])["sinks"]["gapless"]
    assert (sink["encoding"]["codec"], sink["framing"]["method"]) == ("json", "newline_delimited")
    return sink["uri"], {
        "Authorization": f"Bearer {sink['auth']['token']}",
        "Content-Encoding": sink["compression"],
    }


def fluent_bit() -> tuple[str, dict[str, str]]:
    """As above."""
    said = configparser.ConfigParser(delimiters=" ", strict=False)
    said.read_string(re.sub(r"^ +", "", SHIPPERS["ini"], flags=re.MULTILINE))
    output = {name: value.strip() for name, value in said["OUTPUT"].items()}
    assert (output["name"], output["format"]) == ("http", "json_lines")
    name, value = output["header"].split()
    at = f"http://{output['host']}:{output['port']}{output['uri']}"
    return at, {name: value, "Content-Encoding": output["compress"]}


def promtail() -> tuple[str, dict[str, str]]:
    """As above."""
    (client,) = pytest.importorskip("yaml").safe_load(SHIPPERS["yaml"])["clients"]
    return client["url"], {"Authorization": f"Bearer {client['bearer_token']}"}


@pytest.mark.parametrize("told", [vector, fluent_bit, promtail])
async def test_what_a_shipper_is_told_is_where_a_hub_takes_it(
    told: Callable[[], tuple[str, dict[str, str]]],
) -> None:
    at, headers = told()
    line, kind = b'{"message":"one"}\n', "application/x-ndjson"
    if told is promtail:
        pushed = {"streams": [{"stream": {"job": "x"}, "values": [["1700000000000000000", "one"]]}]}
        line, kind = json.dumps(pushed).encode(), "application/json"
    body = gzip.compress(line) if headers.get("Content-Encoding") == "gzip" else line
    headers = {name: value.replace("${GAPLESS_TOKEN}", TOKEN) for name, value in headers.items()}
    with serving("--token", TOKEN) as (url, _):
        async with httpx.AsyncClient(trust_env=False) as http:
            there = at.replace("http://127.0.0.1:8765", url)
            answer = await http.post(there, content=body, headers={"Content-Type": kind, **headers})
            assert answer.is_success, answer.text
            ask = {"channel": "app:logs", "limit": 1}
            kept = await http.post(f"{url}/api/history", json=ask, headers={"X-API-Key": TOKEN})
    assert kept.json()["result"]["publications"][0]["data"]["message"] == "one"
