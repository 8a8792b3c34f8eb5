"""The official Python client of the server API."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import cent
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from .backend import Backend, Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[cent.AsyncClient]:
    client = cent.AsyncClient(f"{settings.url}/api", settings.key)
    yield client
    await client.close()


def unique(namespace: str) -> str:
    return f"{namespace}:{secrets.token_hex(6)}"


class Guest:
    """A connection of a user, spoken by hand: what the API does to it can be seen."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._unread: list[dict[str, Any]] = []

    async def say(self, **command: Any) -> dict[str, Any]:
        """One command, and its reply."""
        await self._socket.send(json.dumps({"id": 1, **command}))
        return await self.next("id")

    async def next(self, kind: str) -> dict[str, Any]:
        """The next message that has this key, or is a push that has it."""
        while True:
            for line in (await self._socket.recv()).split("\n"):
                self._unread.append(json.loads(line))
            for at, message in enumerate(self._unread):
                if kind in message or kind in message.get("push", {}):
                    del self._unread[: at + 1]
                    return message

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closed it."""
        with pytest.raises(ConnectionClosed) as gone:
            await self.next("what never comes")
        assert gone.value.rcvd is not None
        return gone.value.rcvd.code, gone.value.rcvd.reason


@asynccontextmanager
async def guest(settings: Settings, user: str, *channels: str) -> AsyncIterator[Guest]:
    """A user's connection, subscribed to channels."""
    async with (
        Backend(settings) as backend,
        connect(f"ws://{settings.host}:{settings.port}/connection/websocket", proxy=None) as socket,
    ):
        found = Guest(socket)
        await found.say(connect={"token": backend.token(user)})
        for channel in channels:
            await found.say(subscribe={"channel": channel})
        yield found


async def refusal(call: Any) -> int:
    with pytest.raises(cent.CentApiResponseError) as refused:
        await call
    assert refused.value.message
    return refused.value.code


async def test_it_publishes_and_gets_the_position(api: cent.AsyncClient) -> None:
    channel = unique("stream")
    first = await api.publish(cent.PublishRequest(channel=channel, data={"n": 1}))
    second = await api.publish(cent.PublishRequest(channel=channel, data="two", tags={"level": "low"}))
    assert (first.offset, second.offset) == (1, 2)
    assert first.epoch == second.epoch != ""


async def test_a_publication_without_history_has_no_position(api: cent.AsyncClient) -> None:
    for request in (
        cent.PublishRequest(channel=unique("live"), data={}),
        cent.PublishRequest(channel=unique("stream"), data={}, skip_history=True),
    ):
        assert (await api.publish(request)).offset == 0


async def test_it_publishes_a_payload_in_base64(api: cent.AsyncClient) -> None:
    channel = unique("stream")
    payload = base64.b64encode('{"text":"grüße"}'.encode()).decode()
    await api.publish(cent.PublishRequest(channel=channel, data=None, b64data=payload))
    history = await api.history(cent.HistoryRequest(channel=channel, limit=1))
    assert history.publications[0].data == {"text": "grüße"}


async def test_a_repeat_with_the_same_key_publishes_nothing(api: cent.AsyncClient) -> None:
    channel = unique("stream")
    request = cent.PublishRequest(channel=channel, data={"n": 1}, idempotency_key=secrets.token_hex(8))
    assert await api.publish(request) == await api.publish(request)
    assert (await api.history(cent.HistoryRequest(channel=channel))).offset == 1


async def test_a_broadcast_fails_only_where_it_must(api: cent.AsyncClient) -> None:
    channels = [unique("stream"), unique("nowhere"), unique("stream")]
    result = await api.broadcast(cent.BroadcastRequest(channels=channels, data={"n": 1}))
    good, bad, other = result.responses
    assert good.result is not None
    assert other.result is not None
    assert (good.result.offset, other.result.offset) == (1, 1)
    assert bad.error is not None
    assert (bad.error.code, bad.error.message) == (102, "unknown channel")


async def test_it_pages_through_the_history_and_removes_it(api: cent.AsyncClient) -> None:
    channel = unique("stream")
    for n in range(1, 6):
        await api.publish(cent.PublishRequest(channel=channel, data={"n": n}, tags={"n": str(n)}))
    page = await api.history(cent.HistoryRequest(channel=channel, limit=2))
    assert [(p.offset, p.data, p.tags) for p in page.publications] == [
        (1, {"n": 1}, {"n": "1"}),
        (2, {"n": 2}, {"n": "2"}),
    ]
    since = cent.StreamPosition(offset=2, epoch=page.epoch)
    rest = await api.history(cent.HistoryRequest(channel=channel, limit=-1, since=since))
    assert [p.offset for p in rest.publications] == [3, 4, 5]
    newest = await api.history(cent.HistoryRequest(channel=channel, limit=2, reverse=True))
    assert [p.offset for p in newest.publications] == [5, 4]
    await api.history_remove(cent.HistoryRemoveRequest(channel=channel))
    nothing = await api.history(cent.HistoryRequest(channel=channel, limit=-1))
    assert (nothing.publications, nothing.offset, nothing.epoch) == ([], 5, page.epoch)


async def test_it_is_told_what_is_wrong(api: cent.AsyncClient, settings: Settings) -> None:
    elsewhere = cent.StreamPosition(offset=1, epoch="elsewhere")
    stream, live = unique("stream"), unique("live")
    await api.publish(cent.PublishRequest(channel=stream, data={}))
    assert await refusal(api.publish(cent.PublishRequest(channel="", data={}))) == 107
    assert await refusal(api.publish(cent.PublishRequest(channel=unique("nowhere"), data={}))) == 102
    assert await refusal(api.history(cent.HistoryRequest(channel=live))) == 108
    assert await refusal(api.presence(cent.PresenceRequest(channel=live))) == 108
    assert await refusal(api.history(cent.HistoryRequest(channel=stream, since=elsewhere))) == 112
    stranger = cent.AsyncClient(f"{settings.url}/api", "not the key")
    with pytest.raises(cent.CentUnauthorizedError):
        await stranger.info(cent.InfoRequest())
    await stranger.close()


async def test_it_sees_who_is_there(api: cent.AsyncClient, settings: Settings) -> None:
    channel = unique("room")
    async with guest(settings, "ada", channel), guest(settings, "ada", channel):
        presence = await api.presence(cent.PresenceRequest(channel=channel))
        assert [member.user for member in presence.presence.values()] == ["ada", "ada"]
        assert all(member.client == client for client, member in presence.presence.items())
        stats = await api.presence_stats(cent.PresenceStatsRequest(channel=channel))
        assert (stats.num_clients, stats.num_users) == (2, 1)
        found = await api.channels(cent.ChannelsRequest(pattern=f"*{channel[-8:]}"))
        assert {name: context.num_clients for name, context in found.channels.items()} == {channel: 2}
        [node] = (await api.info(cent.InfoRequest())).nodes
        assert node.uid
        assert node.num_clients >= 2


async def test_it_subscribes_and_unsubscribes_a_user(api: cent.AsyncClient, settings: Settings) -> None:
    user, channel = secrets.token_hex(4), unique("stream")
    async with guest(settings, user) as ada:
        top = await api.publish(cent.PublishRequest(channel=channel, data={"n": 1}))
        await api.publish(cent.PublishRequest(channel=channel, data={"n": 2}))
        since = cent.StreamPosition(offset=1, epoch=top.epoch)
        await api.subscribe(cent.SubscribeRequest(user=user, channel=channel, recover_since=since))
        pushed = (await ada.next("subscribe"))["push"]
        assert pushed["channel"] == channel
        assert pushed["subscribe"]["recoverable"]
        assert (await ada.next("pub"))["push"]["pub"] == {"data": {"n": 2}, "offset": 2}
        await api.unsubscribe(cent.UnsubscribeRequest(user=user, channel=channel))
        left = (await ada.next("unsubscribe"))["push"]
        assert left == {"channel": channel, "unsubscribe": {"code": 2000, "reason": "server unsubscribe"}}


async def test_it_overrides_options_for_one_subscription(api: cent.AsyncClient, settings: Settings) -> None:
    user, channel = secrets.token_hex(4), unique("room")
    async with guest(settings, user) as ada:
        silent = cent.ChannelOptionsOverride(presence=cent.BoolValue(value=False))
        await api.subscribe(cent.SubscribeRequest(user=user, channel=channel, override=silent))
        await ada.next("subscribe")
        assert (await api.presence(cent.PresenceRequest(channel=channel))).presence == {}


async def test_it_disconnects_a_user_but_for_some(api: cent.AsyncClient, settings: Settings) -> None:
    user = secrets.token_hex(4)
    async with guest(settings, user, unique("room")) as ada, guest(settings, user, keep := unique("room")):
        stay = list((await api.presence(cent.PresenceRequest(channel=keep))).presence)
        how = cent.Disconnect(code=4777, reason="and do not return")
        await api.disconnect(cent.DisconnectRequest(user=user, disconnect=how, whitelist=stay))
        assert await ada.closed() == (4777, "and do not return")
        assert list((await api.presence(cent.PresenceRequest(channel=keep))).presence) == stay


async def test_it_refreshes_a_user_or_lets_it_expire(api: cent.AsyncClient, settings: Settings) -> None:
    user = secrets.token_hex(4)
    async with guest(settings, user) as ada:
        await api.refresh(cent.RefreshRequest(user=user, expire_at=4_000_000_000))
        refreshed = (await ada.next("refresh"))["push"]["refresh"]
        assert refreshed["expires"]
        assert refreshed["ttl"] > 3600
        await api.refresh(cent.RefreshRequest(user=user, expired=True))
        assert await ada.closed() == (3005, "connection expired")


async def test_what_is_done_to_nobody_succeeds(api: cent.AsyncClient) -> None:
    user, channel = secrets.token_hex(4), unique("stream")
    await api.subscribe(cent.SubscribeRequest(user=user, channel=channel))
    await api.unsubscribe(cent.UnsubscribeRequest(user=user, channel=channel))
    await api.refresh(cent.RefreshRequest(user=user))
    await api.disconnect(cent.DisconnectRequest(user=user))


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_batch_answers_each_call(api: cent.AsyncClient, parallel: bool) -> None:
    channel, other = unique("stream"), unique("room")
    requests = [
        cent.PublishRequest(channel=channel, data={"n": 1}),
        cent.PresenceRequest(channel=other),
        cent.HistoryRemoveRequest(channel=other),
        cent.PublishRequest(channel=unique("stream"), data={"n": 2}),
    ]
    batch = await api.batch(cent.BatchRequest(requests=requests, parallel=parallel))
    published, presence, removed, published_too = batch.replies
    assert isinstance(published, cent.PublishResult)
    assert isinstance(presence, cent.PresenceResult)
    assert isinstance(removed, cent.HistoryRemoveResult)
    assert isinstance(published_too, cent.PublishResult)
    assert (published.offset, presence.presence, published_too.offset) == (1, {}, 1)


def test_the_synchronous_client_works_as_well(settings: Settings) -> None:
    client = cent.Client(f"{settings.url}/api", settings.key)
    try:
        assert client.publish(cent.PublishRequest(channel=unique("stream"), data={"n": 1})).offset == 1
    finally:
        client.close()
