"""The promises of `brokers/base.py`: every broker keeps them, and nothing above knows which one it is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapless import ChannelOptions
from gapless.model import History, Member, Position, Publication

from .conftest import MakeBroker
from .harness import NOT_KEPT, Harness

pytestmark = pytest.mark.anyio


def offsets(page: History) -> list[int]:
    return [publication.offset for publication in page.publications]


class TestNumbering:
    """Offsets are 1, 2, 3 … without holes, in one epoch; none is ever used twice."""

    async def test_publications_are_numbered_from_one(self, broker: Harness) -> None:
        positions = await broker.fill("c", 5)
        assert [position.offset for position in positions] == [1, 2, 3, 4, 5]
        assert len({position.epoch for position in positions}) == 1

    async def test_each_channel_has_numbers_and_an_epoch_of_its_own(self, broker: Harness) -> None:
        (a,), (b,) = await broker.fill("a", 1), await broker.fill("b", 1)
        assert (a.offset, b.offset) == (1, 1)
        assert a.epoch != b.epoch

    async def test_an_epoch_fits_into_a_position_that_is_written_down(self, broker: Harness) -> None:
        (position,) = await broker.fill("c", 1)
        assert Position.parse(str(position)) == position

    async def test_calls_for_one_channel_keep_their_order(self, broker: Harness) -> None:
        sent = [broker.send("c", b"%d" % number) for number in range(1, 51)]
        positions = await asyncio.gather(*sent)
        assert [position.offset for position in positions if position] == list(range(1, 51))
        page = await broker.history("c")
        assert [p.payload for p in page.publications] == [b"%d" % number for number in range(1, 51)]

    async def test_parallel_publishers_get_different_numbers(self, broker: Harness) -> None:
        async def publisher() -> list[Position | None]:
            return [await broker.publish("c") for _ in range(10)]

        found = await asyncio.gather(*(publisher() for _ in range(5)))
        numbers = sorted(position.offset for some in found for position in some if position)
        assert numbers == list(range(1, 51))

    async def test_removing_the_history_uses_no_number_again(self, broker: Harness) -> None:
        before = await broker.fill("c", 3)
        await broker.broker.remove_history("c")
        after = await broker.publish("c")
        assert after == Position(4, before[0].epoch)

    async def test_names_are_data_whatever_they_look_like(self, broker: Harness) -> None:
        names = ["a:b", "a*", "a{b}", "{a}:b", "a b", "ä😀", "a%b", "a'b\"", "..", "a/b", "A", "a"]
        for number, name in enumerate(names, 1):
            await broker.publish(name, b"%d" % number)
        for number, name in enumerate(names, 1):
            page = await broker.history(name)
            assert [p.payload for p in page.publications] == [b"%d" % number]


class TestAcknowledging:
    """Acknowledged means: stored, at that position, byte for byte."""

    async def test_what_was_acknowledged_is_in_the_history(self, broker: Harness) -> None:
        payload = b'{"a":"\\u0000 \xc3\xa4","n":1.50}'
        position = await broker.publish("c", payload)
        (found,) = (await broker.history("c")).publications
        assert (found.position, found.payload) == (position, payload)

    async def test_the_rest_of_a_publication_is_kept_as_well(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        info = Member("client", "user", b'{"a":1}', b'{"b":2}')
        await broker.publish("c", b"1", tags={"k": "v"}, info=info, delta=True, exclude="client")
        await broker.sink.until(lambda: len(broker.sink.publications) == 1)
        (found,) = (await broker.history("c")).publications
        for publication in (found, broker.sink.of("c")[0]):
            assert publication.tags == {"k": "v"}
            assert publication.info == info
            assert publication.exclude == "client"
            assert publication.delta is True
            assert publication.time > 1_600_000_000

    async def test_without_history_there_is_no_position(self, broker: Harness) -> None:
        assert await broker.publish("c", options=NOT_KEPT) is None

    async def test_a_publication_that_skips_the_history_takes_no_number(self, broker: Harness) -> None:
        (first,) = await broker.fill("c", 1)
        # Not even that of another publication; nor when it is asked for again.
        for _ in range(2):
            assert await broker.publish("c", skip_history=True, idempotency_key="k") is None
        assert await broker.publish("c") == Position(2, first.epoch)
        assert offsets(await broker.history("c")) == [1, 2]


class TestNotifying:
    """Of subscribed channels, once stored. What is read after a notification holds it."""

    async def test_subscribers_are_notified_in_order_with_positions(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        positions = await broker.fill("c", 20)
        await broker.sink.until(lambda: len(broker.sink.of("c")) == 20)
        assert [publication.position for publication in broker.sink.of("c")] == positions

    async def test_without_history_they_are_notified_without_an_offset(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        await broker.publish("c", b"1", NOT_KEPT)
        await broker.publish("c", b"2", skip_history=True)
        await broker.sink.until(lambda: len(broker.sink.of("c")) == 2)
        assert [(p.payload, p.offset) for p in broker.sink.of("c")] == [(b"1", 0), (b"2", 0)]

    async def test_nobody_is_notified_of_other_channels(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        await broker.publish("other")
        await broker.publish("c")
        await broker.sink.until(lambda: len(broker.sink.of("c")) == 1)
        assert broker.sink.of("other") == []

    async def test_nor_after_unsubscribing(self, broker: Harness) -> None:
        for channel in ("c", "witness"):
            await broker.broker.subscribe(channel)
        await broker.broker.unsubscribe("c")
        await broker.publish("c")
        await broker.publish("witness")
        await broker.sink.until(lambda: len(broker.sink.of("witness")) == 1)
        assert broker.sink.of("c") == []

    async def test_subscribing_twice_is_notified_once(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        await broker.broker.subscribe("c")
        await broker.fill("c", 2)
        await broker.sink.until(lambda: len(broker.sink.of("c")) == 2)

    async def test_the_history_that_is_read_after_a_notification_holds_it(self, broker: Harness) -> None:
        pages: list[asyncio.Task[History]] = []
        notified: list[int] = []

        def read(channel: str, publication: Publication) -> None:
            notified.append(publication.offset)
            pages.append(asyncio.get_running_loop().create_task(broker.history(channel)))

        broker.sink.at_once = read
        await broker.broker.subscribe("c")
        await asyncio.gather(*(broker.send("c") for _ in range(20)))
        await broker.sink.until(lambda: len(notified) == 20)
        for offset, page in zip(notified, await asyncio.gather(*pages), strict=True):
            assert page.top.offset >= offset
            assert offset in offsets(page)

    async def test_whoever_subscribes_first_and_reads_then_misses_nothing(self, broker: Harness) -> None:
        publishing = [broker.send("c", b"%d" % number) for number in range(30)]
        await broker.broker.subscribe("c")
        later = [broker.send("c", b"%d" % number) for number in range(30, 60)]
        page = await broker.history("c")
        await asyncio.gather(*publishing, *later)
        await broker.sink.until(
            lambda: page.top.offset == 60 or any(p.offset == 60 for p in broker.sink.of("c"))
        )
        known = set(offsets(page)) | {publication.offset for publication in broker.sink.of("c")}
        assert known >= set(range(1, 61))


LARGEST = 2**63 - 1


class TestHistory:
    """Pages: in order, without holes, with the position they were read at."""

    @pytest.mark.parametrize("reverse", [False, True])
    async def test_the_largest_numbers_are_numbers_like_others(self, broker: Harness, reverse: bool) -> None:
        await broker.fill("c", 3)
        for after in (LARGEST, LARGEST - 1):
            page = await broker.history("c", after=after, reverse=reverse, limit=LARGEST, max_bytes=1000)
            assert sorted(offsets(page)) == ([1, 2, 3] if reverse else [])
        assert len((await broker.history("c", limit=2**64, reverse=reverse)).publications) == 3

    async def test_holds_everything_oldest_first(self, broker: Harness) -> None:
        positions = await broker.fill("c", 4)
        page = await broker.history("c")
        assert offsets(page) == [1, 2, 3, 4]
        assert (page.top, page.oldest) == (positions[-1], 1)

    @pytest.mark.parametrize(
        ("after", "limit", "expected"),
        [
            (0, None, [1, 2, 3, 4, 5]),
            (2, None, [3, 4, 5]),
            (5, None, []),
            (9, None, []),
            (None, 2, [1, 2]),
            (1, 2, [2, 3]),
            (4, 9, [5]),
            (2, 0, []),
        ],
    )
    async def test_forwards_it_begins_behind_an_offset(
        self, broker: Harness, after: int | None, limit: int | None, expected: list[int]
    ) -> None:
        await broker.fill("c", 5)
        assert offsets(await broker.history("c", after=after, limit=limit)) == expected

    @pytest.mark.parametrize(
        ("after", "limit", "expected"),
        [
            (None, None, [5, 4, 3, 2, 1]),
            (None, 2, [5, 4]),
            (4, None, [3, 2, 1]),
            (4, 2, [3, 2]),
            (1, None, []),
            (9, 2, [5, 4]),
            (4, 0, []),
        ],
    )
    async def test_backwards_it_begins_before_an_offset(
        self, broker: Harness, after: int | None, limit: int | None, expected: list[int]
    ) -> None:
        await broker.fill("c", 5)
        assert offsets(await broker.history("c", after=after, limit=limit, reverse=True)) == expected

    async def test_ends_before_it_is_too_large(self, broker: Harness) -> None:
        for _ in range(4):
            await broker.publish("c", b"1" * 100)
        assert offsets(await broker.history("c", max_bytes=250)) == [1, 2]
        assert offsets(await broker.history("c", max_bytes=250, reverse=True)) == [4, 3]

    async def test_holds_one_even_if_that_alone_is_too_large(self, broker: Harness) -> None:
        await broker.fill("c", 2)
        assert offsets(await broker.history("c", max_bytes=0)) == [1]

    async def test_a_limit_of_nothing_reads_the_position_only(self, broker: Harness) -> None:
        positions = await broker.fill("c", 3)
        page = await broker.history("c", limit=0)
        assert (page.publications, page.top, page.oldest) == ([], positions[-1], 1)

    async def test_a_stream_gets_its_epoch_by_being_read(self, broker: Harness) -> None:
        page = await broker.history("c", limit=0)
        assert (page.top.offset, page.oldest) == (0, 1)
        assert page.top.epoch
        assert await broker.publish("c") == Position(1, page.top.epoch)

    async def test_reading_again_changes_nothing(self, broker: Harness) -> None:
        await broker.fill("c", 3)
        assert await broker.history("c") == await broker.history("c")

    async def test_without_history_it_is_empty_and_has_no_epoch(self, broker: Harness) -> None:
        await broker.publish("c", options=NOT_KEPT)
        assert await broker.history("c", NOT_KEPT) == History([], Position(0, ""), 0)

    async def test_removed_it_says_that_nothing_is_kept(self, broker: Harness) -> None:
        positions = await broker.fill("c", 3)
        await broker.broker.remove_history("c")
        page = await broker.history("c")
        assert (page.publications, page.top, page.oldest) == ([], positions[-1], 4)

    async def test_removing_what_does_not_exist_is_nothing(self, broker: Harness) -> None:
        await broker.broker.remove_history("unknown")


class TestRetention:
    """Entries and bytes, whichever bites first: the oldest go, and the page says where it begins."""

    async def test_only_so_many_are_kept(self, broker: Harness) -> None:
        options = ChannelOptions(history=3)
        await broker.fill("c", 5, options)
        page = await broker.history("c", options)
        assert (offsets(page), page.oldest, page.top.offset) == ([3, 4, 5], 3, 5)

    async def test_only_so_many_bytes_are_kept(self, broker: Harness) -> None:
        options = ChannelOptions(history=100, history_bytes=250)
        for _ in range(5):
            await broker.publish("c", b"1" * 100, options)
        page = await broker.history("c", options)
        assert offsets(page) == [4, 5]
        assert page.oldest == 4

    async def test_tags_count_as_what_is_kept(self, broker: Harness) -> None:
        options = ChannelOptions(history=100, history_bytes=5000)
        for _ in range(10):
            await broker.publish("c", b"1", options, tags={"tag": "x" * 1000})
        assert 1 <= len((await broker.history("c", options)).publications) <= 5
        page = await broker.history("c", options, max_bytes=2500)
        assert 1 <= len(page.publications) <= 3

    async def test_the_newest_is_kept_even_if_it_alone_is_too_large(self, broker: Harness) -> None:
        options = ChannelOptions(history=100, history_bytes=10)
        await broker.publish("c", b"1" * 100, options)
        assert offsets(await broker.history("c", options)) == [1]

    async def test_what_was_trimmed_is_passed_over(self, broker: Harness) -> None:
        options = ChannelOptions(history=2)
        await broker.fill("c", 5, options)
        assert offsets(await broker.history("c", options, after=1)) == [4, 5]
        assert offsets(await broker.history("c", options, after=1, limit=1)) == [4]

    async def test_trimming_changes_neither_epoch_nor_numbers(self, broker: Harness) -> None:
        options = ChannelOptions(history=1)
        positions = await broker.fill("c", 4, options)
        assert [position.offset for position in positions] == [1, 2, 3, 4]
        assert {position.epoch for position in positions} == {positions[0].epoch}


class TestIdempotency:
    """A retry with the same key cannot create a second copy."""

    async def test_retries_get_the_first_position_and_store_nothing(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        first = await broker.publish("c", b"1", idempotency_key="k")
        for _ in range(3):
            assert await broker.publish("c", b"1", idempotency_key="k") == first
        await broker.publish("c", b"2")
        await broker.sink.until(lambda: len(broker.sink.of("c")) >= 2)
        assert [p.payload for p in (await broker.history("c")).publications] == [b"1", b"2"]
        assert [p.payload for p in broker.sink.of("c")] == [b"1", b"2"]

    async def test_retries_at_the_same_time_do_not_either(self, broker: Harness) -> None:
        positions = await asyncio.gather(*(broker.send("c", idempotency_key="k") for _ in range(10)))
        assert set(positions) == {positions[0]}
        assert offsets(await broker.history("c")) == [1]

    async def test_a_key_belongs_to_its_channel(self, broker: Harness) -> None:
        await broker.publish("a", idempotency_key="k")
        await broker.publish("b", idempotency_key="k")
        assert offsets(await broker.history("b")) == [1]

    async def test_without_history_a_retry_is_not_notified_again(self, broker: Harness) -> None:
        await broker.broker.subscribe("c")
        for key in ("k", "k", "other"):
            assert await broker.publish("c", key.encode(), NOT_KEPT, idempotency_key=key) is None
        await broker.sink.until(lambda: len(broker.sink.of("c")) >= 2)
        assert [p.payload for p in broker.sink.of("c")] == [b"k", b"other"]


class TestVersions:
    """A publication that is not newer than what is there is suppressed."""

    async def test_an_older_or_equal_version_is_not_stored(self, broker: Harness) -> None:
        for version in (2, 1, 2, 3):
            await broker.publish("c", b"%d" % version, version=version)
        assert [p.payload for p in (await broker.history("c")).publications] == [b"2", b"3"]

    async def test_versions_have_64_bits_and_each_counts(self, broker: Harness) -> None:
        for version in (2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1, 2**64 - 1, 2**63 + 1, 9):
            await broker.publish("c", b"%d" % version, version=version)
        stored = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
        assert [int(p.payload) for p in (await broker.history("c")).publications] == stored

    async def test_the_publisher_of_a_suppressed_one_gets_the_top(self, broker: Harness) -> None:
        first = await broker.publish("c", version=2)
        assert await broker.publish("c", version=1) == first

    async def test_another_epoch_of_versions_begins_anew(self, broker: Harness) -> None:
        await broker.publish("c", b"1", version=9, version_epoch="a")
        await broker.publish("c", b"2", version=1, version_epoch="b")
        await broker.publish("c", b"3", version=1, version_epoch="b")
        assert [p.payload for p in (await broker.history("c")).publications] == [b"1", b"2"]

    async def test_without_a_version_everything_is_stored(self, broker: Harness) -> None:
        await broker.publish("c", version=9)
        await broker.publish("c")
        assert offsets(await broker.history("c")) == [1, 2]


class TestTheWhole:
    async def test_channels_with_a_stream_are_known(self, broker: Harness) -> None:
        await broker.publish("a")
        await broker.history("b", limit=0)
        assert set(broker.broker.known()) >= {"a", "b"}

    async def test_closing_twice_is_harmless(self, broker: Harness) -> None:
        await broker.broker.close()
        await broker.broker.close()

    async def test_expiring_keeps_what_is_not_too_old(self, broker: Harness) -> None:
        await broker.fill("c", 2)
        broker.broker.expire(0.0)
        assert offsets(await broker.history("c")) == [1, 2]

    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("publish"), st.integers(0, 40)),
                st.tuples(st.just("skip"), st.just(0)),
                st.tuples(st.just("remove"), st.just(0)),
                st.tuples(st.just("key"), st.integers(0, 2)),
            ),
            max_size=25,
        ),
        st.integers(1, 6),
    )
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_whatever_happens_pages_have_no_holes_and_hold_what_was_acknowledged(
        self, make_broker: MakeBroker, steps: list[tuple[str, int]], kept: int
    ) -> None:
        harness = await make_broker()
        options = ChannelOptions(history=kept)
        stored: dict[Position, bytes] = {}
        for number, (what, size) in enumerate(steps):
            payload = b"%d" % number + b" " * size
            if what == "remove":
                await harness.broker.remove_history("c")
                continue
            key = f"k{size}" if what == "key" else None
            position = await harness.publish(
                "c", payload, options, skip_history=what == "skip", idempotency_key=key
            )
            if what == "skip":
                assert position is None
            elif position is not None:
                stored.setdefault(position, payload)
        page = await harness.history("c", options)
        numbers = offsets(page)
        assert numbers == list(range(page.oldest, page.top.offset + 1))
        assert len(numbers) <= kept
        assert page.top.offset == max((position.offset for position in stored), default=0)
        assert all(stored[publication.position] == publication.payload for publication in page.publications)


class TestPresence:
    """Who is in which channel; announced where asked for; nobody comes back after leaving."""

    async def test_joins_and_leaves_are_announced_where_asked_for(self, broker: Harness) -> None:
        presence = broker.presence
        for channel in ("loud", "silent"):
            await broker.broker.subscribe(channel)
        assert await presence.join("loud", Member("a"), announce=True)
        assert await presence.join("silent", Member("a"), announce=False)
        await presence.leave("silent", "a", announce=False)
        await presence.leave("loud", "a", announce=True)
        await broker.sink.until(lambda: len(broker.sink.members) >= 2)
        assert broker.sink.members == [("join", "loud", "a"), ("leave", "loud", "a")]

    async def test_refreshing_is_no_join(self, broker: Harness) -> None:
        assert await broker.presence.join("c", Member("a", "1"), announce=True)
        assert not await broker.presence.join("c", Member("a", "1"), announce=True)
        assert not await broker.presence.join("c", Member("a", "2"), announce=True)
        assert await broker.presence.members("c") == {"a": Member("a", "2")}

    async def test_leaving_says_who_it_was_and_then_nobody(self, broker: Harness) -> None:
        member = Member("a", "1", b'{"x":1}')
        await broker.presence.join("c", member, announce=False)
        assert await broker.presence.leave("c", "a", announce=False) == member
        assert await broker.presence.leave("c", "a", announce=False) is None
        assert await broker.presence.members("c") == {}

    async def test_clients_and_users_are_counted(self, broker: Harness) -> None:
        for client, user in (("a", "1"), ("b", "1"), ("c", "2")):
            await broker.presence.join("c", Member(client, user), announce=False)
        assert await broker.presence.counts("c") == (3, 2)
        assert await broker.presence.counts("unknown") == (0, 0)

    async def test_channels_know_nothing_of_each_other(self, broker: Harness) -> None:
        await broker.presence.join("a", Member("x"), announce=False)
        assert await broker.presence.members("b") == {}
        assert await broker.presence.leave("b", "x", announce=False) is None
        assert list(await broker.presence.members("a")) == ["x"]
