"""A script and its modules as one: the same values, in the same order, wherever they are taken from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gapless.doors.assets import STATIC
from gapless.doors.joining import join
from gapless.doors.scripts import as_module

ENTRY = "app.js"


def write(root: Path, modules: dict[str, str]) -> None:
    root.mkdir()
    (root / "package.json").write_text('{"type": "module"}')
    for name, text in modules.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def run(script: Path) -> object:
    """What a module says with its last line. Skips where there is no node."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing: apt-get install nodejs")
        pytest.skip("node is missing: apt-get install nodejs")
    done = subprocess.run([node, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


MODULES = {
    "app.js": 'import { add, Count as Counter, now } from "./core/count.js";\n'
    'import * as said from "./said.js";\n'
    'said.say("app");\nexport const counter = new Counter();\nadd(counter);\n'
    'async function start() {\nconst { more } = await import("./pages/later.js");\nawait more(counter);\n'
    "console.log(JSON.stringify([counter.number, said.all(), await now(), said.LIMIT]));\n}\nstart();\n",
    "core/count.js": 'import { say as tell } from "../said.js";\ntell("count");\n'
    'const LIMIT = "of this module";\n'
    "export class Count {\nnumber = 0;\n}\n"
    "export function add(count) {\ncount.number += LIMIT ? 1 : 0;\n}\n"
    'export async function now() {\nconst { name } = await import("./late.js");\n'
    'return [name, new URL("x.txt", import.meta.url).pathname.split("/").slice(-2).join("/")];\n}\n',
    "core/late.js": 'export const name = "late";\n',
    "said.js": "const words = [];\nconst LIMIT = 7;\nexport function say(word) {\nwords.push(word);\n}\n"
    "export function* each() {\nyield* words;\n}\nconst all = () => [...each()];\nexport { all, LIMIT };\n",
    "pages/later.js": 'import { add } from "../core/count.js";\nimport { twice } from "./twice.js";\n'
    'import { say } from "../said.js";\nsay("later");\n'
    "export async function more(counter) {\ntwice(() => add(counter));\n}\n",
    "pages/twice.js": "export const twice = (what) => {\nwhat();\nwhat();\n};\n",
}


def test_it_does_what_its_files_do(tmp_path: Path) -> None:
    joined = join(ENTRY, MODULES)
    apart, together = tmp_path / "apart", tmp_path / "together"
    write(apart, MODULES)
    # Nothing is asked for that is in the script: it is not there.
    write(together, {ENTRY: joined.script, **joined.later})
    said = run(apart / ENTRY)
    assert said == [3, ["count", "app", "later"], ["late", "core/x.txt"], 7]
    assert run(together / ENTRY) == said
    assert joined.members == {"app.js", "core/count.js", "said.js"}
    assert set(joined.later) == {"core/late.js", "pages/later.js", "pages/twice.js"}


def test_what_comes_later_keeps_its_lines() -> None:
    for name, text in join(ENTRY, MODULES).later.items():
        assert text.count("\n") == MODULES[name].count("\n"), name


def test_the_page_itself_is_put_together(tmp_path: Path) -> None:
    modules = {
        path.relative_to(STATIC).as_posix(): as_module(path.read_text("utf-8"))
        for path in STATIC.rglob("*.js")
    }
    joined = join(ENTRY, modules)
    assert not joined.members & set(joined.later)
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing: apt-get install nodejs")
    for name, text in {ENTRY: joined.script, **joined.later}.items():
        path = tmp_path / f"{name.replace('/', '-')}.mjs"
        path.write_text(text)
        done = subprocess.run([node, "--check", path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_modules_that_import_each_other_are_named() -> None:
    modules = {
        ENTRY: 'import { a } from "./a.js";\n',
        "a.js": 'import { b } from "./b.js";\nexport const a = 1;\n',
        "b.js": 'import { a } from "./a.js";\nexport const b = 1;\n',
    }
    with pytest.raises(ValueError, match=r"^a\.js imports b\.js imports a\.js: take out what both need"):
        join(ENTRY, modules)


@pytest.mark.parametrize(
    "line",
    [
        "export default 1;",
        "export let a = 1;",
        "export var a = 1;",
        'export { a } from "./b.js";',
        'export * from "./b.js";',
        'import "./b.js";',
        'import b from "./b.js";',
        'import {\na\n} from "b";',
        "export const { a } = b;",
    ],
)
def test_what_it_does_not_know_is_refused(line: str) -> None:
    modules = {ENTRY: 'import { a } from "./a.js";\n', "a.js": f"{line}\n", "b.js": ""}
    with pytest.raises(ValueError, match=r"^a\.js: .* cannot be put together"):
        join(ENTRY, modules)
