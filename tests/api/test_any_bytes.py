"""The server API and any bytes at all: an answer, or the one error that says they are no call."""

from __future__ import annotations

import json

import anyio
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless import ChannelOptions, Hub
from gapless.api import METHODS, BadBody, call

CHANNELS = {
    "logs": ChannelOptions(history=100),
    "now": ChannelOptions(),
    "room": ChannelOptions(history=10, presence=True),
}

NAMES = ["channel", "channels", "data", "b64data", "limit", "since", "reverse", "pattern", "all", "user"]
NAMES += ["tags", "idempotency_key", "disconnect", "whitelist", "commands", "parallel", "method", "params"]
NAMES += ["skip_history", "version", "expire_at", "override", "info", "recover_since", "client", "offset"]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(["logs", "room", "now", "publish", "e30="]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*NAMES, *METHODS]) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)

BODIES = st.binary(max_size=60) | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6).map(
    lambda said: json.dumps(said).encode()
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([*METHODS, "batch", "nope"]), BODIES)
def test_any_bytes_have_an_answer_or_are_a_bad_body(method: str, body: bytes) -> None:
    async def check() -> None:
        async with Hub(channels=CHANNELS) as hub:
            try:
                said = await call(hub, method, body)
            except BadBody as error:
                assert str(error)
                return
        if said is None:
            assert method == "nope"
        else:
            assert orjson.loads(said).keys() in ({"result"}, {"error"}, {"replies"})

    anyio.run(check)
