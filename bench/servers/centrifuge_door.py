"""The door of the Centrifuge client protocol (version 2, JSON): the same for every server that has it."""

from __future__ import annotations

from ..opening import Door

PING_SECONDS = 3600
"""Between pings. The generator answers none, and no server lives for the half hour until the first."""

_PATH = "/connection/websocket"
# Both commands in one frame, a line each, as the SDK for browsers sends them.
_WORDS = '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"{channel}"}}'
_RESUME_WORDS = (
    '{"id":1,"connect":{}}\n'
    '{"id":2,"subscribe":{"channel":"{channel}","recover":true,"offset":{offset},"epoch":"{epoch}"}}'
)

# What was missed comes inside the reply to subscribe, behind the words that say that there is one.
DOOR = Door(
    _PATH, words=(_WORDS,), ready='{"id":2,"subscribe":{', resume=_PATH, resume_words=(_RESUME_WORDS,)
)
