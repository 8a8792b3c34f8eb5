"""What is left out of a module on its way to the browser, and that nothing else is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest

from gapless.doors.assets import STATIC
from gapless.doors.scripts import as_module, as_stylesheet, without_empty_lines

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
        ("let a; // behind code\n", "let a;\n"),
        ("  /** @type {A} */ let a; /* b */\n", "  let a; \n"),
        ("return/* a */b;\n", "return b;\n"),
        ("  /* a */ let a;\n  /* b */\n", "  let a;\n\n"),
        (
            "let a = `\n  // b\n  ${{\n    c: `\n  d`,\n  }}\n  /* e */\n`;\n  f;\n",
            "let a=`\n  // b\n  ${{\nc:`\n  d`,\n}}\n  /* e */\n`;\nf;\n",
        ),
        ("let a = '`';\n  b;\n", "let a='`';\nb;\n"),
        ('let a = "\\"`";\n  b;\n', 'let a="\\"`";\nb;\n'),
        ("let a = /[/`]\\/`/g;\n  b;\n", "let a=/[/`]\\/`/g;\nb;\n"),
        ("  return /`/.test(a);\n  b;\n", "return /`/.test(a);\nb;\n"),
        ("a = b / c; d = '/' + `\n  e`;\n", "a=b / c;d='/'+`\n  e`;\n"),
        ("a = f(b) / c; // it's\n  d;\n", "a=f(b)/ c;\nd;\n"),
        ("let a = `\\`\n  b \\${c} $ {`;\n", "let a=`\\`\n  b \\${c} $ {`;\n"),
    ],
)
def test_comments_and_indentation_are_left_out(text: str, sent: str) -> None:
    assert as_module(text) == sent


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a + b - c", "a+b-c"),
        ("a + +b - -c", "a + +b - -c"),
        ("a++ + b", "a++ + b"),
        ("typeof a in b", "typeof a in b"),
        ("a / b / c", "a / b / c"),
        ("(a ? b : c) => { d }", "(a?b:c)=>{d}"),
        ('case "a b" : return "  c"', 'case"a b":return"  c"'),
        ("`  ${ a }  `", "`  ${a}  `"),
        ("[a, ...b] = c ?? d", "[a,...b]=c??d"),
    ],
)
def test_spaces_that_part_nothing_are_left_out(text: str, sent: str) -> None:
    assert as_module(text) == sent


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (".a .b > .c, .d { top: 0; }", ".a .b>.c,.d{top:0;}"),
        (".a :is(.b) :hover { top: 0; }", ".a :is(.b) :hover{top:0;}"),
        ("p { width: calc(1px + var(--a)); }", "p{width:calc(1px + var(--a));}"),
        ('.a::before { content: " { ; "; } /* b */', '.a::before{content:" { ; ";} '),
    ],
)
def test_of_a_stylesheet_too(text: str, sent: str) -> None:
    assert as_stylesheet(text) == sent


def test_empty_lines_go_but_not_those_that_are_quoted() -> None:
    quoted = "`\n\n${a[`\n\n`]}\n\n`;\n"
    assert without_empty_lines(f"\n\na;\n\n\n{quoted}\n/\\n`/;\n\nb;\n") == f"a;\n{quoted}/\\n`/;\nb;\n"


def test_no_line_of_a_stylesheet_is_indented_or_moved() -> None:
    for path in sorted(STATIC.rglob("*.css")):
        text = path.read_text()
        sent = as_stylesheet(text)
        assert sent.count("\n") == text.count("\n"), path.name
        assert not re.search(r"/\*|^[ \t]", sent, re.MULTILINE), path.name


def test_each_module_means_the_same_on_the_same_lines() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing: apt-get install nodejs")
        pytest.skip("node is missing: apt-get install nodejs")
    modules = {path.name: path.read_text() for path in sorted(STATIC.rglob("*.js"))}
    pairs = [(name, text, as_module(text)) for name, text in modules.items()]
    done = subprocess.run(
        [node, "--expose-internals", "-e", TOKENS],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(pairs))], "these differ"
    assert sum(len(sent) for _, _, sent in pairs) < 0.8 * sum(len(text) for _, text, _ in pairs)
