"""The files of the page: what each is answered with, and that nothing else is."""

from __future__ import annotations

import asyncio
import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.requests import Request

from gapless import ChannelOptions
from gapless.doors.assets import STATIC, Assets, assets

from ..support.serving import doors

pytestmark = pytest.mark.anyio


CHANNELS = {"logs": ChannelOptions(history=10)}


POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}


MADE = """
import asyncio, threading
from gapless.doors import assets

class Noting(assets.Assets):
    def __init__(self):
        print(threading.current_thread() is threading.main_thread(), flush=True)
        super().__init__()

assets.Assets = Noting

async def main():
    found = await asyncio.gather(*(assets.assets_soon() for _ in range(3)))
    assert all(one is assets.assets() for one in found)

asyncio.run(main())
"""


def test_they_are_made_once_and_not_on_the_loop() -> None:
    """In a process of its own, where nobody has asked for them."""
    made = subprocess.run([sys.executable, "-c", MADE], capture_output=True, text=True, check=True)
    assert made.stdout == "False\n"


async def test_every_file_of_the_page_carries_its_headers() -> None:
    async with doors(CHANNELS, open_api=True) as opened:
        files = [path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.suffix != ".html"]
        names = [f"/static/{file}" for file in files if (STATIC / file).is_file()]
        assert names
        for name in ["/", "/client.js", *names]:
            answer = await opened.http.get(name)
            assert answer.status_code == 200, name
            policy = dict(
                part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
            )
            assert policy == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_the_files_of_a_page_are_named_by_what_is_in_them_and_kept_for_ever() -> None:
    async with doors(CHANNELS, open_api=True) as opened:
        page = await opened.http.get("/")
        addresses = re.findall(r'(?:href|src)="(static/[^"]+)"', page.text)
        assert any("/app.js" in address for address in addresses)
        for address in addresses:
            assert address.startswith(f"static/{assets().digest}/")
            answer = await opened.http.get(f"/{address}")
            assert answer.status_code == 200, address
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = await opened.http.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304
        assert (await opened.http.get("/static/0123456789abcdef/app.js")).status_code == 404
        known = await opened.http.get("/static/app.js")
        assert known.headers["cache-control"] == "no-cache"
        for tags in (known.headers["etag"], f'"x", {known.headers["etag"].removeprefix("W/")}'):
            again = await opened.http.get("/static/app.js", headers={"If-None-Match": tags})
            assert (again.status_code, again.content) == (304, b"")
        other = await opened.http.get("/client.js", headers={"If-None-Match": known.headers["etag"]})
        assert other.status_code == 200


async def test_another_file_is_another_digest(tmp_path: Path) -> None:
    for name, text in (("a.js", "let a"), ("b.js", "let b")):
        (tmp_path / name).write_text(text)
    before = Assets(tmp_path).digest
    assert Assets(tmp_path).digest == before
    (tmp_path / "b.js").write_text("let c")
    assert Assets(tmp_path).digest != before


async def test_a_page_has_one_script_and_its_modules_are_there_for_others() -> None:
    async with doors(CHANNELS, open_api=True) as opened:
        page = (await opened.http.get("/")).text
        [address] = re.findall(r'<script type="module" src="(static/[^"]+)"', page)
        joined = (await opened.http.get(f"/{address}")).text
        plain = (await opened.http.get("/static/app.js")).text
        assert 'from"./client.js"' in plain
        assert "import " not in joined
        assert "class Store" in joined
        assert "class Board" not in joined, "it is imported when it is opened"
        board = address.replace("app.js", "pages/board.js")
        assert '} from "../app.js";' in (await opened.http.get(f"/{board}")).text.partition("\n")[0]
        assert '} from "../app.js";' not in (await opened.http.get("/static/pages/board.js")).text


async def test_a_page_has_one_stylesheet_and_its_files_are_there_for_others() -> None:
    async with doors(CHANNELS, open_api=True) as opened:
        page = (await opened.http.get("/")).text
        [address] = re.findall(r'rel="stylesheet" href="(static/[^"]+)"', page)
        joined = (await opened.http.get(f"/{address}")).text
        files = [
            (await opened.http.get(f"/static/css/{name}.css")).text for name in ("tokens", "base", "log")
        ]
        assert joined == "".join(files)


async def test_modules_are_sent_without_their_comments() -> None:
    own = (STATIC / "core" / "dom.js").read_text()
    async with doors(CHANNELS, open_api=True) as opened:
        sent = (await opened.http.get("/static/core/dom.js")).text
    assert "/**" in own
    assert "/**" not in sent
    assert sent.count("\n") == own.count("\n"), "no line has another number"


async def test_what_a_page_needs_at_first_is_small() -> None:
    async with doors(CHANNELS, open_api=True) as opened:
        page = (await opened.http.get("/")).text
        addresses = set(re.findall(r'(?:href|src)="(static/[^"]+)"', page))
        total = 0
        for address in ["", *addresses]:
            async with opened.http.stream(
                "GET", f"/{address}", headers={"Accept-Encoding": "gzip"}
            ) as answer:
                total += sum([len(chunk) async for chunk in answer.aiter_raw()])
        assert total < 68 * 1024, "once for each version: it is kept for ever"
        assert len(addresses) + 1 <= 4


async def test_the_page_keeps_to_its_own_policy() -> None:
    for path in STATIC.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text), "no script in the page itself"
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://", text), path.name


async def test_the_client_module_is_javascript() -> None:
    async with doors(CHANNELS) as opened:
        answer = await opened.http.get("/client.js")
        assert answer.headers["content-type"].partition(";")[0] == "text/javascript"
        assert "export" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../http.py",
        "/static/..%2f..%2fhub.py",
        "/static/%2e%2e/%2e%2e/hub.py",
        "/static/....//hub.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\hub.py",
        "/static/index.html%00.js",
        "/static/",
        "/static/nothing.js",
        "/%2e%2e/%2e%2e/hub.py",
    ],
)
async def test_nothing_but_its_files_is_served(path: str) -> None:
    async with doors(CHANNELS, open_api=True) as opened:
        # By hand: a client library would tidy the path first.
        reader, writer = await asyncio.open_connection("127.0.0.1", opened.address.port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {opened.address.host}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.split()[1] in (b"404", b"400", b"405"), answer
        assert b"import" not in answer
        assert b"root:" not in answer


def asked(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": raw})


class TestCompressing:
    @pytest.mark.parametrize(
        ("accepted", "compressed"),
        [("gzip", True), ("br, gzip;q=0.5", True), ("br", False), ("gzipped", False)],
    )
    def test_who_reads_gzip_gets_it(self, tmp_path: Path, accepted: str, compressed: bool) -> None:
        text = b"let a;" * 200
        (tmp_path / "a.js").write_bytes(text)
        answer = Assets(tmp_path).answer("a.js", asked(accept_encoding=accepted))
        assert answer is not None
        assert (answer.headers.get("content-encoding") == "gzip") is compressed
        assert (gzip.decompress(bytes(answer.body)) if compressed else answer.body) == text
        assert answer.headers["vary"] == "accept-encoding"

    def test_a_small_file_is_not_worth_it(self, tmp_path: Path) -> None:
        (tmp_path / "a.js").write_text("let a")
        answer = Assets(tmp_path).answer("a.js", asked(accept_encoding="gzip"))
        assert answer is not None
        assert answer.body == b"let a"


class TestPages:
    def test_a_module_comes_later_to_one_page_alone(self, tmp_path: Path) -> None:
        for page in ("one", "two"):
            (tmp_path / f"{page}.html").write_text(f'<script type="module" src="static/{page}.js"></script>')
            (tmp_path / f"{page}.js").write_text('import { a } from "./a.js";\nimport("./later.js");\n')
        (tmp_path / "a.js").write_text("export const a = 1;\n")
        (tmp_path / "later.js").write_text('import { a } from "./a.js";\n')
        with pytest.raises(ValueError, match=r"later\.js comes later to two pages"):
            Assets(tmp_path)

    def test_a_page_is_no_file_below_static(self, tmp_path: Path) -> None:
        (tmp_path / "page.html").write_text("")
        kept = Assets(tmp_path)
        assert kept.answer("page.html", asked()) is None
        assert kept.answer(f"{kept.digest}/page.html", asked()) is None
