"""`gapless-client`, as npm packs it, against a real hub: with WebSockets, and where there are none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gapless import ChannelOptions, Hub, __version__

from ..support.npm import missing
from ..support.serving import doors
from ..support.until import DEADLINE, until

HERE = Path(__file__).parents[2] / "src" / "gapless" / "dashboard"

pytestmark = pytest.mark.node

SCRIPT = """
import { connect } from "gapless-client";

const hub = connect(process.argv[2], { integers: "bigint", onState: ({ name }) => say({ state: name }) });
const shown = (_, value) => (typeof value === "bigint" ? `${value}n` : value);
const say = (what) => console.log(JSON.stringify(what, shown));
let first = true;
const options = {
  onHistory: async ({ count }) => {
    if (!first) return;
    first = false;
    say({ count, published: await hub.publish("chat", { id: 12345678901234567890n }) });
    say({ members: Object.keys(await hub.presence("chat")).length });
    say({ page: (await hub.history("chat", { limit: 1 })).publications });
    await hub.publish("chat", "x".repeat(100000)).catch(({ code }) => say({ code }));
    await hub.publish("chat", "Hi \\u{1F600}".slice(0, 4)).catch(({ code }) => say({ code }));
    say("ready");
  },
};
hub.subscribe("chat", ({ data }) => (data === "end" ? hub.close() : say({ data })), options);
"""


RUNTIMES = {
    "node": ("node", "--experimental-websocket"),
    "node-without-websocket": ("node", "--no-experimental-websocket"),
    "deno": ("deno", "run", "--quiet", "--allow-net", "--node-modules-dir=manual"),
}


def program(name: str, remedy: str) -> str:
    """Where a program is: in this environment, or on this machine."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return shutil.which(name, path=places) or missing(f"{name} is missing: {remedy}")


def npm() -> str:
    return program("npm", "apt-get install npm")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, and a script that uses it."""
    root = tmp_path_factory.mktemp("project")
    environment = {
        **os.environ,
        "npm_config_cache": str(root / "cache"),
        "npm_config_update_notifier": "false",
    }
    packed = subprocess.run(
        [npm(), "pack", "--offline", "--json", "--pack-destination", str(root)],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    about = json.loads(packed.stdout)
    (about,) = about if isinstance(about, list) else about.values()
    with tarfile.open(root / about["filename"]) as archive:
        archive.extractall(root, filter="data")
    (root / "node_modules").mkdir()
    (root / "package").rename(root / "node_modules" / "gapless-client")
    (root / "use.mjs").write_text(SCRIPT)
    return root


def test_the_package_holds_the_client_its_types_and_no_more(project: Path) -> None:
    package = project / "node_modules" / "gapless-client"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    parts = {f"static/client/{path.name}" for path in (HERE / "static" / "client").iterdir()}
    assert files == {"package.json", "README.md", "client.d.ts", "static/client.js", *parts}
    assert json.loads((package / "package.json").read_text())["version"] == __version__


def test_its_types_name_every_option_and_method() -> None:
    types = (HERE / "client.d.ts").read_text()
    source = (HERE / "static" / "client.js").read_text()
    hub = source.partition("class Hub {")[2].partition("\n/** One channel")[0]
    methods = set(re.findall(r"^  (?:async )?([a-z]\w*)\(", hub, re.MULTILINE)) - {"constructor"}
    options = set(re.findall(r"\boptions\.(\w+)", source)) | set(
        re.findall(r"\w+", " ".join(re.findall(r"const \{ ([^}]*) \} = (?:this\.#)?options;", source)))
    )
    assert {"publish", "history", "presence", "close"} <= methods
    assert {"token", "query", "onJoin", "atMost", "onState"} <= options
    for name in (methods | options) - {"warn", "stringify"}:
        assert re.search(rf"\b{name}\b", types), name


@pytest.mark.anyio
@pytest.mark.parametrize("runtime", RUNTIMES)
async def test_it_works_with_a_real_hub_through_a_cut(project: Path, runtime: str) -> None:
    name, *flags = RUNTIMES[runtime]
    command = program(name, "make setup"), *flags
    hub = Hub(channels={"*": ChannelOptions(history=100, client_publish=True, presence=True)})
    async with doors(hub=hub) as opened:
        await hub.publish("chat", "kept")
        running = await asyncio.create_subprocess_exec(
            *command, "use.mjs", opened.address.http("/"), cwd=project, stdout=-1, stderr=-1
        )
        try:
            assert running.stdout is not None
            said: list[object] = []
            while "ready" not in said:
                async with asyncio.timeout(DEADLINE):
                    line = await running.stdout.readline()
                assert line, "it ended"
                said.append(json.loads(line))
            assert {"data": "kept"} in said
            (first,) = [one for one in said if isinstance(one, dict) and "published" in one]
            assert (first["count"], first["published"]["offset"]) == (1, 2)
            assert {"data": {"id": "12345678901234567890n"}} in said
            assert {"members": 1} in said
            assert {"page": [{"offset": 1, "data": "kept"}]} in said
            assert said.count({"code": 107}) == 2
            assert said.count({"state": "connected"}) == 1
            hub.connections().close(3001)
            await until(lambda: not hub.node.roster)
            await hub.publish("chat", "missed")
            await hub.publish("chat", "end")
            async with asyncio.timeout(DEADLINE):
                out, err = await running.communicate()
            rest = [json.loads(line) for line in out.splitlines()]
            assert [one for one in rest if "data" in one] == [{"data": "missed"}]
            assert rest[-1] == {"state": "closed"}
            assert running.returncode == 0
            assert b"ExperimentalWarning" in err or err == b""
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
