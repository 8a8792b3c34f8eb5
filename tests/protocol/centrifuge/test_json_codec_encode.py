"""Replies and pushes of the Centrifuge client protocol in JSON, byte for byte."""

from __future__ import annotations

import pytest

from gapless.errors import ClientError, TooManyRequests, UnknownChannel
from gapless.model import Member, Publication
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.codecs import JSON
from gapless.protocol.centrifuge.messages import Reply

PUBLICATION = Publication(
    b'{"a": 1}',
    13,
    "kXwQ",
    {"t": "v"},
    Member("cl", "42", b'{"n":1}', b"[]"),
    time=1.0,
    delta=True,
    exclude="x",
)

REPLIES: list[tuple[m.Result | ClientError, str]] = [
    (
        m.ConnectResult(
            client="2f0c",
            version="1.2.3",
            ping=25,
            pong=True,
            subs={"#42": m.SubscribeResult(recoverable=True, positioned=True, epoch="kXwQ", offset=5)},
        ),
        (
            '"connect":{"client":"2f0c","version":"1.2.3","subs":{"#42":{"recoverable":true,"epoch":"kXwQ",'
            '"offset":5,"positioned":true}},"ping":25,"pong":true}'
        ),
    ),
    (
        m.ConnectResult("c", "v", True, 60, b'{"d":1}', {}, 0, False, "s", "n", 1700000000000),
        (
            '"connect":{"client":"c","version":"v","expires":true,"ttl":60,"data":{"d":1},"session":"s",'
            '"node":"n","time":1700000000000}'
        ),
    ),
    (m.SubscribeResult(), '"subscribe":{}'),
    (
        m.SubscribeResult(
            epoch="e", offset=9, was_recovering=True, recovered=True, publications=[Publication(b"1", 10)]
        ),
        (
            '"subscribe":{"epoch":"e","publications":[{"data":1,"offset":10}],"recovered":true,"offset":9,'
            '"was_recovering":true}'
        ),
    ),
    (
        m.SubscribeResult(
            delta=True,
            publications=[
                m.DeltaForm(Publication(b'{"a":"\xc3\xbc"}', 1)),
                m.DeltaForm(Publication(b"2", 2), b"\n;"),
            ],
        ),
        (
            '"subscribe":{"publications":[{"data":"{\\"a\\":\\"ü\\"}","offset":1},'
            '{"data":"\\n;","offset":2,"delta":true}],"delta":true}'
        ),
    ),
    (m.UnsubscribeResult(), '"unsubscribe":{}'),
    (m.PublishResult(), '"publish":{}'),
    (m.PresenceResult(), '"presence":{"presence":{}}'),
    (
        m.PresenceResult({"cl": Member("cl"), "c2": Member("c2", "42", b"{}")}),
        '"presence":{"presence":{"cl":{"user":"","client":"cl"},"c2":{"user":"42","client":"c2","conn_info":{}}}}',
    ),
    (m.PresenceStatsResult(), '"presence_stats":{"num_clients":0,"num_users":0}'),
    (m.HistoryResult(), '"history":{"publications":[],"epoch":"","offset":0}'),
    (
        m.HistoryResult([PUBLICATION], "kXwQ", 13),
        (
            '"history":{"publications":[{"data":{"a": 1},"info":{"user":"42","client":"cl","conn_info":'
            '{"n":1},"chan_info":[]},"offset":13,"tags":{"t":"v"}}],"epoch":"kXwQ","offset":13}'
        ),
    ),
    (m.RpcResult(), '"rpc":{}'),
    (m.RpcResult(b"null"), '"rpc":{"data":null}'),
    (m.RpcResult(b'{\n"a":\r\n1}'), '"rpc":{"data":{"a":1}}'),
    (m.RefreshResult("c", "v", True, 60), '"refresh":{"client":"c","version":"v","expires":true,"ttl":60}'),
    (m.SubRefreshResult(True, 60), '"sub_refresh":{"expires":true,"ttl":60}'),
    (UnknownChannel(), '"error":{"code":102,"message":"unknown channel"}'),
    (TooManyRequests("slow down"), '"error":{"code":111,"message":"slow down","temporary":true}'),
    (ClientError("", code=0), '"error":{"code":100,"message":"internal server error"}'),
    (ClientError("no", code=-1), '"error":{"code":100,"message":"no"}'),
]

PUSHES: list[tuple[m.Push, str]] = [
    (
        m.PublicationPush("news", Publication(b'{"t":"hi"}', 13)),
        '{"channel":"news","pub":{"data":{"t":"hi"},"offset":13}}',
    ),
    (m.PublicationPush("news", Publication(b"[\n]")), '{"channel":"news","pub":{"data":[]}}'),
    (
        m.PublicationPush('n"', PUBLICATION),
        (
            '{"channel":"n\\"","pub":{"data":{"a": 1},"info":{"user":"42","client":"cl","conn_info":{"n":1},'
            '"chan_info":[]},"offset":13,"tags":{"t":"v"}}}'
        ),
    ),
    (
        m.PublicationPush("d", m.DeltaForm(Publication(b'"\\n"', 1, "e", {"t": "v"}))),
        '{"channel":"d","pub":{"data":"\\"\\\\n\\"","offset":1,"tags":{"t":"v"}}}',
    ),
    (
        m.PublicationPush("d", m.DeltaForm(Publication(b"{}", 2), b"2\n2:{}1xw000;")),
        '{"channel":"d","pub":{"data":"2\\n2:{}1xw000;","offset":2,"delta":true}}',
    ),
    (m.JoinPush("c", Member("cl", "42")), '{"channel":"c","join":{"info":{"user":"42","client":"cl"}}}'),
    (m.LeavePush("c", Member("cl")), '{"channel":"c","leave":{"info":{"user":"","client":"cl"}}}'),
    (
        m.UnsubscribePush("news", 2000, "server unsubscribe"),
        '{"channel":"news","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}',
    ),
    (
        m.SubscribePush("#42", True, "e", 3, True, b"{}"),
        '{"channel":"#42","subscribe":{"recoverable":true,"epoch":"e","offset":3,"positioned":true,"data":{}}}',
    ),
    (m.MessagePush(b"[1]"), '{"message":{"data":[1]}}'),
    (
        m.ConnectPush(m.ConnectResult("c", "v", session="s", ping=25)),
        '{"connect":{"client":"c","version":"v","ping":25,"session":"s"}}',
    ),
    (m.DisconnectPush(3503, "force disconnect"), '{"disconnect":{"code":3503,"reason":"force disconnect"}}'),
    (m.RefreshPush(True, 60), '{"refresh":{"expires":true,"ttl":60}}'),
]


@pytest.mark.parametrize(("outcome", "expected"), REPLIES)
def test_a_reply(outcome: m.Result | ClientError, expected: str) -> None:
    assert JSON.encode_reply(Reply(7, outcome)).decode() == f'{{"id":7,{expected}}}'


@pytest.mark.parametrize(("push", "expected"), PUSHES)
def test_a_push(push: m.Push, expected: str) -> None:
    assert JSON.encode_bare_push(push).decode() == expected
    assert JSON.encode_push(push).decode() == f'{{"push":{expected}}}'


@pytest.mark.parametrize("push", [push for push, _ in PUSHES if isinstance(push, m.PublicationPush)])
def test_a_publication_push_is_the_same_by_its_own_way(push: m.PublicationPush) -> None:
    assert JSON.encode_publication_push(push.channel, push.pub) == JSON.encode_push(push)
    assert JSON.encode_publication_push(push.channel, push.pub, bare=True) == JSON.encode_bare_push(push)


def test_a_frame_joins_messages_with_newlines() -> None:
    frames = [JSON.encode_reply(Reply(1, m.PublishResult())), JSON.ping]
    assert JSON.join(frames) == b'{"id":1,"publish":{}}\n{}'
    assert JSON.join(frames[:1]) == frames[0]


def test_the_ping_is_an_empty_message() -> None:
    assert JSON.ping == b"{}"
