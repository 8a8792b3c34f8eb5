"""Key names: one slot for all that a script touches together, and no two channels with the same key."""

from __future__ import annotations

from redis.crc import key_slot

from gapless.brokers.redis.keys import CLUSTER_GROUPS, Keys

NAMES = ["a", "a:b", "{x}", "a{b}c", "}{", "ä😀", "a b", "c:a", "s:a", "n:a", "0", "generation", "names"]


def test_all_keys_of_a_channel_and_its_notifications_lie_in_one_slot() -> None:
    keys = Keys("app:live", CLUSTER_GROUPS)
    for name in NAMES:
        group, stored = keys.stored(name)
        together = [*stored, keys.notifications(name), keys.of(group, "k", f"{name}\nkey"), keys.due(group)]
        assert len({key_slot(key.encode()) for key in together}) == 1


def test_no_two_channels_share_a_key() -> None:
    for groups in (1, CLUSTER_GROUPS):
        keys = Keys("gapless", groups)
        found = [key for name in NAMES for key in (*keys.stored(name)[1][:2], keys.notifications(name))]
        found += [keys.of(keys.group(name), kind, name) for name in NAMES for kind in "kmxu"]
        assert len(set(found)) == len(found)


def test_channels_are_spread_over_the_groups_and_these_over_the_slots() -> None:
    keys = Keys("gapless", CLUSTER_GROUPS)
    groups = [keys.group(f"orders:{number}") for number in range(10_000)]
    assert set(groups) == set(range(CLUSTER_GROUPS))
    thirds = [key_slot(keys.generation(group).encode()) * 3 // 16384 for group in range(CLUSTER_GROUPS)]
    assert all(thirds.count(third) > CLUSTER_GROUPS / 5 for third in range(3))


def test_on_one_server_there_is_one_group() -> None:
    assert {Keys("gapless", 1).group(name) for name in NAMES} == {0}


def test_every_key_begins_with_the_prefix() -> None:
    keys = Keys("app", 1)
    names = (
        *keys.stored("c")[1],
        keys.nodes(),
        keys.messages(0, "all"),
        keys.notifications("c"),
        keys.due(0),
    )
    assert all(name.startswith("app:") for name in names)
