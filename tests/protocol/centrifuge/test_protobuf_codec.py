"""The Centrifuge client protocol in Protobuf: frames, bytes, and what is refused."""

from __future__ import annotations

import pytest

from gapless.errors import Disconnect, UnknownChannel
from gapless.model import Member, Position, Publication
from gapless.opaque import is_packed, unpacked
from gapless.options import Limits
from gapless.protocol.centrifuge import client_pb2 as pb
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.codecs import JSON
from gapless.protocol.centrifuge.messages import Command, Invalid, Pong, Reply
from gapless.protocol.centrifuge.protobuf_codec import ProtobufCodec

from ...support.centrifuge.wire import messages

PROTOBUF = ProtobufCodec()


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 128:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def framed(*messages: pb.Command | bytes) -> bytes:
    bodies = [message if isinstance(message, bytes) else message.SerializeToString() for message in messages]
    return b"".join(varint(len(body)) + body for body in bodies)


def disconnect(frame: str | bytes, limits: Limits | None = None) -> Disconnect:
    with pytest.raises(Disconnect) as caught:
        PROTOBUF.decode(frame, limits or Limits())
    return caught.value


class TestDecode:
    def test_bytes_as_they_are_on_the_wire(self) -> None:
        frame = bytes.fromhex("0a 0801 2206 0a01 74 2201 6e".replace(" ", ""))
        assert PROTOBUF.decode(frame) == [Command(1, m.Connect(token="t", name="n"))]

    def test_an_empty_message_is_a_pong(self) -> None:
        assert PROTOBUF.decode(b"\x00") == [Command(0, Pong())]
        assert PROTOBUF.decode(b"\x00\x00") == [Command(0, Pong()), Command(0, Pong())]

    def test_commands_of_a_frame_keep_their_order(self) -> None:
        frame = framed(
            pb.Command(id=1, connect=pb.ConnectRequest()),
            b"",
            pb.Command(id=2, subscribe=pb.SubscribeRequest(channel="c" * 200, offset=7, type=-1, flag=3)),
            pb.Command(id=2**32 - 1, history=pb.HistoryRequest(limit=-1, since=pb.StreamPosition(epoch="e"))),
            pb.Command(send=pb.SendRequest(data=b"[1]")),
        )
        assert PROTOBUF.decode(frame) == PROTOBUF.decode_body(frame)
        assert PROTOBUF.decode(frame) == [
            Command(1, m.Connect()),
            Command(0, Pong()),
            Command(2, m.Subscribe(channel="c" * 200, offset=7, type=-1, flag=3)),
            Command(2**32 - 1, m.History(limit=-1, since=Position(0, "e"))),
            Command(0, m.Send(b"[1]")),
        ]

    def test_a_command_without_an_id_is_a_pong_whatever_it_holds(self) -> None:
        assert PROTOBUF.decode(framed(pb.Command(rpc=pb.RPCRequest(data=b"NaN")))) == [Command(0, Pong())]

    def test_the_first_request_that_is_set_counts(self) -> None:
        both = pb.Command(id=1, unsubscribe=pb.UnsubscribeRequest(), publish=pb.PublishRequest(data=b"NaN"))
        assert PROTOBUF.decode(framed(both)) == [Command(1, m.Unsubscribe())]

    def test_without_an_id_only_a_send_counts(self) -> None:
        both = pb.Command(publish=pb.PublishRequest(), send=pb.SendRequest(data=b"1"))
        assert PROTOBUF.decode(framed(both)) == [Command(0, m.Send(b"1"))]

    def test_fields_that_nobody_asks_for_are_ignored(self) -> None:
        paged = pb.Command(id=1, subscribe=pb.SubscribeRequest(channel="c", phase=2, cursor="x"))
        assert PROTOBUF.decode(framed(paged)) == [Command(1, m.Subscribe("c"))]

    def test_unknown_fields_are_ignored(self) -> None:
        # field 99, length-delimited, beside a ping
        assert PROTOBUF.decode(framed(b"\x08\x01\x5a\x00\x9a\x06\x01x")) == [Command(1, m.Ping())]

    def test_payloads_are_kept_on_one_line(self) -> None:
        rpc = pb.Command(id=1, rpc=pb.RPCRequest(data=b'\n{ "a":\r\n1e2 }\n'))
        assert PROTOBUF.decode(framed(rpc)) == [Command(1, m.Rpc(b'{ "a":1e2 }'))]

    @pytest.mark.parametrize(("depth", "read"), [(90, True), (5000, False)])
    def test_a_deeply_nested_filter_is_read_or_refused(self, depth: int, read: bool) -> None:
        node = b""
        for _ in range(depth):
            node = b"\x32" + varint(len(node)) + node
        subscribe = b"\x6a" + varint(len(node)) + node
        frame = framed(b"\x08\x01\x2a" + varint(len(subscribe)) + subscribe)
        if read:
            assert isinstance(PROTOBUF.decode(frame)[0].request, m.Subscribe)
        else:
            assert disconnect(frame).code == 3501

    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            b"\x01",
            b"\x02\x08",
            b"\x80",
            b"\xff\xff\xff\xff\xff\xff\x00",
            b"\xff\xff\xff\xff\x7f",
            b"\x00\x80",
            b"\x00\x05ab",
            framed(pb.Command(id=1)),
            framed(b"\x22\x01\xff"),
            framed(b"\x08\x01\x22\x03\x0a\x01\xff"),  # a token that is not UTF-8
            framed(b"\x08\x01\x0f"),
            framed(b"garbage"),
        ],
    )
    def test_anything_else_is_3501(self, frame: bytes) -> None:
        refused = disconnect(frame)
        assert refused.code == 3501
        assert len(refused.reason.encode()) <= 123

    def test_a_text_frame_is_3506(self) -> None:
        assert disconnect("{}").code == 3506

    def test_commands_in_a_frame_are_bounded_exactly(self) -> None:
        assert len(PROTOBUF.decode(b"\x00" * 1024)) == 1024
        assert disconnect(b"\x00" * 1025).code == 3501
        assert disconnect(b"\x00\x00", Limits(commands_per_frame=1)).code == 3501

    def test_parts_in_a_frame_are_bounded_exactly(self) -> None:
        def frame(vals: int) -> bytes:
            tf = pb.FilterNode(nodes=[pb.FilterNode()], vals=[""] * vals)
            half = pb.Command(id=1, subscribe=pb.SubscribeRequest(tf=tf))
            maps = pb.ConnectRequest(headers={"a": ""}, subs={"a": pb.SubscribeRequest()})
            return framed(half, half, pb.Command(id=2, connect=maps))

        more = framed(pb.Command(id=3, connect=pb.ConnectRequest(headers={"a": ""})))
        assert len(PROTOBUF.decode(frame(2046))) == 3
        assert "4096 parts" in disconnect(frame(2046) + more).reason

    @pytest.mark.parametrize(
        "payload", [b"NaN", b"\xff", b"{", b'"\\ud800"', b"[" * 65 + b"]" * 65, b"1" * 21, b"\x00"]
    )
    def test_a_payload_that_is_no_strict_json_is_bytes(self, payload: bytes) -> None:
        frame = framed(
            pb.Command(id=7, publish=pb.PublishRequest(channel="c", data=payload)),
            pb.Command(id=8, ping=pb.PingRequest()),
        )
        first, second = PROTOBUF.decode(frame)
        assert isinstance(first.request, m.Publish)
        assert is_packed(first.request.data)
        assert unpacked(first.request.data) == payload
        assert second == Command(8, m.Ping())
        (push,) = messages(PROTOBUF.encode_publication_push("c", Publication(first.request.data)))
        assert pb.Reply.FromString(push).push.pub.data == payload
        with pytest.raises(Disconnect) as refused:
            JSON.encode_publication_push("c", Publication(first.request.data))
        assert refused.value.code == 3506

    def test_an_integer_beyond_2_to_the_53_costs_that_request(self) -> None:
        exact = pb.Command(id=1, subscribe=pb.SubscribeRequest(offset=2**53))
        beyond = pb.Command(id=2, subscribe=pb.SubscribeRequest(flag=-(2**53) - 1))
        assert PROTOBUF.decode(framed(exact, beyond)) == [
            Command(1, m.Subscribe(offset=2**53)),
            Command(2, Invalid("subscribe", "an integer beyond 2^53")),
        ]

    def test_an_emulation_request_holds_a_binary_frame(self) -> None:
        inner = framed(pb.Command(id=1, ping=pb.PingRequest()))
        body = pb.EmulationRequest(node="n", session="s", data=inner).SerializeToString()
        request = PROTOBUF.decode_emulation(body)
        assert request == m.EmulationRequest("n", "s", inner)
        assert PROTOBUF.decode(request.data) == [Command(1, m.Ping())]
        with pytest.raises(Disconnect) as caught:
            PROTOBUF.decode_emulation(b"\xff")
        assert caught.value.code == 3501


class TestEncode:
    def test_bytes_as_they_are_on_the_wire(self) -> None:
        assert PROTOBUF.encode_reply(Reply(7, m.UnsubscribeResult())) == b"\x04\x08\x07\x3a\x00"
        assert (
            PROTOBUF.encode_reply(Reply(1, UnknownChannel("no"))) == b"\x0a\x08\x01\x12\x06\x08\x66\x12\x02no"
        )
        push = m.PublicationPush("c", Publication(b"{}", 5))
        assert PROTOBUF.encode_bare_push(push) == b"\x0b\x12\x01c\x22\x06\x22\x02{}\x30\x05"
        assert PROTOBUF.encode_push(push) == b"\x0d\x22\x0b\x12\x01c\x22\x06\x22\x02{}\x30\x05"

    def test_a_frame_joins_messages_with_their_lengths(self) -> None:
        long = PROTOBUF.encode_reply(Reply(2, m.RpcResult(b'"' + b"x" * 300 + b'"')))
        assert long.startswith(b"\xb6\x02\x08\x02\x6a\xb1\x02\x0a\xae\x02")
        assert len(long) == 2 + 0x136
        middling = PROTOBUF.encode_reply(Reply(2, m.RpcResult(b'"' + b"x" * 120 + b'"')))
        assert middling.startswith(b"\x80\x01\x08\x02\x6a\x7c\x0a\x7a")
        assert len(middling) == 2 + 128
        short = PROTOBUF.encode_reply(Reply(3, m.PublishResult()))
        assert PROTOBUF.join([PROTOBUF.ping, long, short]) == b"\x00" + long + b"\x04\x08\x03\x42\x00"

    def test_the_ping_is_an_empty_message(self) -> None:
        assert PROTOBUF.ping == b"\x00"

    def test_delta_form_is_raw_bytes(self) -> None:
        publication = Publication(b'{"a":1}', 5, tags={"t": "v"}, info=Member("c"), delta=True)
        whole = pb.Push.FromString(
            PROTOBUF.encode_bare_push(m.PublicationPush("c", m.DeltaForm(publication)))[1:]
        )
        assert (whole.pub.data, whole.pub.delta, whole.pub.offset) == (b'{"a":1}', False, 5)
        patched = m.PublicationPush("c", m.DeltaForm(publication, b"2\n2:{}1xw000;"))
        found = pb.Push.FromString(PROTOBUF.encode_bare_push(patched)[1:])
        assert (found.pub.data, found.pub.delta, found.pub.offset) == (b"2\n2:{}1xw000;", True, 5)
        assert (dict(found.pub.tags), found.pub.info.client) == ({"t": "v"}, "c")
