"""What a package index is told: how to install it, where it comes from, a README whose links work there."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    where = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(where)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = where.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def readme(metadata: Message) -> str:
    body = metadata.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


def test_it_says_where_it_comes_from(metadata: Message) -> None:
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    assert {"Source", "Documentation", "Changelog", "Issues"} <= urls.keys()
    assert all(url.startswith(urls["Source"]) for url in urls.values())


def test_it_names_the_pythons_that_it_runs_on(metadata: Message) -> None:
    named = [line.rpartition(" ")[2] for line in metadata.get_all("Classifier", []) if "Python :: 3." in line]
    assert named == ["3.11", "3.12", "3.13", "3.14"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_readme_begins_with_how_to_install_it(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "pip install gapless" in readme(metadata)[:800]


def test_each_link_of_the_readme_works_on_any_site(metadata: Message) -> None:
    text = readme(metadata)
    source = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))["Source"]
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", text)
    assert len(links) > 20
    for picture, link in links:
        assert re.match("https?://|#", link), link
        page = link.removeprefix(f"{source}/{'raw' if picture else 'blob'}/main/").partition("#")[0]
        if page != link:
            assert (ROOT / page).exists(), link
    assert any(picture for picture, _ in links)


def test_the_wheel_holds_the_client_as_a_package_for_npm(wheel: zipfile.ZipFile) -> None:
    files = {"package.json", "client.d.ts", "README.md", "static/client.js", "static/client/stream.js"}
    assert {f"gapless/dashboard/{name}" for name in files} <= set(wheel.namelist())
