"""Every number and choice a user can set: `ChannelOptions` of a channel, `Limits` of everything else.

Sizes are bytes, times are seconds, rates are per second. None means no bound where it is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from .errors import ConfigError
from .model import Override

KiB = 1024
MiB = 1024 * KiB

OnGap = Literal["resync", "latest", "disconnect"]


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How the channels that match one pattern behave.

    Raises:
        ConfigError: a value that cannot be.
    """

    history: int = 0
    """Publications kept per channel; 0 keeps none, and they then have no offset."""
    history_bytes: int | None = 8 * MiB
    """Payload bytes kept per channel."""
    history_age: float | None = None
    """Seconds a publication is kept."""
    idle_expiry: float = 30 * 86400.0
    """Seconds until a channel that nobody uses forgets its epoch; longer than `history_age`."""
    search: bool = False
    """Keep an index of the words, for `Hub.search`; needs `history`, and a store that can (SQLite)."""
    ring: int = 1024
    """Newest entries that this process keeps at hand for its own subscribers."""
    ring_bytes: int = 4 * MiB
    """Their bytes, encoded frames included; the newest entry stays in any case."""
    on_gap: OnGap = "resync"
    """What happens to a subscriber that the history no longer reaches back to."""
    presence: bool = False
    """Keep who is subscribed."""
    join_leave: bool = False
    """Announce who comes and goes to the subscribers that ask for it; needs `presence`."""
    force_push_join_leave: bool = False
    """Announce it to every subscriber, asked or not."""
    client_subscribe: bool = True
    """Clients may subscribe; a hook may still refuse."""
    client_publish: bool = False
    """Clients that are subscribed may publish; a hook may still refuse."""
    client_history: bool = True
    """Clients that are subscribed may read the history."""
    client_presence: bool = True
    """Clients that are subscribed may read who else is."""
    outside_publish: bool = False
    """Clients that are not subscribed may publish, too; needs `client_publish`."""
    outside_history: bool = False
    """Clients that are not subscribed may read the history, too; needs `client_history`."""
    outside_presence: bool = False
    """Clients that are not subscribed may read who is, too; needs `client_presence`."""
    anonymous: bool = True
    """Clients without a user id may do the four as well."""
    anonymous_publish: bool | None = None
    """May they publish? None: as `anonymous` says."""
    anonymous_history: bool | None = None
    """May they read the history? None: as `anonymous` says."""
    anonymous_presence: bool | None = None
    """May they read who is subscribed? None: as `anonymous` says."""
    user_limited: bool = True
    """A name that ends in `#1,2` admits the users 1 and 2 and nobody else."""

    # -- on the Centrifuge doors
    recovery: Literal["stream", "cache", "off"] = "stream"
    """What a client that comes back gets from the history: all it missed, the newest, or nothing."""
    auto_cache_recover: bool = False
    """With `recovery="cache"`: also clients that do not ask get the newest publication."""
    delta: bool = False
    """Clients may ask for Fossil deltas instead of whole publications."""
    delta_publish: bool = False
    """Publish everything for deltas, also where the publisher does not say so."""
    tags_filter: bool = False
    """Clients may ask for publications with certain tags only."""

    def __post_init__(self) -> None:
        _check_numbers(self, at_least={"ring": 1, "ring_bytes": 1})
        if self.on_gap not in get_args(OnGap):
            raise ConfigError(f"on_gap is one of {', '.join(get_args(OnGap))}, not {self.on_gap!r}")
        if self.recovery not in ("stream", "cache", "off"):
            raise ConfigError(f"recovery is one of stream, cache, off, not {self.recovery!r}")
        if self.join_leave and not self.presence:
            raise ConfigError("join_leave needs presence: set presence=True as well")
        if self.search and not self.history:
            raise ConfigError("search needs history: set history=1000, or as many as are to be found")
        for name in ("publish", "history", "presence"):
            if getattr(self, f"outside_{name}") and not getattr(self, f"client_{name}"):
                raise ConfigError(f"outside_{name} needs client_{name}: set client_{name}=True as well")
        if self.history_age is not None and self.idle_expiry <= self.history_age:
            raise ConfigError(
                f"idle_expiry ({self.idle_expiry} s) must be longer than history_age ({self.history_age} s)"
            )


def overridden(options: ChannelOptions, override: Override) -> ChannelOptions:
    """A channel's options as a token changes them for one subscription."""
    changes: dict[str, bool | str] = {}
    if override.presence is not None:
        changes["presence"] = override.presence
    if override.join_leave is not None:
        changes["join_leave"] = override.join_leave
    if override.force_push_join_leave is not None:
        changes["force_push_join_leave"] = override.force_push_join_leave
    if override.force_recovery is not None:
        changes["recovery"] = (
            (options.recovery if override.force_recovery and options.recovery != "off" else "stream")
            if override.force_recovery
            else "off"
        )
    if changes.get("join_leave") and not changes.get("presence", options.presence):
        changes["presence"] = True
    if changes.get("presence") is False:
        changes["join_leave"] = False
    return replace(options, **changes) if changes else options  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a process and of each of its connections, with what happens at each.

    Raises:
        ConfigError: a value that cannot be.
    """

    # -- names and payloads
    channel_bytes: int = 255
    """Bytes in a channel's name; longer: error 107."""
    client_payload_bytes: int = 64 * KiB
    """A publication from a client; larger: error 107."""
    server_payload_bytes: int = 512 * KiB
    """A publication from the application or the HTTP API; larger: ValueError, error 107, 413."""
    tags: int = 16
    """Tags of a publication; more: error 107."""
    tag_bytes: int = 256
    """One tag's name or value; longer: error 107."""
    idempotency_key_bytes: int = 64
    """Longer: error 107."""
    idempotency_keys: int = 100_000
    """Remembered by the memory broker; more: the oldest is forgotten."""
    idempotency_seconds: float = 300.0
    """How long a key is remembered."""

    # -- from a client
    message_bytes: int = 64 * KiB
    """One message of a client; larger: closed with 1009."""
    json_depth: int = 64
    """Nesting of JSON from outside; deeper: refused as malformed."""
    json_members: int = 1000
    """Members of one JSON object from outside; more: refused as malformed."""
    json_digits: int = 20
    """Digits of one whole number from outside; more: refused as malformed."""
    commands: float = 100.0
    """Commands a second of one connection; faster: reading waits, and 3013 if it goes on."""
    commands_burst: int = 200
    """So many commands at once, before the rate counts."""
    commands_per_frame: int = 256
    """Commands in one frame; more: 3501."""
    rejected_commands: int = 20
    """Rejected commands within a minute; more: closed with 3509."""
    subscriptions: int = 128
    """Channels of one connection; more: error 106."""
    subscribe_rate: float = 50.0
    """Subscribe and unsubscribe commands a second; faster: error 111."""
    subscribe_burst: int = 300
    """So many subscribe and unsubscribe commands at once, before the rate counts."""
    publish_rate: float = 50.0
    """Publications a second from one client; faster: error 111."""
    publish_burst: int = 100
    """So many publications of a client at once, before the rate counts."""
    read_rate: float = 10.0
    """History and presence reads a second of one client; faster: error 111."""
    read_burst: int = 130
    """So many history and presence reads at once, before the rate counts."""
    reads_at_once: int = 64
    """History reads of this process under way at the broker; more wait."""
    broker_seconds: float = 5.0
    """Deadline of one call to the broker; later: error 100."""

    # -- to a client
    flush_bytes: int = 256 * KiB
    """Written to one connection at once; what is more follows when its socket has room."""
    history_frame_bytes: int = 256 * KiB
    """One history frame, unless a single publication is larger."""
    reply_bytes: int = 1 * MiB
    """Replies that a client has not read; more: closed with 3008."""
    reply_frames: int = 4096
    """Replies that a client has not read; more: closed with 3008."""
    history_publications: int = 300
    """Publications in one history reply to a client; the rest is another page."""
    recovery_bytes: int = 512 * KiB
    """Publications inside one recovery reply; the rest follows as pushes."""
    presence_members: int = 1000
    """Members in one presence reply to a client; more: error 106, ask for presence_stats."""
    stall_timeout: float = 10.0
    """Seconds in which a client that has something to read accepts no byte; then it is cut off."""
    max_pace_ms: int = 60_000
    """The longest `pace` a client may ask for; longer: refused."""
    ping_interval: float = 25.0
    """Seconds between pings on the Centrifuge doors."""
    pong_timeout: float = 8.0
    """Seconds a pong may take; later: 3012."""
    expiry_grace: float = 25.0
    """Seconds that an expired connection or subscription may take to refresh; then 3005, 2501, 3006."""
    connect_timeout: float = 10.0
    """Seconds from the upgrade to the connect command; later: 3502."""
    heartbeat: float = 15.0
    """Seconds between comment lines on an idle SSE stream."""

    # -- kept by the process
    connections: int | None = None
    """Connections of this process; None: the limit of open files minus 200. More: 503 before the upgrade."""
    user_connections: int | None = None
    """Connections of one user; more: closed with 3504."""
    body_bytes: int = 1 * MiB
    """The body of an API call; larger: 413."""
    body_seconds: float = 10.0
    """Time for a body to arrive; later: 408."""
    broadcast_channels: int = 1000
    """Channels of one broadcast; more: error 107."""
    batch_commands: int = 1000
    """Commands of one batch call; more: error 107."""
    ring_budget_bytes: int = 256 * MiB
    """All rings of the process, cached frames included; above it the largest give up their oldest."""
    memory_budget_bytes: int = 512 * MiB
    """All histories of the memory broker; above it idle channels are forgotten, then publishing fails."""
    memory_channels: int = 100_000
    """Channels of the memory broker; above it idle ones are forgotten, then publishing fails."""
    in_flight_bytes: int = 32 * MiB
    """Published and not yet taken by the broker; more: Overloaded."""
    presence_expiry: float = 60.0
    """Seconds until a member that is no longer refreshed is gone."""
    presence_refresh: float = 25.0
    """Seconds between refreshes of this process's own members."""
    presence_info_bytes: int = 1 * KiB
    """What a member says of itself; larger: error 107."""
    position_check: float = 20.0
    """Seconds between comparisons of the rings with the tops of their streams."""
    slice_seconds: float = 0.004
    """How long a flush holds the loop before it lets handshakes and pings go on."""
    patience: float = 1.0
    """Seconds for which awaiting a receipt waits at most for subscribers that lag but move."""

    def __post_init__(self) -> None:
        _check_numbers(self, at_least={"reads_at_once": 1})
        if self.pong_timeout >= self.ping_interval:
            raise ConfigError(
                f"pong_timeout ({self.pong_timeout} s) must be shorter than "
                f"ping_interval ({self.ping_interval} s)"
            )


def _check_numbers(options: ChannelOptions | Limits, at_least: dict[str, int] | None = None) -> None:
    for option in fields(options):
        value = getattr(options, option.name)
        kinds = str(option.type)
        if isinstance(value, bool) or value is None or not isinstance(value, (int, float)):
            expected = "bool" in kinds if isinstance(value, bool) else "None" in kinds
            if value is not None and not isinstance(value, (bool, int, float)):
                expected = not any(kind in kinds for kind in ("int", "float", "bool"))
            if not expected:
                raise ConfigError(f"{option.name} is {kinds}, not {value!r}")
            continue
        if kinds == "bool" or ("float" not in kinds and not isinstance(value, int)):
            raise ConfigError(f"{option.name} is {kinds}, not {value!r}")
        least = (at_least or {}).get(option.name, 0)
        if not value >= least:
            raise ConfigError(f"{option.name} is at least {least}, not {value!r}")
