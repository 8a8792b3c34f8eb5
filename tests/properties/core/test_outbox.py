"""What holds of `core/outbox`, whatever is put in."""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ...core.test_outbox import outbox


class Accounting(RuleBasedStateMachine):
    """Bytes queued are bytes accounted, whatever comes and goes; never above the bound; order kept."""

    def __init__(self) -> None:
        super().__init__()
        self.box = outbox(max_bytes=50, max_frames=5)
        self.model: deque[tuple[bytes, bool]] = deque()

    @property
    def replies(self) -> list[bytes]:
        return [frame for frame, is_reply in self.model if is_reply]

    @rule(frame=st.binary(max_size=30))
    def reply(self, frame: bytes) -> None:
        fits = not self.replies or (len(self.replies) < 5 and sum(map(len, self.replies)) + len(frame) <= 50)
        assert self.box.reply(frame) is (fits or self.box.closing is not None)
        if fits and self.box.closing is None:
            self.model.append((frame, True))

    @rule(frames=st.lists(st.binary(max_size=30), min_size=1, max_size=3))
    def push(self, frames: list[bytes]) -> None:
        if self.box.room:
            self.box.push(frames, sum(map(len, frames)))
            self.model.extend((frame, False) for frame in frames)

    @rule()
    def send(self) -> None:
        frame = self.box.take()
        if frame is None:
            assert not self.model
            return
        assert frame == self.model.popleft()[0]
        had_room = self.box.room
        gets_room = not self.model and not had_room and self.box.closing is None
        assert self.box.sent() is gets_room

    @rule()
    def clear(self) -> None:
        self.box.clear()
        self.model.clear()

    @invariant()
    def accounted(self) -> None:
        assert self.box.unread_bytes == sum(map(len, self.replies))
        assert self.box.unread_bytes <= 50 or len(self.replies) == 1
        assert self.box.waiting == bool(self.model)


Accounting.TestCase.settings = settings(max_examples=80, deadline=None)


TestAccounting = Accounting.TestCase
