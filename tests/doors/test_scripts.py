"""What is left out of a module on its way to the browser, and that nothing else is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest

from gapless.doors.assets import STATIC
from gapless.doors.scripts import without_comments

TOKENS = """
const { parse, tokenizer } = require("internal/deps/acorn/acorn/dist/acorn");
const how = { ecmaVersion: "latest", sourceType: "module" };
const wholeOf = (token, text) => text.slice(token.start, token.end);
const tokensOf = (text) => {
  parse(text, how);
  const lines = text.split("\\n").length;
  return [lines, ...[...tokenizer(text, how)].map((token) => [token.type.label, wholeOf(token, text)])];
};
const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"));
for (const [name, text, sent] of pairs) {
  const [own, others] = [text, sent].map((each) => JSON.stringify(tokensOf(each)));
  if (own !== others) console.log(name);
}
console.log(pairs.length);
"""
"""Of each module, as it is and as it is sent, what the parser of JavaScript inside node takes it for."""


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("  // all of a line\nlet a;\n", "\nlet a;\n"),
        ("/**\n * Some.\n * @type {A}\n */\n  let a;\n", "\n\n\n\nlet a;\n"),
        ("let a; // behind code\n", "let a; // behind code\n"),
        ("  /** @type {A} */ let a; /* b */\n", "/** @type {A} */ let a; /* b */\n"),
        ("  /* a */ let a;\n  /* b */\n", "/* a */ let a;\n\n"),
        (
            "let a = `\n  // b\n  ${{\n    c: `\n  d`,\n  }}\n  /* e */\n`;\n  f;\n",
            "let a = `\n  // b\n  ${{\nc: `\n  d`,\n}}\n  /* e */\n`;\nf;\n",
        ),
        ("let a = '`';\n  b;\n", "let a = '`';\nb;\n"),
        ('let a = "\\"`";\n  b;\n', 'let a = "\\"`";\nb;\n'),
        ("let a = /[/`]\\/`/g;\n  b;\n", "let a = /[/`]\\/`/g;\nb;\n"),
        ("  return /`/.test(a);\n  b;\n", "return /`/.test(a);\nb;\n"),
        ("a = b / c; d = '/' + `\n  e`;\n", "a = b / c; d = '/' + `\n  e`;\n"),
        ("a = f(b) / c; // it's\n  d;\n", "a = f(b) / c; // it's\nd;\n"),
        ("let a = `\\`\n  b \\${c} $ {`;\n", "let a = `\\`\n  b \\${c} $ {`;\n"),
    ],
)
def test_comments_on_their_own_lines_and_indentation_are_left_out(text: str, sent: str) -> None:
    assert without_comments(text) == sent


def test_each_stylesheet_says_the_same() -> None:
    for path in sorted(STATIC.rglob("*.css")):
        text = path.read_text()
        sent = without_comments(text)
        own, others = (re.sub(r"/\*.*?\*/|\s+", " ", each, flags=re.DOTALL).split() for each in (text, sent))
        assert own == others, path.name
        assert not re.search(r"^(?:\s*/\*[^\n]*\*/$|[ \t])", sent, re.MULTILINE), path.name


def test_each_module_means_the_same_on_the_same_lines() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing: apt-get install nodejs")
        pytest.skip("node is missing: apt-get install nodejs")
    modules = {path.name: path.read_text() for path in sorted(STATIC.rglob("*.js"))}
    pairs = [(name, text, without_comments(text)) for name, text in modules.items()]
    done = subprocess.run(
        [node, "--expose-internals", "-e", TOKENS],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(pairs))], "these differ"
    assert sum(len(sent) for _, _, sent in pairs) < 0.9 * sum(len(text) for _, text, _ in pairs)
