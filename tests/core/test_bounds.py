"""The table of bounds: whoever adds one gives it a counter, and a test that goes to it and past it."""

from __future__ import annotations

import ast
import dataclasses
from functools import cache
from pathlib import Path

import pytest

from gapless import Limits, MemoryBroker
from gapless.core.bounds import BOUNDS, Bound
from gapless.core.counters import Counters

ROOT = Path(__file__).parent.parent.parent

TESTS = {
    "api/test_api.py": {
        "batch_commands": "test_a_batch_answers_each_command_with_its_bare_result",
    },
    "api/test_publishing.py": {
        "broadcast_channels": "test_what_broadcast_refuses_as_a_whole",
        "in_flight_bytes": "test_more_than_may_be_in_flight_is_error_100_for_that_publication_only",
    },
    "api/test_reading.py": {
        "answer_bytes": "test_an_answer_has_a_bound_in_bytes_and_the_rest_is_another_page",
    },
    "brokers/test_memory.py": {
        "memory_budget_bytes": "test_reading_never_fails_because_of_it",
        "memory_channels": "test_and_when_all_of_them_are_in_use_another_one_fails",
    },
    "core/test_log.py": {
        "ring_budget_bytes": "test_every_entry_is_charged_to_the_common_budget",
    },
    "doors/test_access_matrix.py": {
        "subscriptions": "test_more_channels_than_a_connection_may_have_are_refused",
    },
    "doors/test_addresses.py": {
        "address_connections": "test_an_address_has_so_many_connections_and_no_more",
        "address_subscriptions": "test_all_connections_of_an_address_have_so_many_subscriptions_together",
    },
    "doors/test_ingest.py": {
        "ingest_bytes": "test_what_cannot_be_taken_is_refused_whole",
    },
    "doors/test_metrics.py": {
        "pong_timeout": "test_ends_that_a_bound_brought_are_counted",
        "connect_timeout": "test_ends_that_a_bound_brought_are_counted",
        "body_bytes": "test_calls_that_are_refused_are_counted",
        "body_seconds": "test_calls_that_are_refused_are_counted",
    },
    "doors/test_rows.py": {
        "body_containers": "test_a_row_that_is_too_long_or_holds_too_much_is_not_read_at_all",
        "ingest_rows": "test_a_body_has_so_many_rows_and_no_more",
    },
    "doors/test_sse_entrance.py": {
        "connections": "test_a_full_hub_says_503",
    },
    "doors/test_websocket_commands.py": {
        "client_payload_bytes": "test_a_publication_above_the_bound_is_refused",
        "rejected_commands": "test_each_bad_command_is_told_what_was_wrong_and_costs_nothing_else",
    },
    "doors/test_websocket_entrance.py": {
        "user_connections": "test_a_user_has_no_more_connections_than_allowed",
    },
    "node/test_announcements.py": {
        "join_pushes": "test_so_many_are_told_at_once_and_one_more_waits",
    },
    "node/test_inbound.py": {
        "inbound_budget_bytes": "test_at_the_bound_nobody_goes_and_one_past_it_the_fullest_does",
    },
    "node/test_registry.py": {
        "channel_bytes": "test_a_name_is_measured_in_bytes",
    },
    "protocol/centrifuge/test_json_codec_decode.py": {
        "json_depth": "test_parts_in_a_frame_are_bounded_exactly",
        "json_members": "test_parts_in_a_frame_are_bounded_exactly",
        "json_digits": "test_parts_in_a_frame_are_bounded_exactly",
    },
    "rooms/test_rooms.py": {
        "server_payload_bytes": "test_what_cannot_be_sent_is_refused_by_name",
    },
    "sessions/centrifuge/test_commands.py": {
        "history_publications": "test_a_history_reply_is_bounded",
        "recovery_bytes": "test_a_history_reply_is_bounded",
        "presence_members": "test_a_presence_reply_is_bounded_and_the_numbers_are_not",
    },
    "sessions/centrifuge/test_limits.py": {
        "commands_per_frame": "test_a_frame_holds_so_many_commands_and_no_more",
        "subscribe_rate": "test_a_rate_is_error_111_which_is_temporary",
        "subscribe_burst": "test_a_rate_is_error_111_which_is_temporary",
        "publish_rate": "test_a_rate_is_error_111_which_is_temporary",
        "publish_burst": "test_a_rate_is_error_111_which_is_temporary",
        "read_rate": "test_a_rate_is_error_111_which_is_temporary",
        "read_burst": "test_a_rate_is_error_111_which_is_temporary",
    },
    "sessions/test_flow.py": {
        "stall_timeout": "test_a_number_that_falls_is_no_progress",
    },
    "sessions/test_rates.py": {
        "commands": "test_who_comes_too_fast_waits_for_its_turn",
        "commands_seconds": "test_who_keeps_at_it_is_closed",
        "commands_burst": "test_who_comes_too_fast_waits_for_its_turn",
    },
    "sessions/test_session.py": {
        "reply_bytes": "test_a_client_that_reads_no_replies_is_closed",
        "reply_frames": "test_a_client_that_reads_no_replies_is_closed",
    },
    "transports/test_frames.py": {
        "message_frames": "test_what_is_wrong_has_its_code",
    },
    "transports/test_hearing.py": {
        "message_seconds": "test_a_message_that_is_never_finished_is_waited_for_only_so_long",
    },
    "transports/test_inbox.py": {
        "inbound_bytes": "test_reading_pauses_while_too_much_waits_and_is_told_once",
        "inbound_rate": "test_brackets_of_long_messages_count_as_many_bytes",
        "inbound_burst": "test_what_is_within_the_burst_does_not_wait",
    },
    "transports/test_taken.py": {
        "message_bytes": "test_a_connection_that_is_taken_over_has_the_bounds_of_who_took_it",
        "control_rate": "test_pings_within_their_rate_are_answered_and_one_more_is_the_end",
        "control_burst": "test_pings_within_their_rate_are_answered_and_one_more_is_the_end",
    },
    "protocol/test_strict.py": {
        "json_containers": "test_objects_and_arrays_are_bounded_exactly_before_anything_is_read",
    },
}
"""By file: the test that goes to each and one further, or as near as can be."""

NO_BOUND = {
    "close_timeout": "a deadline of an end that was counted before",
    "expiry_grace": "how long a grant may outlive its time",
    "flush_bytes": "the size of a write; the rest follows",
    "heartbeat": "an interval",
    "history_frame_bytes": "the size of a frame; the rest follows",
    "housekeeping": "an interval",
    "idempotency_key_bytes": "of publishers, who are told with 107",
    "idempotency_keys": "a cache",
    "idempotency_seconds": "how long it is kept",
    "broker_seconds": "a deadline of the broker's; what fails is counted as publish_failed",
    "max_pace_ms": "a wish that is refused with 107",
    "nesting_bytes": "a weight within inbound_rate",
    "patience": "how long a publisher waits",
    "ping_interval": "an interval",
    "peer_timeout": "the kernel ends it, as the end of a connection",
    "position_check": "an interval",
    "presence_expiry": "an interval",
    "presence_info_bytes": "of hooks and tokens, who are told with 107",
    "presence_refresh": "an interval",
    "reads_at_once": "the rest waits its turn",
    "resolved_names": "a cache",
    "slice_seconds": "a share of time",
    "slowest_rate": "a part of stall_timeout, where progress cannot be seen",
    "stream_age": "an age: its client comes back and resumes",
    "tag_bytes": "of publishers, who are told with 107",
    "tags": "of publishers, who are told with 107",
    "unwatched_stream_age": "as stream_age",
}
"""What is no bound that a client can reach, with what it is instead."""


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.option)
def test_each_has_a_counter_and_a_test(bound: Bound) -> None:
    owner, _, name = bound.counter.rpartition(".")
    assert hasattr(MemoryBroker() if owner == "broker" else Counters(), name)
    (test,) = [(file, tests[bound.option]) for file, tests in TESTS.items() if bound.option in tests]
    assert test[1] in names_in(f"tests/{test[0]}")
    assert bound.then


def test_every_limit_is_in_it_or_is_none() -> None:
    options = [field.name for field in dataclasses.fields(Limits)]
    listed = [bound.option for bound in BOUNDS]
    assert len(listed) == len(set(listed))
    assert set(options) == {*listed, *NO_BOUND}
    assert {option for tests in TESTS.values() for option in tests} == set(listed)
    assert not set(listed) & set(NO_BOUND)
