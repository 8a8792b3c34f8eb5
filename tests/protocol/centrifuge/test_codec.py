"""What the encodings do alike: how many commands a frame holds, and which kind of frame is spoken."""

from __future__ import annotations

from typing import Any

import pytest

from gapless.errors import Disconnect
from gapless.options import Limits
from gapless.protocol.centrifuge.codecs import JSON
from gapless.protocol.centrifuge.reading import PONG


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
