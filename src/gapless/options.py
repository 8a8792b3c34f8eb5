"""Every number and choice a user can set: `ChannelOptions` of a channel, `Limits` of everything else.

Sizes are bytes, times are seconds, rates are per second. None means no bound where it is allowed.
Above each default stands its reason and, where there is one, who else has it, with which value.
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

    # Memory is the application's: nothing is kept until somebody asks. Centrifugo: history_size 0.
    history: int = 0
    """Publications kept per channel; 0 keeps none, and they then have no offset."""
    # A thousand publications of 8 KiB; a count alone lets large payloads fill a machine.
    history_bytes: int | None = 8 * MiB
    """Payload bytes kept per channel."""
    # Count and bytes bound it already; age is for data that must not be shown any more.
    history_age: float | None = None
    """Seconds a publication is kept."""
    # An epoch that is forgotten earlier makes resumes fail for nothing. Centrifugo: history_meta_ttl 30 days.
    idle_expiry: float = 30 * 86400.0
    """Seconds until a channel that nobody uses forgets its epoch; longer than `history_age`."""
    # An index costs about as much disk as the payloads, and time of the thread that writes.
    search: bool = False
    """Keep an index of the words, for `Hub.search`; needs `history`, and a store that can (SQLite)."""
    # Five seconds of a channel at 200 a second: who falls behind by less is served without the broker.
    ring: int = 1024
    """Newest entries that this process keeps at hand for its own subscribers."""
    # So that 64 busy channels fit into the budget of all rings.
    ring_bytes: int = 4 * MiB
    """Their bytes, encoded frames included; the newest entry stays in any case."""
    # Whoever reads on should say so, not choose it: announced loss is the least surprising.
    on_gap: OnGap = "resync"
    """What happens to a subscriber that the history no longer reaches back to."""
    # It costs a write for each join and leave. Centrifugo: presence false.
    presence: bool = False
    """Keep who is subscribed."""
    # In a full room everybody hears of everybody: quadratic. Centrifugo: join_leave false.
    join_leave: bool = False
    """Announce who comes and goes to the subscribers that ask for it; needs `presence`."""
    # Clients that do not know of joins would be woken by them. Centrifugo: false.
    force_push_join_leave: bool = False
    """Announce it to every subscriber, asked or not."""
    # Declaring a channel is allowing it. Centrifugo: allow_subscribe_for_client false, per namespace.
    client_subscribe: bool = True
    """Clients may subscribe; a hook may still refuse."""
    # Publishing is the application's unless it says otherwise. Centrifugo: allow_publish_for_client false.
    client_publish: bool = False
    """Clients that are subscribed may publish; a hook may still refuse."""
    # Who may hear what comes may know what came. Centrifugo: allow_history_for_subscriber false.
    client_history: bool = True
    """Clients that are subscribed may read the history, and begin with it."""
    # Who may not read the history may not have it by coming back either. Centrifugo: force_recovery false.
    client_recovery: bool = False
    """Clients that may not read the history get what they missed while they were away all the same."""
    # Only where `presence` is on at all. Centrifugo: allow_presence_for_subscriber false.
    client_presence: bool = True
    """Clients that are subscribed may read who else is."""
    # A client in the channel passed its subscribe hook; one outside was asked nothing. Centrifugo: false.
    outside_publish: bool = False
    """Clients that are not subscribed may publish, too; needs `client_publish`."""
    # As for publishing. Centrifugo: allow_history_for_client false.
    outside_history: bool = False
    """Clients that are not subscribed may read the history, too; needs `client_history`."""
    # As for publishing. Centrifugo: allow_presence_for_client false.
    outside_presence: bool = False
    """Clients that are not subscribed may read who is, too; needs `client_presence`."""
    # Most hubs begin without users. Centrifugo: allow_*_for_anonymous false, each.
    anonymous: bool = True
    """Clients without a user id may do the four as well."""
    # One switch for all four, and each by itself for whoever needs it.
    anonymous_publish: bool | None = None
    """May they publish? None: as `anonymous` says."""
    # As `anonymous_publish`.
    anonymous_history: bool | None = None
    """May they read the history? None: as `anonymous` says."""
    # As `anonymous_publish`.
    anonymous_presence: bool | None = None
    """May they read who is subscribed? None: as `anonymous` says."""
    # Names with `#` are Centrifugo's personal channels; SDK users rely on their being private.
    user_limited: bool = True
    """A name that ends in `#1,2` admits the users 1 and 2 and nobody else; False: `#` means nothing."""

    # The point of numbered channels. Centrifugo: force_recovery_mode stream.
    recovery: Literal["stream", "cache", "off"] = "stream"
    """What a client that comes back gets from the history: all it missed, the newest, or nothing.
    `cache` is for the Centrifuge doors; on the others it is as `stream`."""

    # Protobuf clients have bytes, and their libraries expect to be let. Centrifugo: publication_data_format.
    any_bytes: bool = True
    """Payloads may be no JSON, from Protobuf clients and `b64data` of the API; off: error 107. Clients that
    read JSON only are closed with 3506 by one (Centrifuge doors), or told a gap."""

    # -- on the Centrifuge doors
    # Clients that did not ask are not sent what they do not expect.
    auto_cache_recover: bool = False
    """With `recovery="cache"`: also clients that do not ask get the newest publication."""
    # Patches cost a comparison per publication; worth it for large, similar payloads. Centrifugo: off.
    delta: bool = False
    """Clients may ask for Fossil deltas instead of whole publications."""
    # The publisher knows whether its payloads resemble each other. Centrifugo: delta_publish false.
    delta_publish: bool = False
    """Publish everything for deltas, also where the publisher does not say so."""
    # A filter is evaluated per subscriber and publication. Centrifugo: allow_tags_filter false.
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
        changes["client_recovery"] = override.force_recovery
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
    # Long enough for paths of ids; a name is repeated in every frame. Centrifugo: channel.max_length 255.
    channel_bytes: int = 255
    """Bytes in a channel's name; longer: error 107."""
    # A publication is multiplied by its subscribers. Centrifugo: message_size_limit 65,536.
    client_payload_bytes: int = 64 * KiB
    """A publication from a client; larger: error 107."""
    # A frame with it stays below the 1 MiB at which SDKs refuse frames.
    server_payload_bytes: int = 512 * KiB
    """A publication from the application or the HTTP API; larger: LimitExceeded, error 107."""
    # They are for filters, and each is compared per subscriber.
    tags: int = 16
    """Tags of a publication; more: error 107."""
    # As a channel's name.
    tag_bytes: int = 256
    """One tag's name or value; longer: error 107."""
    # A UUID, or the hex of a SHA-256.
    idempotency_key_bytes: int = 64
    """Longer: error 107."""
    # Five minutes at 333 publications a second, at about 200 bytes a key.
    idempotency_keys: int = 100_000
    """Remembered by the memory broker; more: the oldest is forgotten."""
    # Longer than any sane retry. Centrifugo: idempotent_result_ttl 5 minutes.
    idempotency_seconds: float = 300.0
    """How long a key is remembered."""

    # -- from a client
    # Well above what one publication of a client may have: that which is too large fails alone.
    message_bytes: int = 256 * KiB
    """One message of a client; larger: closed with 1009."""
    # Browsers send one frame a message; libraries that split do so at 16 KiB or more.
    message_frames: int = 128
    """Frames of one message of a client; more: closed with 1009."""
    # 256 KiB at 210 kbit/s. As for the head of a request.
    message_seconds: float = 10.0
    """Time for all of a message that has begun; later: closed with 1008."""
    # A client that pings once a second is a nervous one; an answer costs no more than a ping.
    control_rate: float = 20.0
    """Pings and pongs a second of one connection; faster: closed with 1008."""
    # Two seconds of the rate: a client that was suspended says all at once.
    control_burst: int = 40
    """So many pings and pongs at once, before the rate counts."""
    # Two of the largest messages, and thousands of the usual.
    inbound_bytes: int = 512 * KiB
    """Messages of one connection that wait to be handled; more: its reading waits."""
    # A quarter of the rings' budget: what comes in is handled, not kept.
    inbound_budget_bytes: int = 64 * MiB
    """Messages and parts of them that wait, of all connections; more: the fullest is closed with 3013."""
    # Four of the largest messages. What is parsed costs more than its bytes; see `nesting_bytes`.
    inbound_rate: int = 1 * MiB
    """Bytes a second of one client's messages; faster: reading waits."""
    # Two seconds of the rate: a page that opens, or a client that comes back to all its channels.
    inbound_burst: int = 2 * MiB
    """So many bytes of messages at once, before the rate counts."""
    # An object that is parsed costs a hundred times its two bytes.
    nesting_bytes: int = 64
    """What an opening bracket counts as, in `inbound_rate`."""
    # Nobody nests deeper by hand, and parsers recurse. simdjson: 1,024; .NET: 64.
    json_depth: int = 64
    """Nesting of JSON from outside; deeper: refused as malformed."""
    # A small object costs a hundred times its wire size once it is parsed.
    json_members: int = 1000
    """Members of one JSON object from outside; more: refused as malformed."""
    # 2^64 has 20; more is quadratic to convert. CPython refuses above 4,300.
    json_digits: int = 20
    """Digits of one whole number from outside; more: refused as malformed."""
    # Five milliseconds to read. A payload of 64 KiB that consists of pairs of numbers has as many.
    json_containers: int = 8192
    """Objects and arrays in one message of a client; more: refused as malformed."""
    # A page that subscribes to everything at once stays below its burst.
    commands: float = 100.0
    """Commands a second of one connection; faster: reading waits."""
    # Longer than whatever an SDK sends at once takes; a program that never stops is one that runs wild.
    commands_seconds: float = 60.0
    """Seconds for which commands may come faster than that without a pause; longer: closed with 3013."""
    # 128 subscriptions, and as much again for what follows them.
    commands_burst: int = 200
    """So many commands at once, before the rate counts."""
    # SDKs put all that they have to say into one frame; their own suites 300. Centrifugo: no bound.
    commands_per_frame: int = 1024
    """Commands in one frame; more: 3501."""
    # A bug that retries at once shows itself; a user's mistakes do not end the connection.
    rejected_commands: int = 20
    """Rejected commands within a minute, without 102, 103, 106; more: closed with 3013."""
    # Centrifugo: client.channel_limit 128.
    subscriptions: int = 128
    """Channels of one connection; more: error 106."""
    # A page that switches views every second over 50 channels.
    subscribe_rate: float = 50.0
    """Subscribe commands a second; faster: error 111."""
    # Twice all subscriptions of a connection, for whoever comes back.
    subscribe_burst: int = 300
    """So many subscribe commands at once, before the rate counts."""
    # Who may publish at all was allowed to by the application; 50 is for strangers. Centrifugo: none.
    publish_rate: float | None = None
    """Publications a second from one client; faster: error 111. None: no bound but that of commands."""
    # Two seconds of what pointers need.
    publish_burst: int = 100
    """So many publications of a client at once, before the rate counts."""
    # A read may go to the broker; live data needs none.
    read_rate: float = 10.0
    """History and presence reads a second of one client; faster: error 111."""
    # One for each of 128 channels when a page opens.
    read_burst: int = 130
    """So many history and presence reads at once, before the rate counts."""
    # As many as a pool of a database has; beyond it more at once is not faster.
    reads_at_once: int = 64
    """History reads of this process under way at the broker; more wait."""
    # As long as SDKs wait for a reply (centrifuge-js: timeout 5 s); later nobody would hear of it.
    broker_seconds: float = 5.0
    """Deadline of one call to the broker; later: error 100."""

    # -- to a client
    # Ten of them fill a 20 Mbit/s line for a second; 64 KiB is in the kernel, the rest waits here.
    flush_bytes: int = 256 * KiB
    """Written to one connection at once; what is more follows when its socket has room."""
    # As fast as anybody reads names; each costs a write to everybody in the room.
    join_pushes: float = 20.0
    """Joins and leaves of one channel told a second, and so many at once; more: told with the next one."""
    # Parsed by a browser within a frame of its screen; SDKs and proxies refuse above 1 MiB.
    history_frame_bytes: int = 256 * KiB
    """One history frame, unless a single publication is larger."""
    # Centrifugo: client.queue_max_size 1 MiB.
    reply_bytes: int = 1 * MiB
    """Replies that a client has not read; more: closed with 3008."""
    # Tiny replies cost more than their bytes: about 300 B each here.
    reply_frames: int = 4096
    """Replies that a client has not read; more: closed with 3008."""
    # Centrifugo: client.history_max_publication_limit 300.
    history_publications: int = 300
    """Publications in one history reply to a client; the rest is another page."""
    # SDKs refuse frames above 1 MiB; JSON escapes may double it.
    recovery_bytes: int = 512 * KiB
    """Publications inside one recovery reply; the rest follows as pushes."""
    # 64 bytes each make 64 KiB; beyond it numbers say more than names.
    presence_members: int = 1000
    """Members in one presence reply to a client; more: error 106, ask for presence_stats."""
    # Longer than a phone's change of network, shorter than a user's patience.
    stall_timeout: float = 10.0
    """Seconds in which a client that has something to read accepts no byte; then it is cut off."""
    # A minute: slower is polling.
    max_pace_ms: int = 60_000
    """The longest `pace` a client may ask for; longer: refused."""
    # Proxies drop idle connections after 60 s, some after 30. Centrifugo: client.ping_interval 25 s.
    ping_interval: float = 25.0
    """Seconds between pings on the Centrifuge doors."""
    # Centrifugo: client.pong_timeout 8 s.
    pong_timeout: float = 8.0
    """Seconds a pong may take; later: 3012."""
    # Time for a token to be fetched, also when all expire at once. Centrifugo: expired_close_delay 25 s.
    expiry_grace: float = 25.0
    """Seconds that an expired connection or subscription may take to refresh; then 3005, 2501, 3006."""
    # SDKs fetch a token before it. Centrifugo: stale_close_delay 10 s.
    connect_timeout: float = 10.0
    """Seconds from the upgrade to the connect command; later: 3502."""
    # The HTML standard advises about 15 s (server-sent events, authoring notes).
    heartbeat: float = 15.0
    """Seconds between comment lines on an idle SSE stream."""
    # Longer than a phone's change of network; with a heartbeat before it well below `presence_expiry`.
    peer_timeout: float = 30.0
    """Seconds in which a stream's client's machine acknowledges nothing; then cut off, where TCP tells."""
    # So that what a deploy or a balancer moved away spreads again, and rarely enough to cost nothing.
    stream_age: float = 3600.0
    """Seconds after which an event stream is ended, at most; its client comes back and resumes."""
    # As `presence_expiry`: whoever is gone is seen no longer than that.
    unwatched_stream_age: float = 60.0
    """The same on servers that do not let us find a dead client."""

    # -- kept by the process
    # What the operating system grants, with room for the broker and for /health.
    connections: int | None = None
    """Connections of this process; None: the limit of open files minus 200. More: 503 before the upgrade."""
    # Tabs and devices differ too much for one number. Centrifugo: user_connection_limit 0.
    user_connections: int | None = None
    """Connections of one user, on all nodes that share a store; more: closed with 3504."""
    # An office, a school, a carrier or a proxy is one address: set it only where addresses are real.
    address_connections: int | None = None
    """Connections of one address, or of one IPv6 network of 64 bits; more: 429 before the upgrade."""
    # As `address_connections`: 1,000 connections with 20 channels each.
    address_subscriptions: int | None = None
    """Subscriptions of all connections of one address together; more: error 106."""
    # nginx: client_max_body_size 1 MiB.
    body_bytes: int = 1 * MiB
    """The body of an API call; larger: 413."""
    # Twenty milliseconds in which nobody else has the interpreter. 512 KiB of pairs of numbers have as many.
    body_containers: int = 65_536
    """Objects and arrays in the body of an API call, and in one row of others; more: refused as malformed."""
    # What shippers of logs send at once: fluent-bit 2 MiB, vector 10 MB before it is packed.
    ingest_bytes: int = 16 * MiB
    """The body of a request to `/ingest`, `/v1/logs` or Loki's push, packed or not; larger: 413."""
    # 16 MiB in rows of 160 bytes; a row costs a hundred bytes and some microseconds beside its own.
    ingest_rows: int = 100_000
    """Rows, or lines, of such a body, and a twentieth of the parts of all its rows; more: 413."""
    # 1 MiB at 1 Mbit/s.
    body_seconds: float = 10.0
    """Time for a body to arrive; later: 408."""
    # Eight milliseconds of encoding, and as much as a browser shows without a pause.
    answer_bytes: int = 4 * MiB
    """Publications in one answer of the API, those of a batch together; the rest is another page."""
    # Each channel is a publication; a thousand are a turn of the loop of 20 ms.
    broadcast_channels: int = 1000
    """Channels of one broadcast; more: error 107."""
    # As `broadcast_channels`.
    batch_commands: int = 1000
    """Commands of one batch call; more: error 107."""
    # A process that shares its machine with the application.
    ring_budget_bytes: int = 256 * MiB
    """All rings of the process, cached frames included; above it the largest give up their oldest."""
    # As `ring_budget_bytes`, and twice, for what is kept is what is asked for.
    memory_budget_bytes: int = 512 * MiB
    """All histories of the memory broker; above it idle channels are forgotten, then publishing fails."""
    # At 1 to 2 KiB each, 200 MiB of names and positions.
    memory_channels: int = 100_000
    """Channels of the memory broker; above it idle ones are forgotten, then publishing fails."""
    # A second at 32 MiB/s, faster than any broker takes them.
    in_flight_bytes: int = 32 * MiB
    """Published and not yet taken by the broker; more: Overloaded."""
    # Two refreshes may be lost. Centrifugo: presence_ttl 60 s.
    presence_expiry: float = 60.0
    """Seconds until a member that is no longer refreshed is gone."""
    # Twice within `presence_expiry`, with time to spare. Centrifugo: presence_update_interval 27 s.
    presence_refresh: float = 25.0
    """Seconds between refreshes of this process's own members."""
    # A name and the address of a picture; it is sent to everybody in the room.
    presence_info_bytes: int = 1 * KiB
    """What a member says of itself; larger: error 107."""
    # A lost last notification is healed within 40 s. Centrifugo: position_check_delay 40 s.
    position_check: float = 20.0
    """Seconds between comparisons of the rings with the tops of their streams."""
    # A client that goes has nothing else to do. websockets: close_timeout 10 s.
    close_timeout: float = 5.0
    """Seconds a client may take to answer a close frame, or to read what stands before it; then: cut off."""
    # A quarter of a megabit a second. nginx: send_timeout, 60 s between two writes.
    slowest_rate: int = 32 * KiB
    """Bytes a second: a client that takes so many of a large frame is slow, and does not stall."""
    # Finer than the shortest timeout anybody sets, and one turn a second at rest.
    housekeeping: float = 1.0
    """Seconds between looks at what goes by time: stalls, heartbeats, what expires."""
    # About 20 MiB of names; as many channels as the memory broker keeps.
    resolved_names: int = 100_000
    """Channel names whose options are remembered; more: all are found anew, by their patterns."""
    # Between two slices a publisher that awaits its receipts goes on, and the later writes hold more.
    slice_seconds: float = 0.002
    """How long a flush holds the loop before it lets handshakes and pings go on."""
    # Longer than a garbage collection anywhere, shorter than a request's deadline.
    patience: float = 1.0
    """Seconds for which awaiting a receipt waits at most for subscribers that lag but move."""

    def __post_init__(self) -> None:
        _check_numbers(
            self, at_least={"reads_at_once": 1, "housekeeping": 0.01, "slowest_rate": 1, "join_pushes": 1}
        )
        if self.pong_timeout >= self.ping_interval:
            raise ConfigError(
                f"pong_timeout ({self.pong_timeout} s) must be shorter than "
                f"ping_interval ({self.ping_interval} s)"
            )


def _check_numbers(options: ChannelOptions | Limits, at_least: dict[str, float] | None = None) -> None:
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
