"""Every bound that has an option, with what happens there and the counter that shows it.

One table for the reference, for `/metrics` and for the test that finds a bound without a counter or
without a test.
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
    tests: str
    test: str
    """The file and the name of the test that goes there and one further, or as near as can be."""
    where: tuple[Where, ...] = ()
    """The doors at which it is reached by what one client or call says; none: it is reached within."""


BOUNDS = (
    Bound(
        "channel_bytes",
        "107",
        "client_errors",
        "tests/node/test_registry.py",
        "test_a_name_is_measured_in_bytes",
        (Where.COMMANDS, Where.API, Where.INGEST),
    ),
    Bound(
        "client_payload_bytes",
        "107",
        "client_errors",
        "tests/doors/test_websocket_commands.py",
        "test_a_publication_above_the_bound_is_refused",
        (Where.COMMANDS,),
    ),
    Bound(
        "server_payload_bytes",
        "107",
        "api_refused",
        "tests/rooms/test_rooms.py",
        "test_what_cannot_be_sent_is_refused_by_name",
        (Where.API, Where.INGEST),
    ),
    Bound(
        "message_bytes",
        "1009",
        "oversized",
        "tests/transports/test_taken.py",
        "test_a_connection_that_is_taken_over_has_the_bounds_of_who_took_it",
        (Where.SOCKETS, Where.POSTS),
    ),
    Bound(
        "message_frames",
        "1009",
        "oversized",
        "tests/transports/test_frames.py",
        "test_what_is_wrong_has_its_code",
        (Where.FAST,),
    ),
    Bound(
        "message_seconds",
        "1008",
        "unfinished",
        "tests/transports/test_hearing.py",
        "test_a_message_that_is_never_finished_is_waited_for_only_so_long",
        (Where.FAST,),
    ),
    Bound(
        "control_rate",
        "1008",
        "control_floods",
        "tests/transports/test_taken.py",
        "test_pings_within_their_rate_are_answered_and_one_more_is_the_end",
        (Where.FAST,),
    ),
    Bound(
        "control_burst",
        "1008",
        "control_floods",
        "tests/transports/test_taken.py",
        "test_pings_within_their_rate_are_answered_and_one_more_is_the_end",
        (Where.FAST,),
    ),
    Bound(
        "inbound_bytes",
        "reading waits; 3013 for what is posted",
        "inbound_waits",
        "tests/transports/test_inbox.py",
        "test_reading_pauses_while_too_much_waits_and_is_told_once",
        (Where.FAST, Where.POSTS),
    ),
    Bound(
        "inbound_budget_bytes",
        "1013 or 3013 for the fullest",
        "inbound_full",
        "tests/node/test_inbound.py",
        "test_at_the_bound_nobody_goes_and_one_past_it_the_fullest_does",
    ),
    Bound(
        "inbound_rate",
        "reading waits",
        "inbound_waits",
        "tests/transports/test_inbox.py",
        "test_brackets_of_long_messages_count_as_many_bytes",
        (Where.SOCKETS,),
    ),
    Bound(
        "inbound_burst",
        "reading waits",
        "inbound_waits",
        "tests/transports/test_inbox.py",
        "test_what_is_within_the_burst_does_not_wait",
        (Where.SOCKETS,),
    ),
    Bound(
        "json_depth",
        "3501, 400 or 107",
        "client_errors",
        "tests/protocol/centrifuge/test_json_codec_decode.py",
        "test_parts_in_a_frame_are_bounded_exactly",
        (Where.COMMANDS, Where.API, Where.INGEST),
    ),
    Bound(
        "json_members",
        "3501, 400 or 107",
        "client_errors",
        "tests/protocol/centrifuge/test_json_codec_decode.py",
        "test_parts_in_a_frame_are_bounded_exactly",
        (
            Where.COMMANDS,
            Where.API,
        ),
    ),
    Bound(
        "json_digits",
        "3501, 400 or 107",
        "client_errors",
        "tests/protocol/centrifuge/test_json_codec_decode.py",
        "test_parts_in_a_frame_are_bounded_exactly",
        (
            Where.COMMANDS,
            Where.API,
        ),
    ),
    Bound(
        "commands",
        "reading waits",
        "rate_limited",
        "tests/sessions/test_rates.py",
        "test_who_comes_too_fast_waits_for_its_turn",
        (Where.COMMANDS,),
    ),
    Bound(
        "commands_seconds",
        "3013",
        "rate_limited",
        "tests/sessions/test_rates.py",
        "test_who_keeps_at_it_is_closed",
    ),
    Bound(
        "commands_burst",
        "reading waits",
        "rate_limited",
        "tests/sessions/test_rates.py",
        "test_who_comes_too_fast_waits_for_its_turn",
        (Where.COMMANDS,),
    ),
    Bound(
        "commands_per_frame",
        "3501",
        "bad_protocol",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_frame_holds_so_many_commands_and_no_more",
        (Where.CENTRIFUGE,),
    ),
    Bound(
        "rejected_commands",
        "3013",
        "bad_protocol",
        "tests/doors/test_websocket_commands.py",
        "test_each_bad_command_is_told_what_was_wrong_and_costs_nothing_else",
        (Where.COMMANDS,),
    ),
    Bound(
        "subscriptions",
        "106",
        "client_errors",
        "tests/doors/test_access_matrix.py",
        "test_more_channels_than_a_connection_may_have_are_refused",
        (Where.COMMANDS,),
    ),
    Bound(
        "subscribe_rate",
        "111",
        "rate_limited",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_rate_is_error_111_which_is_temporary",
        (Where.COMMANDS,),
    ),
    Bound(
        "subscribe_burst",
        "111",
        "rate_limited",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_rate_is_error_111_which_is_temporary",
        (Where.COMMANDS,),
    ),
    Bound(
        "publish_rate",
        "111",
        "rate_limited",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_rate_is_error_111_which_is_temporary",
        (Where.COMMANDS,),
    ),
    Bound(
        "publish_burst",
        "111",
        "rate_limited",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_rate_is_error_111_which_is_temporary",
        (Where.COMMANDS,),
    ),
    Bound(
        "read_rate",
        "111",
        "rate_limited",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_rate_is_error_111_which_is_temporary",
        (Where.COMMANDS,),
    ),
    Bound(
        "read_burst",
        "111",
        "rate_limited",
        "tests/sessions/centrifuge/test_limits.py",
        "test_a_rate_is_error_111_which_is_temporary",
        (Where.COMMANDS,),
    ),
    Bound(
        "reply_bytes",
        "3008",
        "slow_replies",
        "tests/sessions/test_session.py",
        "test_a_client_that_reads_no_replies_is_closed",
    ),
    Bound(
        "reply_frames",
        "3008",
        "slow_replies",
        "tests/sessions/test_session.py",
        "test_a_client_that_reads_no_replies_is_closed",
    ),
    Bound(
        "join_pushes",
        "told with the next one",
        "joins_coalesced",
        "tests/node/test_announcements.py",
        "test_so_many_are_told_at_once_and_one_more_waits",
    ),
    Bound(
        "history_publications",
        "another page",
        "history_reads",
        "tests/sessions/centrifuge/test_commands.py",
        "test_a_history_reply_is_bounded",
    ),
    Bound(
        "recovery_bytes",
        "the rest follows",
        "history_reads",
        "tests/sessions/centrifuge/test_commands.py",
        "test_a_history_reply_is_bounded",
    ),
    Bound(
        "presence_members",
        "106",
        "client_errors",
        "tests/sessions/centrifuge/test_commands.py",
        "test_a_presence_reply_is_bounded_and_the_numbers_are_not",
        (Where.COMMANDS,),
    ),
    Bound(
        "stall_timeout",
        "cut off",
        "stalled",
        "tests/sessions/test_flow.py",
        "test_a_number_that_falls_is_no_progress",
    ),
    Bound(
        "pong_timeout",
        "3012",
        "no_pong",
        "tests/doors/test_metrics.py",
        "test_ends_that_a_bound_brought_are_counted",
        (Where.CENTRIFUGE,),
    ),
    Bound(
        "connect_timeout",
        "3502",
        "no_connect",
        "tests/doors/test_metrics.py",
        "test_ends_that_a_bound_brought_are_counted",
        (Where.CENTRIFUGE_SOCKETS,),
    ),
    Bound(
        "connections",
        "503",
        "refused_connections",
        "tests/doors/test_sse_entrance.py",
        "test_a_full_hub_says_503",
        (Where.ENTRANCE,),
    ),
    Bound(
        "user_connections",
        "3504",
        "refused_connections",
        "tests/doors/test_websocket_entrance.py",
        "test_a_user_has_no_more_connections_than_allowed",
        (Where.ENTRANCE,),
    ),
    Bound(
        "address_connections",
        "429",
        "crowded_addresses",
        "tests/doors/test_addresses.py",
        "test_an_address_has_so_many_connections_and_no_more",
        (Where.ENTRANCE,),
    ),
    Bound(
        "address_subscriptions",
        "106",
        "crowded_addresses",
        "tests/doors/test_addresses.py",
        "test_all_connections_of_an_address_have_so_many_subscriptions_together",
        (Where.COMMANDS,),
    ),
    Bound(
        "body_bytes",
        "413",
        "api_refused",
        "tests/doors/test_metrics.py",
        "test_calls_that_are_refused_are_counted",
        (Where.API,),
    ),
    Bound(
        "ingest_bytes",
        "413",
        "api_refused",
        "tests/doors/test_ingest.py",
        "test_what_cannot_be_taken_is_refused_whole",
        (Where.INGEST,),
    ),
    Bound(
        "ingest_rows",
        "413",
        "api_refused",
        "tests/doors/test_rows.py",
        "test_a_body_has_so_many_rows_and_no_more",
        (Where.INGEST,),
    ),
    Bound(
        "body_seconds",
        "408",
        "api_refused",
        "tests/doors/test_metrics.py",
        "test_calls_that_are_refused_are_counted",
        (Where.API,),
    ),
    Bound(
        "answer_bytes",
        "another page",
        "history_reads",
        "tests/api/test_reading.py",
        "test_an_answer_has_a_bound_in_bytes_and_the_rest_is_another_page",
    ),
    Bound(
        "broadcast_channels",
        "107",
        "api_refused",
        "tests/api/test_publishing.py",
        "test_what_broadcast_refuses_as_a_whole",
        (Where.API,),
    ),
    Bound(
        "batch_commands",
        "107",
        "api_refused",
        "tests/api/test_api.py",
        "test_a_batch_answers_each_command_with_its_bare_result",
        (Where.API,),
    ),
    Bound(
        "ring_budget_bytes",
        "the largest give up their oldest",
        "ring_shrinks",
        "tests/core/test_log.py",
        "test_every_entry_is_charged_to_the_common_budget",
    ),
    Bound(
        "memory_budget_bytes",
        "idle channels go, then 100",
        "broker.evicted",
        "tests/brokers/test_memory.py",
        "test_reading_never_fails_because_of_it",
    ),
    Bound(
        "memory_channels",
        "idle channels go, then 100",
        "broker.refused",
        "tests/brokers/test_memory.py",
        "test_and_when_all_of_them_are_in_use_another_one_fails",
    ),
    Bound(
        "in_flight_bytes",
        "Overloaded",
        "overloaded",
        "tests/api/test_publishing.py",
        "test_more_than_may_be_in_flight_is_error_100_for_that_publication_only",
    ),
)
"""In the order of `Limits`."""
