"""The proxies of the how-to, run as it shows them: upgrades, the page's origin, and events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

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
NODE = Path(__file__).parent / "node"
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

# It asks nobody for newer versions of itself.
TRAEFIK = """
global:
  checkNewVersion: false
  sendAnonymousUsage: false
"""


def shown(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def passes(here: Doors, port: int, prefix: str) -> bool:
    """Does the proxy lead to the hub? Some listen a while before they know where to."""
    with contextlib.suppress(httpx.TransportError):
        return (await here.http.get(f"http://127.0.0.1:{port}{prefix}/health")).status_code == 200
    return False


def installed(name: str) -> str:
    binary = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        pytest.skip(f"{name} is not installed")
    return binary


def script(package: str, path: str) -> list[str]:
    """How to run what the registry has; that takes half a minute to install, so only where asked for."""
    if os.environ.get("GAPLESS_TEST_SERVERS") != "all":
        pytest.skip("only with GAPLESS_TEST_SERVERS=all")
    node, npm = installed("node"), installed("npm")
    if not (NODE / "node_modules" / package).exists():
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=NODE, check=True, timeout=300)
    return [node, str(NODE / "node_modules" / package / path)]


def nginx(text: str, port: int, here: Path) -> list[str]:
    file = here / "nginx.conf"
    file.write_text(NGINX.format(here=here, shown=text.replace("listen 8080;", f"listen 127.0.0.1:{port};")))
    return [installed("nginx"), "-e", str(here / "error.log"), "-c", str(file)]


def haproxy(text: str, port: int, here: Path) -> list[str]:
    file = here / "haproxy.cfg"
    file.write_text(text.replace("bind :8080", f"bind 127.0.0.1:{port}"))
    return [installed("haproxy"), "-db", "-f", str(file)]


def caddy(text: str, port: int, here: Path) -> list[str]:
    file = here / "Caddyfile"
    bound = text.replace(":8080 {", f"http://:{port} {{\n    bind 127.0.0.1")
    file.write_text(CADDY.format(shown=bound))
    return [installed("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]


def traefik(text: str, port: int, here: Path) -> list[str]:
    (here / "hub.yml").write_text(text)
    listens = shown("yaml")[0].replace(":8080", f"127.0.0.1:{port}").replace("hub.yml", f"{here}/hub.yml")
    (here / "traefik.yml").write_text(listens + TRAEFIK)
    return [installed("traefik"), f"--configFile={here}/traefik.yml"]


def vite(text: str, port: int, here: Path) -> list[str]:
    (here / "index.html").write_text("<p>a page</p>")
    (here / "vite.config.mjs").write_text(text)
    return [*script("vite", "bin/vite.js"), str(here), "--port", str(port), "--host", "127.0.0.1"]


def webpack(text: str, port: int, here: Path) -> list[str]:
    (here / "page.js").write_text("")
    file = here / "webpack.config.cjs"
    file.write_text(
        f"{text}\nObject.assign(module.exports, {{ mode: 'development', entry: '{here}/page.js' }});\n"
    )
    command = [*script("webpack-cli", "bin/cli.js"), "serve", "--config", str(file)]
    return [*command, "--port", str(port), "--host", "127.0.0.1"]


PROXIES = {proxy.__name__: proxy for proxy in (nginx, haproxy, caddy, traefik, vite, webpack)}


@asynccontextmanager
async def proxied(
    here: Doors, name: str, config: str, directory: Path, prefix: str = ""
) -> AsyncIterator[int]:
    """The proxy before the hub, on a port of its own."""
    port = free_port()
    command = PROXIES[name](config.replace("127.0.0.1:8765", here.address.host), port, directory)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=NODE if "node" in command[0] else None,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)},
    )
    try:

        async def leads() -> bool:
            assert process.returncode is None, f"{name} did not start"
            return await passes(here, port, prefix)

        await until(leads, f"{name} leads to the hub")
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


WAYS = [
    *(("nginx", config, prefix) for config, prefix in zip(shown("nginx"), ("", "/live"), strict=True)),
    ("haproxy", shown("haproxy")[0], ""),
    *(("caddy", config, prefix) for config, prefix in zip(shown("caddyfile"), ("", "/live"), strict=True)),
    *(("traefik", config, prefix) for config, prefix in zip(shown("yaml")[1:], ("", "/live"), strict=True)),
    *((name, config, "/live") for name, config in zip(("vite", "webpack"), shown("js"), strict=True)),
]


@pytest.mark.parametrize(
    ("name", "config", "prefix"), WAYS, ids=[name + prefix.replace("/", "-") for name, _, prefix in WAYS]
)
async def test_a_page_gets_history_and_live_by_every_door(
    name: str, config: str, prefix: str, tmp_path: Path
) -> None:
    async with doors(KEPT) as here, proxied(here, name, config, tmp_path, prefix) as port:
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


@pytest.mark.parametrize(
    ("name", "config", "prefix"),
    WAYS[:7],
    ids=[name + prefix.replace("/", "-") for name, _, prefix in WAYS[:7]],
)
async def test_a_client_cannot_choose_its_address(
    name: str, config: str, prefix: str, tmp_path: Path
) -> None:
    """The proxy is believed, and says whose request it is: of a machine that is neither of the two."""
    async with doors(KEPT) as here, proxied(here, name, config, tmp_path, prefix) as port:
        seen: list[str] = []
        config_of = here.address.server.config
        inner = config_of.loaded_app.app

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["client"][0])
            await inner(scope, receive, send)

        config_of.loaded_app.app = noting
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=elsewhere, timeout=DEADLINE) as client:
            for header in ("6.6.6.6", "127.0.0.1, 6.6.6.6", "127.0.0.1"):
                await client.get(
                    f"http://127.0.0.1:{port}{prefix}/health", headers={"X-Forwarded-For": header}
                )
        assert seen == ["127.0.0.2"] * 3


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
