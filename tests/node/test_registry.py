"""Which options a channel's name has, and whether a channel can have it."""

from __future__ import annotations

import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.errors import BadRequest, LimitExceeded, UnknownChannel
from gapless.node.registry import WARNINGS, Registry

LOGS, ERRORS = ChannelOptions(history=10), ChannelOptions(history=20)


@pytest.fixture
def registry() -> Registry:
    return Registry({"logs:*": LOGS, "logs:errors:*": ERRORS}, Limits(channel_bytes=20))


def test_the_longest_pattern_that_matches_decides(registry: Registry) -> None:
    assert registry.declared("logs:web") is LOGS
    assert registry.declared("logs:errors:web") is ERRORS


def test_what_no_pattern_declares_is_the_applications_own(registry: Registry) -> None:
    assert registry.declared("jobs") is None
    assert registry.options("jobs") == ChannelOptions()


NEVER = [
    "\n",
    "\x00",
    "\x1f",
    "\x7f",
    "\x85",
    "\x9f",
    "\ud83d",
    "\udfff",
    "\u2028",
    "\u2029",
    "\u202d",
    "\u202e",
]


@pytest.mark.parametrize("name", ["", *(f"a{character}b" for character in NEVER)])
def test_a_name_that_would_mislead_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        registry.check(name)
    assert refused.value.code == 107


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cخواهم",  # Persian, with a zero-width non-joiner
        "👩\u200d💻:logs",  # a sequence of emoji
        "🏴\U000e0067\U000e007f",  # a flag, with tags
        "a\u3000b",  # the ideographic space
        "a\u00a0b \u00ad",
        "\u2066rtl\u2069",  # isolates reorder nothing outside of them
        "\ue000\U000f0000",  # private use
        "\U0001fadf\U0003fffe",  # not assigned, or only in some version of Unicode
        " !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~",
    ],
)
def test_every_other_name_can_be(name: str) -> None:
    registry = Registry({}, Limits())
    registry.check(name)


def test_what_is_refused_depends_on_no_version_of_unicode() -> None:
    registry = Registry({}, Limits(resolved_names=2_000_000))
    refused = []
    for code in range(0x110000):
        try:
            registry.check(chr(code))
        except BadRequest:
            refused.append(code)
    controls = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202D, 0x202E, *range(0xD800, 0xE000)]
    assert refused == controls


def test_a_name_is_measured_in_bytes(registry: Registry) -> None:
    registry.check("é" * 10)
    with pytest.raises(LimitExceeded) as refused:
        registry.check("é" * 10 + "x")
    assert (refused.value.code, refused.value.limit, refused.value.actual) == (107, 20, 21)


def test_asking_for_options_makes_no_name_a_good_one(registry: Registry) -> None:
    registry.declared("x" * 21)
    with pytest.raises(LimitExceeded):
        registry.check("x" * 21)


# -- publishing to what nobody may know


def test_a_channel_that_nobody_can_read_is_said_once_with_the_nearest_pattern(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry({"orders:*": ChannelOptions(), "logs": ChannelOptions()}, Limits())
    for _ in range(3):
        if registry.expected("log") is None:
            registry.expect("log", is_read=False)
    (record,) = caplog.records
    assert "'log'" in record.getMessage()
    assert "nearest declared pattern is 'logs'" in record.getMessage()


@pytest.mark.parametrize(("channel", "is_read"), [("logs", False), ("orders:7", False), ("own", True)])
def test_what_is_declared_or_read_here_is_expected(
    channel: str, is_read: bool, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry({"orders:*": ChannelOptions(), "logs": ChannelOptions()}, Limits(), strict=True)
    options = registry.expect(channel, is_read=is_read)
    assert registry.expected(channel) is options
    assert options == registry.options(channel)
    assert not caplog.records


def test_many_such_channels_are_no_slip_any_more(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry({}, Limits())
    for number in range(WARNINGS * 2):
        registry.expect(f"own:{number}", is_read=False)
    assert len(caplog.records) == WARNINGS


@pytest.mark.anyio
async def test_a_strict_hub_refuses_until_somebody_here_reads_it() -> None:
    async with Hub(channels={"logs": ChannelOptions()}, strict=True) as hub:
        for _ in range(2):
            with pytest.raises(UnknownChannel, match="nearest declared pattern is 'logs'"):
                hub.publish("log", 1)
        await hub.publish("logs", 1)
        async with hub.subscribe("log") as feed:
            await hub.publish("log", 2)
            assert (await anext(feed)).data == 2
