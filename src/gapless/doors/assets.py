"""The page's files as they are served: read once, under addresses that name what is in them, compressed.

Modules and stylesheets go without comments and idle spaces, and a page has one stylesheet and one script: its
files, put together. `/static/DIGEST/…` may be kept for ever, as a changed file is another digest;
`/static/…` is asked about each time, for what other people's pages import, and has each file by itself.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import re
import threading
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from .joining import join
from .scripts import as_module, as_stylesheet

STATIC = Path(__file__).parent.parent / "dashboard" / "static"

FOR_EVER = "public, max-age=31536000, immutable"

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}

SENT_AS = {".js": as_module, ".css": as_stylesheet}

WORTH_COMPRESSING = 512
"""Bytes; of smaller files the saving is within one packet."""

STYLED = re.compile(r'(?: *<link rel="stylesheet" href="static/[^"]+" />\n)+')
"""The stylesheets of a page, one after the other."""

HREF = re.compile(r'href="static/([^"]+)"')

SCRIPT = re.compile(r'<script type="module" src="static/([^"]+)">')


class Asset(NamedTuple):
    """One file, as it is sent and compressed (None: not worth it)."""

    body: bytes
    compressed: bytes | None
    media_type: str
    tag: str
    """Its `ETag`: of what is in it, and in either form the same."""


class Assets:
    """The files below one directory. They are read when this is made: they do not change while it serves."""

    def __init__(self, root: Path = STATIC) -> None:
        self._assets = {
            path.relative_to(root).as_posix(): _read(path)
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
        pages = [name for name in self._assets if name.endswith(".html")]
        for name in pages:
            self._assets[_stylesheet_of(name)] = self._stylesheet(name)
        self._put_together = self._scripts(pages)
        digest = hashlib.sha256()
        for name, asset in self._assets.items():
            digest.update(name.encode() + b"\0" + asset.body)
        self.digest = digest.hexdigest()[:16]
        self._pages: dict[str, bytes] = {}

    def answer(self, path: str, request: Request) -> Response | None:
        """What is at a path below `/static`; None: nothing."""
        digest, _, rest = path.partition("/")
        named = digest == self.digest
        asset = (self._put_together.get(rest) or self._assets.get(rest)) if named else self._assets.get(path)
        if asset is None or path.endswith(".html"):
            return None
        return _respond(asset, request, FOR_EVER if named else "no-cache")

    def page(self, name: str, request: Request) -> Response:
        """A page, whose files are those of this digest."""
        body = self._pages.get(name)
        if body is None:
            body = self._pages[name] = self._written(name)
        tag = f'W/"{self.digest}-{name}"'
        return _respond(Asset(body, gzip.compress(body), "text/html", tag), request, "no-cache")

    def _written(self, name: str) -> bytes:
        text = self._assets[name].body.decode()
        text = STYLED.sub(f'    <link rel="stylesheet" href="static/{_stylesheet_of(name)}" />\n', text)
        text = re.sub(r'(href|src)="static/', rf'\1="static/{self.digest}/', text)
        about = {"gapless-base": "../../", "gapless-digest": self.digest}
        metas = "".join(f'<meta name="{key}" content="{value}" />\n    ' for key, value in about.items())
        return text.replace("<title>", metas + "<title>", 1).encode()

    def _stylesheet(self, page: str) -> Asset:
        """The stylesheets of a page as one: it waits for them in any case, and together they are smaller."""
        links = STYLED.search(self._assets[page].body.decode())
        names = HREF.findall(links[0]) if links else []
        return _made(b"".join(self._assets[name].body for name in names), "text/css")

    def _scripts(self, pages: list[str]) -> dict[str, Asset]:
        """The scripts of the pages, each with its modules in it, and the modules that come later."""
        modules = {name: each.body.decode() for name, each in self._assets.items() if name.endswith(".js")}
        found: dict[str, str] = {}
        for page in pages:
            for entry in SCRIPT.findall(self._assets[page].body.decode()):
                joined = join(entry, modules)
                for name, text in {entry: joined.script, **joined.later}.items():
                    if found.setdefault(name, text) != text:
                        raise ValueError(
                            f"{name} comes later to two pages: import it in one of them in any case"
                        )
        return {name: _made(text.encode(), "text/javascript") for name, text in found.items()}


def assets() -> Assets:
    """Those of the page, the same for all hubs of this process. The first call takes a tenth of a second."""
    with _making:
        return _assets()


async def assets_soon() -> Assets:
    """The same, made in a thread if they have yet to be: no connection of this loop waits for that."""
    return _assets() if _assets.cache_info().currsize else await asyncio.to_thread(assets)


_making = threading.Lock()


@cache
def _assets() -> Assets:
    return Assets()


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    if shorten := SENT_AS.get(path.suffix):
        body = shorten(body.decode()).encode()
    media_type = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _made(body, media_type)


def _stylesheet_of(page: str) -> str:
    """Beside the files that are in it, so that what they name is still where they say."""
    return f"css/{page.removesuffix('.html')}.css"


def _made(body: bytes, media_type: str) -> Asset:
    compressed = gzip.compress(body, mtime=0) if len(body) >= WORTH_COMPRESSING else None
    return Asset(body, compressed, media_type, f'W/"{hashlib.sha256(body).hexdigest()[:16]}"')


def _respond(asset: Asset, request: Request, cache_control: str) -> Response:
    headers = {"cache-control": cache_control, "vary": "accept-encoding", "etag": asset.tag}
    if _has(request, asset.tag):
        return Response(status_code=304, headers=headers)
    accepted = {
        part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")
    }
    if asset.compressed is not None and "gzip" in accepted:
        headers["content-encoding"] = "gzip"
        return Response(asset.compressed, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


def _has(request: Request, tag: str) -> bool:
    """Has the client this form of it already (RFC 9110, 13.1.2)? Tags are compared weakly."""
    named = request.headers.get("if-none-match", "")
    return any(part.strip().removeprefix("W/") == tag.removeprefix("W/") for part in named.split(","))
