"""What holds of `protocol/centrifuge/protobuf_codec`, whatever is put in."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import Disconnect
from gapless.protocol.centrifuge import client_pb2 as pb
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.messages import Pong

from ....protocol.centrifuge.test_protobuf_codec import PROTOBUF, framed

REAL = framed(
    pb.Command(id=1, connect=pb.ConnectRequest(token="t", data=b"{}", headers={"a": "b"})),
    pb.Command(
        id=2,
        subscribe=pb.SubscribeRequest(
            channel="c", offset=300, tf=pb.FilterNode(op="not", nodes=[pb.FilterNode(key="k", vals=["a"])])
        ),
    ),
    pb.Command(id=3, publish=pb.PublishRequest(channel="c", data=b'{"a":[1,2]}')),
    pb.Command(id=4, history=pb.HistoryRequest(channel="c", since=pb.StreamPosition(offset=1))),
)

bodies = st.lists(st.binary(max_size=20)).map(lambda parts: framed(*parts))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    at = draw(st.integers(0, len(REAL) - 1))
    return REAL[:at] + draw(st.binary(max_size=3)) + REAL[at + draw(st.integers(0, 2)) :]


@given(st.binary(max_size=60) | bodies | damaged())
def test_any_bytes_give_commands_or_3501(frame: bytes) -> None:
    try:
        commands = PROTOBUF.decode(frame)
    except Disconnect as refused:
        code = refused.code
    else:
        code = 3501
        assert commands
        for command in commands:
            assert command.id or isinstance(command.request, (Pong, m.Send))
            payload = getattr(command.request, "data", b"")
            if payload:
                json.loads(payload)
                assert b"\n" not in payload
    assert code == 3501


@given(st.binary(max_size=40))
def test_any_bytes_give_an_emulation_request_or_3501(body: bytes) -> None:
    try:
        PROTOBUF.decode_emulation(body)
    except Disconnect as refused:
        code = refused.code
        assert code == 3501
