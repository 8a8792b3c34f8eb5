"""What the encodings have in common: which request counts, and what one frame may cost."""

from __future__ import annotations

import pytest

from gapless.options import Limits
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.messages import Command
from gapless.protocol.centrifuge.reading import (
    MAX_PARTS,
    Allowance,
    Unusable,
    exact,
    request_field,
    unusable,
)
from gapless.protocol.strict import Malformed


class TestWhichRequestCounts:
    def test_without_an_id_and_a_message_it_is_a_pong_whatever_else_it_holds(self) -> None:
        assert request_field(0, set()) is None
        assert request_field(0, {"connect", "rpc"}) is None

    def test_a_message_needs_no_id(self) -> None:
        assert request_field(0, {"send", "connect"}) == "send"

    def test_of_several_the_first_in_the_protocols_order_counts(self) -> None:
        assert request_field(7, {"publish", "subscribe"}) == "subscribe"

    def test_an_id_alone_is_no_command(self) -> None:
        with pytest.raises(Malformed, match="no known command"):
            request_field(7, {"id"})

    def test_what_can_be_understood_but_not_meant_is_answered(self) -> None:
        said = unusable(7, "subscribe", Unusable("an integer beyond 2^53"))
        assert said == Command(7, m.Invalid("subscribe", "an integer beyond 2^53"))

    @pytest.mark.parametrize("number", [0, 7])
    def test_where_no_reply_could_say_so_the_frame_is_malformed(self, number: int) -> None:
        with pytest.raises(Malformed, match="beyond"):
            unusable(number, "send", Unusable("an integer beyond 2^53"))


class TestCosts:
    def test_parts_of_all_commands_add_up(self) -> None:
        allowance = Allowance(Limits())
        allowance.take(MAX_PARTS - 1)
        allowance.take(1)
        with pytest.raises(Malformed, match="parts"):
            allowance.take(1)

    @pytest.mark.parametrize("number", [0, 2**53, -(2**53)])
    def test_an_integer_that_every_client_can_hold_is_that(self, number: int) -> None:
        assert exact(number) == number

    @pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1])
    def test_one_that_some_cannot_hold_is_not_to_be_used(self, number: int) -> None:
        with pytest.raises(Unusable):
            exact(number)
