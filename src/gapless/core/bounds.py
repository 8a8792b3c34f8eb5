"""Every bound that has an option, with what happens there and the counter that shows it.

One table for the reference, for `/metrics` and for the tests that find a bound without a counter, and
name for each the test that goes there and one further.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Where(Enum):
    """Where somebody comes to a bound. `tests/doors/test_bounds.py` goes there, on each of these doors."""

    ENTRANCE = "every door of clients"
    COMMANDS = "every door that takes commands"
    CENTRIFUGE = "every Centrifuge door that takes commands"
    CENTRIFUGE_SOCKETS = "Centrifuge WebSockets"
    SOCKETS = "WebSockets"
    FAST = "WebSockets on the fast path"
    POSTS = "`/emulation`"
    API = "`/api`"
    INGEST = "`/ingest`"


class Bound(NamedTuple):
    """One bound of `Limits`."""

    option: str
    then: str
    """What happens past it: a code, or what gives way."""
    counter: str
    """Of `Counters`; with `broker.` before it one of the memory broker."""
    where: tuple[Where, ...] = ()
    """The doors at which it is reached by what one client or call says; none: it is reached within."""


BOUNDS = (
    Bound("channel_bytes", "107", "client_errors", (Where.COMMANDS, Where.API, Where.INGEST)),
    Bound("client_payload_bytes", "107", "client_errors", (Where.COMMANDS,)),
    Bound("server_payload_bytes", "107", "api_refused", (Where.API, Where.INGEST)),
    Bound("message_bytes", "1009", "oversized", (Where.SOCKETS, Where.POSTS)),
    Bound("message_frames", "1009", "oversized", (Where.FAST,)),
    Bound("message_seconds", "1008", "unfinished", (Where.FAST,)),
    Bound("control_rate", "1008", "control_floods", (Where.FAST,)),
    Bound("control_burst", "1008", "control_floods", (Where.FAST,)),
    Bound(
        "inbound_bytes", "reading waits; 3013 for what is posted", "inbound_waits", (Where.FAST, Where.POSTS)
    ),
    Bound("inbound_budget_bytes", "1013 or 3013 for the fullest", "inbound_full"),
    Bound("inbound_rate", "reading waits", "inbound_waits", (Where.SOCKETS,)),
    Bound("inbound_burst", "reading waits", "inbound_waits", (Where.SOCKETS,)),
    Bound("json_depth", "3501, 400 or 107", "client_errors", (Where.COMMANDS, Where.API, Where.INGEST)),
    Bound("json_members", "3501, 400 or 107", "client_errors", (Where.COMMANDS, Where.API)),
    Bound("json_digits", "3501, 400 or 107", "client_errors", (Where.COMMANDS, Where.API)),
    Bound("json_containers", "107 or 3501", "client_errors", (Where.COMMANDS,)),
    Bound("commands", "reading waits", "rate_limited", (Where.COMMANDS,)),
    Bound("commands_seconds", "3013", "rate_limited"),
    Bound("commands_burst", "reading waits", "rate_limited", (Where.COMMANDS,)),
    Bound("commands_per_frame", "3501", "bad_protocol", (Where.CENTRIFUGE,)),
    Bound("rejected_commands", "3013", "bad_protocol", (Where.COMMANDS,)),
    Bound("subscriptions", "106", "client_errors", (Where.COMMANDS,)),
    Bound("subscribe_rate", "111", "rate_limited", (Where.COMMANDS,)),
    Bound("subscribe_burst", "111", "rate_limited", (Where.COMMANDS,)),
    Bound("publish_rate", "111", "rate_limited", (Where.COMMANDS,)),
    Bound("publish_burst", "111", "rate_limited", (Where.COMMANDS,)),
    Bound("read_rate", "111", "rate_limited", (Where.COMMANDS,)),
    Bound("read_burst", "111", "rate_limited", (Where.COMMANDS,)),
    Bound("reply_bytes", "3008", "slow_replies"),
    Bound("reply_frames", "3008", "slow_replies"),
    Bound("join_pushes", "told with the next one", "joins_coalesced"),
    Bound("history_publications", "another page", "history_reads"),
    Bound("recovery_bytes", "the rest follows", "history_reads"),
    Bound("presence_members", "106", "client_errors", (Where.COMMANDS,)),
    Bound("stall_timeout", "cut off", "stalled"),
    Bound("pong_timeout", "3012", "no_pong", (Where.CENTRIFUGE,)),
    Bound("connect_timeout", "3502", "no_connect", (Where.CENTRIFUGE_SOCKETS,)),
    Bound("connections", "503", "refused_connections", (Where.ENTRANCE,)),
    Bound("user_connections", "3504", "refused_connections", (Where.ENTRANCE,)),
    Bound("address_connections", "429", "crowded_addresses", (Where.ENTRANCE,)),
    Bound("address_subscriptions", "106", "crowded_addresses", (Where.COMMANDS,)),
    Bound("body_bytes", "413", "api_refused", (Where.API,)),
    Bound("body_containers", "400 or 422", "api_refused", (Where.API, Where.INGEST)),
    Bound("ingest_bytes", "413", "api_refused", (Where.INGEST,)),
    Bound("ingest_rows", "413", "api_refused", (Where.INGEST,)),
    Bound("body_seconds", "408", "api_refused", (Where.API,)),
    Bound("answer_bytes", "another page", "history_reads"),
    Bound("broadcast_channels", "107", "api_refused", (Where.API,)),
    Bound("batch_commands", "107", "api_refused", (Where.API,)),
    Bound("ring_budget_bytes", "the largest give up their oldest", "ring_shrinks"),
    Bound("memory_budget_bytes", "idle channels go, then 100", "broker.evicted"),
    Bound("memory_channels", "idle channels go, then 100", "broker.refused"),
    Bound("in_flight_bytes", "Overloaded", "overloaded"),
)
"""In the order of `Limits`."""
