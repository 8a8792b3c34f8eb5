"""`client.js` as anybody's page imports it: order, resume, gaps and the end of a connection."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from .fake_hub import FakeHub, Stream

pytestmark = pytest.mark.browser

START = """async ({base, options}) => {
  const { connect } = await import(base + "client.js");
  window.hub = connect(base, options);
  window.log = [];
  window.hub.onstate = (state) => log.push(["state", state.name, state.code ?? null]);
  window.listen = (channel, options = {}) => {
    const say = (kind) => (value) => log.push([kind, value]);
    const callbacks = { onGap: say("gap"), onHistory: say("history"), onError: say("error") };
    return (window[channel] = hub.subscribe(channel, say("got"), { ...callbacks, ...options }));
  };
}"""


@pytest.fixture
def client(page: Page, hub: FakeHub) -> Page:
    """A page without scripts of its own, with a `hub` in it, and a `log` of all that is said."""
    return start(page, hub)


def start(page: Page, hub: FakeHub, **options: Any) -> Page:
    page.goto(f"{hub.url}client.js")
    page.evaluate(START, {"base": hub.url, "options": options})
    return page


def wait_for(client: Page, kind: str, times: int = 1) -> list[Any]:
    """Until so many of a kind have been logged; then all of them."""
    client.wait_for_function(
        "([kind, times]) => log.filter(([k]) => k === kind).length >= times", arg=[kind, times]
    )
    return logged(client, kind)


def logged(client: Page, kind: str) -> list[Any]:
    return [entry[1] for entry in client.evaluate("log") if entry[0] == kind]


def offsets(client: Page) -> list[int | None]:
    return [publication["offset"] for publication in logged(client, "got")]


def states(client: Page) -> list[str]:
    return logged(client, "state")


def back(hub: FakeHub, channel: str) -> None:
    hub.wait_for("the subscription", lambda: any(channel in visit.subscribed for visit in hub.visits))


def test_history_comes_first_in_order_however_many_frames_it_takes(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", *range(1200))
    client.evaluate("listen('logs')")
    (joined,) = wait_for(client, "history")
    hub.publish("logs", "one")
    hub.publish("logs", "two", "three")
    wait_for(client, "got", 1203)
    assert offsets(client) == list(range(1, 1204))
    got = logged(client, "got")
    assert [got[1199]["history"], got[1200]["history"]] == [True, False]
    assert got[1200] == {
        "channel": "logs",
        "offset": 1201,
        "epoch": "first",
        "data": "one",
        "tags": None,
        "info": None,
        "history": False,
        "recovered": False,
    }
    assert joined == {
        "channel": "logs",
        "epoch": "first",
        "count": 1200,
        "recovered": None,
        "oldest": 1,
        "head": 1200,
    }


def test_it_replays_no_more_than_was_asked_for(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", *range(10))
    hub.publish("events", *range(10))
    client.evaluate("listen('logs', {history: 2}); listen('events', {history: 0})")
    wait_for(client, "history", 2)
    assert offsets(client) == [9, 10]
    assert client.evaluate("events.position") == {"epoch": "first", "offset": 10}


def test_it_begins_behind_a_position(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", *range(10))
    hub.publish("events", *range(10))
    client.evaluate(
        "listen('logs', {since: 'first:8'}); listen('events', {since: {epoch: 'first', offset: 9}})"
    )
    wait_for(client, "history", 2)
    assert [(got["channel"], got["offset"]) for got in logged(client, "got")] == [
        ("logs", 9),
        ("logs", 10),
        ("events", 10),
    ]


def test_a_cut_is_resumed_from_where_it_was_without_a_repeat(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", 1, 2)
    hub.publish("events", 1)
    client.evaluate("listen('logs'); listen('events')")
    wait_for(client, "history", 2)
    hub.cut()
    hub.publish("logs", 3, 4)
    back(hub, "events")
    hub.publish("logs", 5)
    wait_for(client, "got", 6)
    (visit,) = hub.visits
    assert visit.query["since"] == "logs@first:2"
    assert [command["since"] for command in visit.commands] == ["first:1"]
    logs = [got for got in logged(client, "got") if got["channel"] == "logs"]
    assert [(got["offset"], got["recovered"]) for got in logs] == [
        (1, False),
        (2, False),
        (3, True),
        (4, True),
        (5, False),
    ]
    assert [joined["recovered"] for joined in logged(client, "history")] == [None, None, True, True]
    assert logged(client, "gap") == []


def test_what_was_delivered_already_is_not_delivered_again(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", "a", "b")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.send("logs", {"offset": 2, "data": "b"})
    hub.send("logs", {"batch": [{"offset": 1, "data": "a"}, {"offset": 3, "data": "c"}]})
    wait_for(client, "got", 3)
    assert offsets(client) == [1, 2, 3]


def test_a_hole_that_nobody_announced_is_said_to_be_missing(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", "a")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.send("logs", {"offset": 4, "data": "d"})
    wait_for(client, "got", 2)
    assert logged(client, "gap") == [
        {"channel": "logs", "from": 2, "to": 3, "reason": "missing", "epoch": "first"}
    ]


def test_an_announced_gap_is_handed_on_and_what_follows_goes_on(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", "a")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    gap = {"from": 2, "to": 3, "reason": "trimmed", "epoch": "first"}
    hub.send("logs", {"gap": gap})
    hub.send("logs", {"offset": 4, "data": "d"})
    wait_for(client, "got", 2)
    assert logged(client, "gap") == [{"channel": "logs", **gap}]
    assert offsets(client) == [1, 4]


def test_a_new_epoch_counts_from_one_again(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", "a", "b")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.streams["logs"] = Stream(epoch="second")
    hub.send("logs", {"gap": {"from": 3, "to": None, "reason": "epoch", "epoch": "second"}})
    hub.publish("logs", "c")
    wait_for(client, "got", 3)
    assert offsets(client) == [1, 2, 1]
    assert client.evaluate("logs.position") == {"epoch": "second", "offset": 1}
    assert [gap["reason"] for gap in logged(client, "gap")] == ["epoch"]


def test_a_resume_that_is_trimmed_says_what_is_lost_before_what_is_kept(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", "a")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.cut()
    hub.publish("logs", "b", "c", "d", "e")
    hub.trim("logs", 4)
    wait_for(client, "got", 3)
    (gap,) = logged(client, "gap")
    assert gap == {
        "channel": "logs",
        "from": 2,
        "to": 3,
        "reason": "trimmed",
        "epoch": "first",
        "recovered": False,
    }
    assert offsets(client) == [1, 4, 5]
    kinds = [entry[0] for entry in client.evaluate("log") if entry[0] in ("gap", "got")]
    assert kinds == ["got", "gap", "got", "got"]


def test_a_resume_in_another_epoch_says_so(client: Page, hub: FakeHub) -> None:
    hub.publish("logs", "a", "b")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.streams["logs"] = Stream("second", 1, [(1, "new")])
    hub.cut()
    wait_for(client, "got", 3)
    (gap,) = logged(client, "gap")
    assert (gap["from"], gap["to"], gap["reason"], gap["epoch"]) == (3, None, "epoch", "second")
    assert offsets(client) == [1, 2, 1]


def test_a_channel_without_history_says_that_it_was_away(client: Page, hub: FakeHub) -> None:
    hub.unkept.add("ticks")
    client.evaluate("listen('ticks')")
    wait_for(client, "history")
    hub.publish("ticks", "a")
    wait_for(client, "got")
    hub.cut()
    (gap,) = wait_for(client, "gap")
    assert (gap["from"], gap["reason"]) == (None, "disconnected")
    assert offsets(client) == [None]


@pytest.mark.parametrize("code", [3501, 3999, 4500])
def test_some_codes_mean_stay_away(client: Page, hub: FakeHub, code: int) -> None:
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.cut(code, "go away")
    client.wait_for_function("hub.state.name === 'closed'")
    assert client.evaluate("[hub.state.code, hub.state.reason]") == [code, "go away"]
    client.evaluate("dispatchEvent(new Event('online'))")
    assert client.evaluate("hub.state.name") == "closed"
    client.evaluate("hub.reconnect()")
    back(hub, "logs")


@pytest.mark.parametrize("code", [1001, 1009, 1012, 3001, 3008, 3499, 4000])
def test_all_other_codes_mean_come_back(client: Page, hub: FakeHub, code: int) -> None:
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.cut(code)
    wait_for(client, "history", 2)
    assert states(client) == ["connecting", "connected", "waiting", "connecting", "connected"]


def test_attempts_are_further_apart_each_time_until_the_network_is_back(client: Page, hub: FakeHub) -> None:
    hub.refuses = True
    client.evaluate("window.delays = []; hub.onstate = (state) => delays.push(state.delay); listen('logs')")
    client.wait_for_function("hub.state.name === 'waiting' && hub.state.attempt === 3")
    delays = [delay for delay in client.evaluate("delays") if delay is not None]
    assert [most / 2 <= delay <= most for most, delay in zip((250, 1000, 2000), delays, strict=True)] == [
        True
    ] * 3
    hub.refuses = False
    client.evaluate("dispatchEvent(new Event('online'))")
    client.wait_for_function("hub.state.name === 'connected'", timeout=900)  # less than any delay by now


def test_a_connection_that_answers_no_ping_is_replaced(page: Page, hub: FakeHub) -> None:
    hub.answers_pings = False
    client = start(page, hub, pingEvery=50, pongWithin=50)
    hub.publish("logs", "a")
    client.evaluate("listen('logs')")
    wait_for(client, "history", 2)
    # It is replaced again and again: at this moment there may be none.
    hub.wait_for("a resumed connection", lambda: any("since" in visit.query for visit in hub.visits))
    assert states(client)[:4] == ["connecting", "connected", "waiting", "connecting"]


def test_a_connection_that_answers_pings_is_kept(page: Page, hub: FakeHub) -> None:
    client = start(page, hub, pingEvery=10, pongWithin=2_000)
    client.evaluate("listen('logs')")
    hub.wait_for("three pings", lambda: any(visit.pings >= 3 for visit in hub.visits))
    assert states(client) == ["connecting", "connected"]


def test_a_refusal_ends_its_own_subscription_only(client: Page, hub: FakeHub) -> None:
    hub.refusals["secret"] = [103]
    client.evaluate("listen('logs'); listen('secret')")
    assert wait_for(client, "error") == [{"code": 103, "message": "no"}]
    hub.publish("logs", "a")
    wait_for(client, "got")
    client.evaluate("listen('secret')")  # nothing is left of the first one
    wait_for(client, "history", 2)


def test_a_refusal_for_the_moment_is_tried_again(client: Page, hub: FakeHub) -> None:
    hub.refusals["logs"] = [111]
    hub.publish("logs", "a")
    client.evaluate("listen('logs')")
    wait_for(client, "got")
    assert logged(client, "error") == []


def test_the_server_may_end_a_subscription(client: Page, hub: FakeHub) -> None:
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.send("logs", {"type": "unsubscribed", "code": 2000, "reason": "server unsubscribe"})
    assert wait_for(client, "error") == [{"code": 2000, "message": "server unsubscribe"}]


def test_nothing_comes_after_unsubscribing_and_the_next_subscription_is_its_own(
    client: Page, hub: FakeHub
) -> None:
    hub.publish("logs", "a", "b")
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    client.evaluate("logs.unsubscribe()")
    client.evaluate("listen('logs', {since: logs.position})")
    wait_for(client, "history", 2)
    hub.publish("logs", "c")
    wait_for(client, "got", 3)
    assert offsets(client) == [1, 2, 3]
    (visit,) = hub.visits
    assert [command["type"] for command in visit.commands] == ["unsubscribe", "subscribe"]


def test_what_is_still_under_way_for_an_earlier_subscription_is_not_for_the_next_one(
    client: Page, hub: FakeHub
) -> None:
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    hub.answers = False
    client.evaluate("logs.unsubscribe(); listen('logs')")
    (visit,) = hub.visits
    hub.wait_for("the commands", lambda: len(visit.commands) == 2)
    leave, join = (command["id"] for command in visit.commands)
    hub.send("logs", {"offset": 1, "data": "old"})
    hub.send("logs", {"type": "error", "code": 103, "message": "to something else"})
    hub.send("logs", {"type": "unsubscribed", "id": leave})
    history = [{"offset": 2, "data": "new"}]
    answer = {"epoch": "first", "oldest": 1, "head": 2, "id": join, "more": False}
    hub.send("logs", {**answer, "history": history})
    wait_for(client, "history", 2)
    assert offsets(client) == [2]
    assert logged(client, "error") == []


def test_unsubscribing_in_the_middle_of_a_batch_ends_it_there(client: Page, hub: FakeHub) -> None:
    client.evaluate(
        "window.one = hub.subscribe('logs', (got) => { log.push(['got', got]); one.unsubscribe(); })"
    )
    back(hub, "logs")
    hub.publish("logs", "a", "b")
    hub.wait_for("the command", lambda: not hub.visits[0].subscribed)
    assert offsets(client) == [1]
    assert client.evaluate("one.position.offset") == 1


def test_a_channel_has_one_subscription(client: Page, hub: FakeHub) -> None:
    said = client.evaluate(
        "(listen('logs'), (() => { try { listen('logs') } catch (error) { return error.message } })())"
    )
    assert said == "already subscribed to logs: unsubscribe first"


def test_publishing_gives_the_position_or_says_why_not(client: Page, hub: FakeHub) -> None:
    unconnected = "hub.publish('logs', 1).catch((error) => error.message)"
    assert client.evaluate(unconnected) == "not connected: idle"
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    assert client.evaluate("hub.publish('logs', {a: 1})") == {"epoch": "first", "offset": 1}
    refused = "hub.publish('nope', 1).catch((error) => [error.code, error.message])"
    assert client.evaluate(refused) == [102, "unknown channel"]
    assert hub.visits[0].commands[0]["data"] == {"a": 1}


def test_a_closed_client_delivers_nothing_and_stays_closed(client: Page, hub: FakeHub) -> None:
    client.evaluate("listen('logs')")
    wait_for(client, "history")
    client.evaluate("hub.close()")
    hub.wait_for("the end", lambda: not hub.visits)
    client.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    assert client.evaluate("hub.state.name") == "closed"


def test_an_error_in_a_callback_stops_nothing(client: Page, hub: FakeHub) -> None:
    client.evaluate(
        """() => {
        addEventListener("error", (event) => {
          log.push(["thrown", event.error.message]);
          event.preventDefault();
        });
        hub.subscribe("logs", (got) => { log.push(["got", got]); throw new Error("mine"); });
    }"""
    )
    back(hub, "logs")
    hub.publish("logs", "a", "b")
    wait_for(client, "got", 2)
    assert logged(client, "thrown") == ["mine", "mine"]


def test_the_query_is_batched_and_paced_and_the_base_may_be_relative(page: Page, hub: FakeHub) -> None:
    page.goto(f"{hub.url}client.js")
    page.evaluate(
        """async () => {
        const { connect } = await import("./client.js");
        connect(undefined, { pace: 50 }).subscribe("default", () => {});
        connect("/live", { batch: false }).subscribe("relative", () => {});
    }"""
    )
    hub.wait_for("both", lambda: len(hub.visits) == 2)
    queries = {visit.query["channel"]: visit.query for visit in hub.visits}
    assert queries["default"] == {"channel": "default", "batch": "1", "pace": "50"}
    assert queries["relative"] == {"channel": "relative"}
