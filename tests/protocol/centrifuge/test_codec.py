"""What the encodings have in common: which request counts, and what one frame may cost."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.errors import Disconnect
from gapless.options import Limits
from gapless.protocol.centrifuge import messages as m
from gapless.protocol.centrifuge.codec import (
    MAX_PARTS,
    PONG,
    Allowance,
    Unusable,
    exact,
    read_command,
)
from gapless.protocol.centrifuge.codecs import JSON
from gapless.protocol.centrifuge.messages import Command
from gapless.protocol.strict import Malformed


def command(number: int, *fields: str, unusable: str = "") -> Command:
    """The command in which these fields are set; `unusable` says what is wrong with each."""

    def read(name: str) -> Any:
        if unusable:
            raise Unusable(unusable)
        return m.Invalid(name, "")  # which names what was read

    return read_command(number, fields.__contains__, read)


class TestWhichRequestCounts:
    def test_without_an_id_and_a_message_it_is_a_pong_whatever_else_it_holds(self) -> None:
        assert command(0) is PONG
        assert command(0, "connect", "rpc") is PONG

    def test_a_message_needs_no_id(self) -> None:
        assert command(0, "send", "connect") == Command(0, m.Invalid("send", ""))

    def test_of_several_the_first_in_the_protocols_order_counts(self) -> None:
        assert command(7, "publish", "subscribe") == Command(7, m.Invalid("subscribe", ""))

    def test_an_id_alone_is_no_command(self) -> None:
        with pytest.raises(Malformed, match="no known command"):
            command(7)

    def test_what_can_be_understood_but_not_meant_is_answered(self) -> None:
        said = command(7, "subscribe", unusable="an integer beyond 2^53")
        assert said == Command(7, m.Invalid("subscribe", "an integer beyond 2^53"))

    @pytest.mark.parametrize("number", [0, 7])
    def test_where_no_reply_could_say_so_the_frame_is_malformed(self, number: int) -> None:
        with pytest.raises(Malformed, match="beyond"):
            command(number, "send", unusable="an integer beyond 2^53")


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


class TestFrames:
    def refused(self, frame: str | bytes, **limits: Any) -> Disconnect:
        with pytest.raises(Disconnect) as refused:
            JSON.decode(frame, Limits(**limits))
        return refused.value

    def test_the_wrong_kind_names_the_encoding(self) -> None:
        refused = self.refused(b'{"id":1}')
        assert (refused.code, "wrong kind of frame for json" in refused.reason) == (3506, True)

    def test_one_without_a_command_is_refused(self) -> None:
        assert (self.refused("").code, self.refused("\n").code) == (3501, 3501)

    def test_it_holds_as_many_commands_as_the_limit_says(self) -> None:
        assert JSON.decode("{}\n{}", Limits(commands_per_frame=2)) == [PONG, PONG]
        refused = self.refused("{}\n{}\n{}", commands_per_frame=2)
        assert (refused.code, "more than 2 commands" in refused.reason) == (3501, True)

    def test_the_reason_repeats_nothing_of_the_input(self) -> None:
        assert "hush" not in self.refused('{"id":1,"hush":"hush"').reason
