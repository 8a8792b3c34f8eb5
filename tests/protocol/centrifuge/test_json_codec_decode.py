"""Commands of the Centrifuge client protocol in JSON, as its SDKs write them and as nobody should."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gapless.errors import Disconnect
from gapless.model import Position
from gapless.options import Limits
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.codecs import JSON
from gapless.protocol.centrifuge.json_codec import KNOWN_CHARACTERS, KNOWN_LINES, JsonCodec
from gapless.protocol.centrifuge.messages import Command, Invalid, Pong

LIMITS = Limits()

COMMANDS = {
    '{"id":1,"connect":{"token":"t.o.k","name":"js","version":"5.7.1","data":{"a": 1.50}}}': Command(
        1, m.Connect(token="t.o.k", name="js", version="5.7.1", data=b'{"a": 1.50}')
    ),
    '{"id":1,"connect":{"subs":{"#42":{"recover":true,"offset":5,"epoch":"kXwQ","data":[1, 2]}},'
    '"headers":{"X-A":"b"},"flag":1}}': Command(
        1,
        m.Connect(
            subs={"#42": m.Subscribe(recover=True, offset=5, epoch="kXwQ", data=b"[1, 2]")},
            headers={"X-A": "b"},
            flag=1,
        ),
    ),
    '{"id":2,"subscribe":{"channel":"news","token":"t","flag":1}}': Command(
        2, m.Subscribe(channel="news", token="t", flag=1)
    ),
    '{"subscribe":{"channel":"news","recover":true,"epoch":"_","delta":"fossil","type":4},"id":4294967295}': (
        Command(2**32 - 1, m.Subscribe(channel="news", recover=True, epoch="_", delta="fossil", type=4))
    ),
    '{"id":2,"subscribe":{"channel":"c","tf":{"op":"and","nodes":[{"key":"k","cmp":"eq","val":"v"},'
    '{"op":"not","nodes":[{"key":"k","cmp":"in","vals":["a","b"]}]}]}}}': Command(
        2,
        m.Subscribe(
            channel="c",
            tf=m.FilterNode(
                op="and",
                nodes=(
                    m.FilterNode(key="k", cmp="eq", val="v"),
                    m.FilterNode(op="not", nodes=(m.FilterNode(key="k", cmp="in", vals=("a", "b")),)),
                ),
            ),
        ),
    ),
    '{"id":3,"unsubscribe":{"channel":"news"}}': Command(3, m.Unsubscribe("news")),
    '{"id":4,"publish":{"channel":"c","data":"ü\\u00e9"}}': Command(4, m.Publish("c", '"ü\\u00e9"'.encode())),
    '{"id":5,"presence":{"channel":"c"}}': Command(5, m.Presence("c")),
    '{"id":6,"presence_stats":{"channel":"c"}}': Command(6, m.PresenceStats("c")),
    '{"id":7,"history":{"channel":"c","limit":-1,"since":{"offset":9,"epoch":"e"},"reverse":true}}': Command(
        7, m.History("c", -1, Position(9, "e"), True)
    ),
    '{"id":8,"ping":{}}': Command(8, m.Ping()),
    '{"send":{"data":{}}}': Command(0, m.Send(b"{}")),
    '{"id":9,"send":{"data":1}}': Command(9, m.Send(b"1")),
    '{"id":10,"rpc":{"method":"m","data":null}}': Command(10, m.Rpc(b"null", "m")),
    '{"id":10,"rpc":{"method":"m"}}': Command(10, m.Rpc(b"", "m")),
    '{"id":11,"refresh":{"token":"t"}}': Command(11, m.Refresh("t")),
    '{"id":12,"sub_refresh":{"channel":"c","token":"t"}}': Command(12, m.SubRefresh("c", "t")),
    "{}": Command(0, Pong()),
    " { } ": Command(0, Pong()),
    '{"id":0,"publish":"whatever"}': Command(0, Pong()),
    # unknown keys, and fields that are not set
    '{"id":3,"x":{"y":[1]},"unsubscribe":{"channel":"news","z":1.5}}': Command(3, m.Unsubscribe("news")),
    '{"id":3,"connect":null,"unsubscribe":{"channel":null}}': Command(3, m.Unsubscribe()),
    '{"id":0,"publish":{"channel":"c"},"send":{"data":1}}': Command(0, m.Send(b"1")),
    # the first that is set counts
    '{"id":3,"publish":{"channel":"b"},"unsubscribe":{"channel":"a"}}': Command(3, m.Unsubscribe("a")),
}


class TestDecode:
    @pytest.mark.parametrize("frame", COMMANDS)
    def test_a_command_alone(self, frame: str) -> None:
        assert JSON.decode(frame) == [COMMANDS[frame]]
        assert JSON.decode_body(frame.encode()) == [COMMANDS[frame]]

    def test_all_commands_in_one_frame_keep_their_order(self) -> None:
        frame = "\n".join(COMMANDS)
        assert JSON.decode(frame) == list(COMMANDS.values())
        assert JSON.decode(frame + "\n") == list(COMMANDS.values())

    def test_payloads_are_kept_byte_for_byte_on_one_line(self) -> None:
        frame = '{"id":4,"publish":{"data": { "a" :\r 1e2,\t"b":"\\n"} ,"channel":"c"}}'
        assert JSON.decode(frame) == [Command(4, m.Publish("c", b'{ "a" : 1e2,\t"b":"\\n"}'))]

    @pytest.mark.parametrize(
        "frame",
        [
            "",
            "\n",
            " ",
            "{}\n\n",
            "{}\n\n{}",
            "\n{}",
            "null",
            "[]",
            "1",
            '"{}"',
            "{",
            "{}{}",
            '{"id":1}',
            '{"id":1,"unknown":{}}',
            '{"id":1,"connect":null}',
            '{"id":-1,"ping":{}}',
            '{"id":4294967296,"ping":{}}',
            '{"id":1.0,"ping":{}}',
            '{"id":true,"ping":{}}',
            '{"id":"1","ping":{}}',
            '{"id":1,"ping":[]}',
            '{"id":1,"ping":true}',
            '{"id":1,"id":1,"ping":{}}',
            '{"id":1,"subscribe":{"channel":1}}',
            '{"id":1,"subscribe":{"channel":"a","channel":"a"}}',
            '{"id":1,"subscribe":{"recover":1}}',
            '{"id":1,"subscribe":{"recover":"true"}}',
            '{"id":1,"subscribe":{"offset":-1}}',
            '{"id":1,"subscribe":{"offset":1.0}}',
            '{"id":1,"subscribe":{"offset":true}}',
            '{"id":1,"subscribe":{"offset":18446744073709551616}}',
            '{"id":1,"subscribe":{"offset":"1"}}',
            '{"id":1,"subscribe":{"type":2147483648}}',
            '{"id":1,"subscribe":{"flag":9223372036854775808}}',
            '{"id":1,"subscribe":{"tf":[]}}',
            '{"id":1,"subscribe":{"tf":{"vals":"a"}}}',
            '{"id":1,"subscribe":{"tf":{"vals":[1]}}}',
            '{"id":1,"subscribe":{"tf":{"vals":[null]}}}',
            '{"id":1,"subscribe":{"tf":{"nodes":[1]}}}',
            '{"id":1,"subscribe":{"tf":{"nodes":[null]}}}',
            '{"id":1,"connect":{"headers":{"a":1}}}',
            '{"id":1,"connect":{"headers":[]}}',
            '{"id":1,"connect":{"subs":{"a":1}}}',
            '{"id":1,"connect":{"subs":{"a":null}}}',
            '{"id":1,"connect":{"subs":[]}}',
            '{"id":1,"connect":{"token":NaN}}',
            '{"id":1,"connect":{"token":"\\ud800"}}',
            '{"id":1,"connect":{"x":1e999}}',
            '{"id":1,"history":{"since":5}}',
            '{"id":1,"history":{"since":{"epoch":5}}}',
            '{"id":0,"send":{"data":NaN}}',
            '{"id":0,"send":[]}',
            '{"id":0,"publish":{"channel":"c","data":NaN}}',
            '{"id":3,"publish":{"channel":"\\ud800","data":NaN}}',
            '{"id":3,"publish":{"channel":"c","data":nan}}',
            '{"id":3,"publish":{"channel":"c","data":{"a":1,"a":1}}} x',
            '{"id":3,"publish":{"channel":"c","channel":"c","data":{"a":1,"a":1}}}',
            '{"id":3,"publish":{"channel":"c","data":NaN},"publish":{"data":NaN}}',
            '{"id":3,"publish"{"channel":"c","data":NaN}}',
            '{"id":3,"ping":{},"publish":5,"rpc":{"data":NaN',
            '{"id":1,"ping":{},"deep":' + "[" * 66 + "]" * 66 + "}",
            '{"id":1,"ping":{},"deep":' + "[" * 100_000 + "]" * 100_000 + "}",
            "[" * 100_000,
            '{"a":' * 100_000,
            '{"id":' + "1" * 21 + ',"ping":{}}',
            '{"id":' + "1" * 5000 + ',"ping":{}}',
        ],
    )
    def test_anything_else_is_3501(self, frame: str) -> None:
        with pytest.raises(Disconnect) as caught:
            JSON.decode(frame)
        assert caught.value.code == 3501
        assert len(caught.value.reason.encode()) <= 123

    @pytest.mark.parametrize(
        "body", [b"\xff", b'{"id":1,"rpc":{"method":"\xed\xa0\x80"}}', b"\xef\xbb\xbf{}", b""]
    )
    def test_a_body_that_is_no_utf8_json_is_3501(self, body: bytes) -> None:
        with pytest.raises(Disconnect) as caught:
            JSON.decode_body(body)
        assert caught.value.code == 3501

    def test_a_binary_frame_is_3506(self) -> None:
        with pytest.raises(Disconnect) as caught:
            JSON.decode(b"{}")
        assert caught.value.code == 3506

    def test_commands_in_a_frame_are_bounded_exactly(self) -> None:
        assert len(JSON.decode("\n".join(["{}"] * 1024))) == 1024
        with pytest.raises(Disconnect, match="1024 commands"):
            JSON.decode("\n".join(["{}"] * 1025))
        with pytest.raises(Disconnect, match="1 commands"):
            JSON.decode("{}\n{}", replace(LIMITS, commands_per_frame=1))

    def test_parts_in_a_frame_are_bounded_exactly(self) -> None:
        def frame_of(vals: int) -> str:
            half = json.dumps({"id": 1, "subscribe": {"tf": {"nodes": [{}], "vals": [""] * vals}}})
            maps = json.dumps({"id": 2, "connect": {"headers": {"a": ""}, "subs": {"a": {}}}})
            return "\n".join([half, half, maps])

        frame = frame_of(2046)
        assert len(JSON.decode(frame)) == 3
        more = '{"id":3,"connect":{"headers":{"a":""}}}'
        with pytest.raises(Disconnect, match="4096 parts"):
            JSON.decode(f"{frame}\n{more}")

    @pytest.mark.parametrize("field", ["json_depth", "json_members", "json_digits"])
    def test_the_bounds_of_strict_json_come_from_the_limits(self, field: str) -> None:
        frame = '{"id":1,"ping":{},"a":[[[1]]],"b":11}'
        assert JSON.decode(frame) == [Command(1, m.Ping())]
        changes: dict[str, Any] = {field: 1}
        with pytest.raises(Disconnect):
            JSON.decode(frame, replace(LIMITS, **changes))


def test_a_key_may_stand_twice_in_a_payload_and_nowhere_else() -> None:
    data = '{"a":1,"a":2,"b":[{"c":1,"c":2}]}'
    (command,) = JSON.decode(f'{{"id":7,"publish":{{"channel":"c","data":{data}}}}}')
    assert command.request == m.Publish("c", data.encode())
    for wrong in (
        '{"id":7,"id":8,"publish":{"channel":"c","data":1}}',
        '{"id":7,"publish":{"channel":"c","channel":"d","data":1}}',
        '{"id":7,"history":{"channel":"c","since":{"offset":1,"offset":2}}}',
    ):
        with pytest.raises(Disconnect):
            JSON.decode(wrong)


class TestInvalid:
    """A request whose payload alone is at fault costs that request, not the connection."""

    @pytest.mark.parametrize(
        "payload",
        [
            '"\\ud800"',
            "NaN",
            "[1,-Infinity]",
            "1e999",
            "1" * 21,
            "[" * 65 + "]" * 65,
            json.dumps({str(n): n for n in range(1001)}),
        ],
    )
    @pytest.mark.parametrize("request_", ["connect", "subscribe", "publish", "rpc"])
    def test_a_payload_that_is_not_strict(self, request_: str, payload: str) -> None:
        (command,) = JSON.decode(f'{{"id":7,"{request_}":{{"data":{payload},"x":[1]}}}}')
        assert command.id == 7
        assert isinstance(command.request, Invalid)
        assert command.request.request == request_
        assert command.request.reason.startswith("data is not strict JSON: ")

    def test_a_payload_may_have_the_full_depth(self) -> None:
        deep = "[" * 64 + "]" * 64
        assert JSON.decode(f'{{"id":7,"publish":{{"data":{deep}}}}}') == [
            Command(7, m.Publish(data=deep.encode()))
        ]

    def test_what_stands_beside_it_is_still_checked(self) -> None:
        with pytest.raises(Disconnect):
            JSON.decode('{"id":7,"publish":{"channel":5,"data":NaN}}')

    def test_the_other_commands_of_the_frame_are_not_lost(self) -> None:
        first, second, third = JSON.decode(
            '{}\n{"id":7,"publish":{"channel":"c","data":NaN}}\n{"id":8,"ping":{}}'
        )
        assert first.request == Pong()
        assert isinstance(second.request, Invalid)
        assert third == Command(8, m.Ping())

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            ("subscribe", '{"offset":9007199254740993}'),
            ("subscribe", '{"flag":-9007199254740993}'),
            ("history", '{"since":{"offset":18446744073709551615}}'),
            ("connect", '{"subs":{"a":{"offset":9007199254740993}}}'),
        ],
    )
    def test_an_integer_beyond_2_to_the_53(self, name: str, body: str) -> None:
        assert JSON.decode(f'{{"id":1,"{name}":{body}}}') == [
            Command(1, Invalid(name, "an integer beyond 2^53"))
        ]

    def test_2_to_the_53_itself_is_fine(self) -> None:
        (command,) = JSON.decode('{"id":1,"subscribe":{"offset":9007199254740992}}')
        assert command.request == m.Subscribe(offset=2**53)


class TestOtherRequests:
    def test_an_emulation_request_holds_a_text_frame(self) -> None:
        body = json.dumps({"session": "s", "node": "n", "data": '{"id":1,"ping":{}}\n{}', "x": 1}).encode()
        request = JSON.decode_emulation(body)
        assert request == m.EmulationRequest("n", "s", '{"id":1,"ping":{}}\n{}')
        assert JSON.decode(request.data) == [Command(1, m.Ping()), Command(0, Pong())]

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b'{"data":{}}', b'{"session":1}', b"\xff", b'{"data":"\\ud800"}']
    )
    def test_an_emulation_request_that_is_none(self, body: bytes) -> None:
        with pytest.raises(Disconnect) as caught:
            JSON.decode_emulation(body)
        assert caught.value.code == 3501

    def test_a_unidirectional_connection_opens_with_a_bare_request(self) -> None:
        assert JSON.decode_connect('{"token":"t","subs":{"c":{}},"data":\n{"a":1}}') == m.Connect(
            token="t", subs={"c": m.Subscribe()}, data=b'{"a":1}'
        )
        assert JSON.decode_connect(b'{"name":"n"}') == m.Connect(name="n")

    @pytest.mark.parametrize("text", ["", "null", b"", b" null\n", "{}"])
    def test_nothing_is_an_empty_request(self, text: str | bytes) -> None:
        assert JSON.decode_connect(text) == m.Connect()

    @pytest.mark.parametrize(
        "text", ["[]", b"\xff", '{"token":1}', '{"data":NaN}', '{"flag":9007199254740993}']
    )
    def test_a_bare_request_that_is_none(self, text: str | bytes) -> None:
        with pytest.raises(Disconnect) as caught:
            JSON.decode_connect(text)
        assert caught.value.code == 3501


class TestWhatACrowdSays:
    """Many say the same word for word: it is read once."""

    def test_a_common_line_is_read_once(self) -> None:
        codec, line = JsonCodec(), '{"id":2,"subscribe":{"channel":"c","recover":true,"offset":7}}'
        (first,) = codec.decode(line)
        assert first == Command(2, m.Subscribe(channel="c", recover=True, offset=7))
        assert codec.decode(line)[0] is first
        assert codec.decode('{"id":1,"connect":{"name":"js"}}\n' + line)[1] is first

    @pytest.mark.parametrize(
        "line",
        [
            '{"id":1,"connect":{"token":"secret"}}',
            '{"id":1,"connect":{"data":{"password":"secret"}}}',
            '{"id":1,"connect":{"headers":{"authorization":"secret"}}}',
            '{"id":1,"connect":{"subs":{"c":{}}}}',
            '{"id":2,"subscribe":{"channel":"c","token":"secret"}}',
            '{"id":2,"subscribe":{"channel":"c","tf":{"op":"and","nodes":[]}}}',
            '{"id":2,"publish":{"channel":"c","data":1}}',
            '{"id":2,"subscribe":{"channel":"%s"}}' % ("c" * KNOWN_CHARACTERS),
        ],
    )
    def test_secrets_parts_and_long_lines_are_not_remembered(self, line: str) -> None:
        codec = JsonCodec()
        (first,) = codec.decode(line)
        assert codec.decode(line) == [first]
        assert codec.decode(line)[0] is not first

    def test_another_hub_reads_it_within_its_own_limits(self) -> None:
        codec, line = JsonCodec(), '{"id":2,"subscribe":{"channel":"c","recover":true}}'
        codec.decode(line, LIMITS)
        with pytest.raises(Disconnect):
            codec.decode(line, replace(LIMITS, json_members=1))

    def test_no_more_than_so_many_are_remembered(self) -> None:
        codec, line = JsonCodec(), '{"id":2,"subscribe":{"channel":"c%d"}}'
        (first,) = codec.decode(line % 0)
        for number in range(1, KNOWN_LINES):
            codec.decode(line % number)
        assert codec.decode(line % 0)[0] is first
        codec.decode(line % KNOWN_LINES)
        assert codec.decode(line % 0)[0] is not first
