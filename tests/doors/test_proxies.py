"""The proxies of the how-to, run as it shows them: upgrades, the page's origin, and events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from gapless import ChannelOptions

from ..support.events import streaming
from ..support.serving import Doors, doors
from ..support.sockets import connected
from ..support.until import DEADLINE, until

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "proxies.md"
KEPT = {"logs": ChannelOptions(history=10)}

NGINX = """
user root;
daemon off;
pid {here}/nginx.pid;
error_log {here}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    {shown}
}}
"""


# Without its own door for administrators, which has one port for all, and without certificates.
CADDY = """
{{
    admin off
    auto_https off
}}
{shown}
"""


def shown(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def can_connect(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
        return True
    return False


@asynccontextmanager
async def proxied(here: Doors, name: str, config: str, directory: Path) -> AsyncIterator[int]:
    """The proxy before the hub, on a port of its own."""
    binary = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if binary is None:
        pytest.skip(f"{name} is not installed")
    port = free_port()
    text = config.replace("127.0.0.1:8765", here.address.host)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}")
    file = directory / f"{name}.conf"
    if name == "nginx":
        file.write_text(NGINX.format(here=directory, shown=text))
        command = [binary, "-e", str(directory / "error.log"), "-c", str(file)]
    elif name == "caddy":
        file.write_text(CADDY.format(shown=text.replace(":8080 {", f"http://:{port} {{\n    bind 127.0.0.1")))
        command = [binary, "run", "--adapter", "caddyfile", "--config", str(file)]
    else:
        file.write_text(text)
        command = [binary, "-db", "-f", str(file)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)},
    )
    try:
        await until(lambda: process.returncode is not None or can_connect(port), f"{name} listens")
        assert process.returncode is None, f"{name} did not start"
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


WAYS = [
    *(("nginx", config, prefix) for config, prefix in zip(shown("nginx"), ("", "/live"), strict=True)),
    ("haproxy", shown("haproxy")[0], ""),
    *(("caddy", config, prefix) for config, prefix in zip(shown("caddyfile"), ("", "/live"), strict=True)),
]


@pytest.mark.parametrize(
    ("name", "config", "prefix"), WAYS, ids=["nginx", "nginx-path", "haproxy", "caddy", "caddy-path"]
)
async def test_a_page_gets_history_and_live_by_every_door(
    name: str, config: str, prefix: str, tmp_path: Path
) -> None:
    async with doors(KEPT) as here, proxied(here, name, config, tmp_path) as port:
        await here.hub.publish("logs", "before")
        for host in ("127.0.0.1", "localhost"):
            origin = f"http://{host}:{port}"
            async with connected(
                f"ws://{host}:{port}{prefix}/ws?channel=logs", origin=origin, family=socket.AF_INET
            ) as client:
                (frame,) = await client.history("logs")
                assert frame["history"][0]["data"] == "before"
                await here.hub.publish("logs", host)
                assert (await client.live(1))[0]["data"] == host
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE, trust_env=False
        ) as browser:
            headers = {"Origin": f"http://127.0.0.1:{port}"}
            async with streaming(browser, f"{prefix}/sse?channel=logs&history=0", headers) as events:
                assert events.response.status_code == 200
                # Nothing ends the stream: what comes was not held back.
                await until(lambda: here.hub.channels().get("logs"), "the subscriber")
                for number in range(3):
                    await here.hub.publish("logs", number)
                    assert (await events.next()).data["data"] == number
            async with browser.stream(
                "POST",
                f"{prefix}/connection/http_stream",
                json={"id": 1, "connect": {}},
                headers=headers,
            ) as stream:
                async with asyncio.timeout(DEADLINE):
                    assert b'"connect"' in await anext(stream.aiter_raw())


async def test_a_host_without_its_port_makes_the_page_anothers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = shown("nginx")[0].replace("$http_host", "$host")
    async with doors(KEPT) as here, proxied(here, "nginx", config, tmp_path) as port:
        origin = f"http://127.0.0.1:{port}"
        with pytest.raises(InvalidStatus) as refused:
            async with connected(f"ws://127.0.0.1:{port}/ws?channel=logs", origin=origin):
                pass
        assert refused.value.response.status_code == 403
        assert f"--origin {origin}" in caplog.text
        assert "pass on the Host" in caplog.text
