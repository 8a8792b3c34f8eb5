"""What holds of `protocol/plain`, whatever is put in."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from gapless.model import Publication
from gapless.protocol import plain
from gapless.protocol.plain import BadCommand, Ping, Publish, Subscribe, Unsubscribe

WORDS = st.sampled_from(["ping", "subscribe", "unsubscribe", "publish", "logs", "e:7", "", "\ud800", "é"])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


SAID = st.dictionaries(
    st.sampled_from(["type", "channel", "id", "data", "since", "history", "joins"]), VALUES
).map(json.dumps)


@given(st.text() | SAID | st.tuples(SAID, st.text(max_size=3)).map("".join))
@example("ping ")
@example("\x00")
@example("[" * 100_000)
def test_any_text_is_a_command_or_says_what_was_wrong_with_it(text: str) -> None:
    try:
        command = plain.decode(text)
    except BadCommand as error:
        assert error.code == 107
        assert error.message
        # It can be told to the client, whatever it was.
        json.loads(plain.error(error.code, error.message, error.id, error.channel))
    else:
        assert isinstance(command, Ping | Subscribe | Unsubscribe | Publish)
        json.loads(plain.pong(command.id))
        if isinstance(command, Publish):
            json.loads(command.payload)
            assert b"\n" not in command.payload
            assert b"\r" not in command.payload


@given(st.integers(1, 2**63 - 1), st.text(), st.none() | st.dictionaries(st.text(), st.text(), max_size=3))
def test_what_goes_out_is_json_whatever_is_in_it(offset: int, text: str, tags: dict[str, str] | None) -> None:
    payload = json.dumps(text).encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # no such channel can be
    piece = plain.item(Publication(payload, offset, "e", tags if _is_text(tags) else None))
    frame = json.loads(plain.live(text, piece))
    assert (frame["channel"], frame["offset"], frame["data"]) == (text, offset, text)


def _is_text(tags: dict[str, str] | None) -> bool:
    return not any(0xD800 <= ord(letter) < 0xE000 for letter in "".join(sum((tags or {}).items(), ())))
