"""The client's side of the plain protocol: frames in, what happened in which channel out.

It keeps the position of each channel, so that a new connection goes on where the last one ended,
and it counts for itself: an offset that was skipped without a word is reported all the same.
Pure: no socket, no clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import GaplessError
from ..model import Position


class NotPlain(GaplessError):
    """The other side does not speak the plain protocol."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A publication. `offset` is 0 when it has none; `live` tells it from history."""

    channel: str
    offset: int
    epoch: str
    data: Any
    live: bool
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Continuity is broken here. `first` and `last` are inclusive offsets, None where unknown.

    `reason` is one of the plain protocol's, or `lost` (a resume reached back too far), `away`
    (a channel without history, while there was no connection) or `unannounced` (a hole without a word).
    """

    channel: str
    first: int | None
    last: int | None
    reason: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The history of a channel is complete up to `position`; what follows is live."""

    channel: str
    position: Position
    recovered: bool | None
    """After a resume: was nothing missed? None after a first join."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The server refuses a command, or ends a subscription but not the connection."""

    channel: str | None
    code: int
    message: str


Happening = Arrived | Missed | CaughtUp | Failed


@dataclass(slots=True)
class _Place:
    """How far one channel was read. `position` is None until the first answer."""

    position: Position | None = None
    numbered: bool = False
    """Does the channel keep history?"""
    answered: bool = False
    """Has this connection's subscription been answered?"""
    recovered: bool | None = None
    """What its first history frame said; the later ones do not repeat it."""


@dataclass(slots=True)
class Reader:
    """Reads some channels over one connection after another.

    `history` is how many of the newest publications come first, None for all that are kept;
    `since` holds positions to resume after instead.
    """

    channels: Sequence[str]
    history: int | None = None
    since: Mapping[str, Position] = field(default_factory=dict)
    _places: dict[str, _Place] = field(init=False)

    def __post_init__(self) -> None:
        self._places = {
            channel: _Place(self.since.get(channel), channel in self.since) for channel in self.channels
        }

    def query(self) -> list[tuple[str, str]]:
        """What to ask for when connecting now."""
        query = [("channel", channel) for channel in self._places]
        query.append(("batch", "1"))
        if self.history is not None:
            query.append(("history", str(self.history)))
        for channel, place in self._places.items():
            if place.numbered and place.position is not None:
                query.append(("since", f"{channel}@{place.position}"))
        return query

    def connected(self) -> list[Happening]:
        """A connection was made with `query`. What was missed before it, where nobody will tell."""
        missed: list[Happening] = []
        for channel, place in self._places.items():
            place.answered = False
            if place.position is not None and not place.numbered:
                missed.append(Missed(channel, None, None, "away"))
        return missed

    def feed(self, text: str | bytes) -> list[Happening]:
        """One frame. Raises NotPlain when it is none of the protocol's."""
        try:
            return list(self._read(json.loads(text)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            shown = repr(text[:80])
            raise NotPlain(f"this is no frame of the plain protocol: {shown}; check --url") from None

    def _read(self, frame: dict[str, Any]) -> Iterator[Happening]:
        if frame.get("type") == "pong":
            return
        if frame.get("type") in ("error", "unsubscribed"):
            message = frame.get("message") or frame.get("reason") or ""
            yield Failed(frame.get("channel"), int(frame["code"]), str(message))
            return
        channel = frame["channel"]
        place = self._places[channel]
        if "history" in frame:
            yield from self._history(channel, place, frame)
        elif "gap" in frame:
            yield self._gap(channel, place, frame["gap"])
        elif "batch" in frame:
            for publication in frame["batch"]:
                yield from self._arrived(channel, place, publication, live=True)
        elif "data" in frame:
            yield from self._arrived(channel, place, frame, live=True)

    def _history(self, channel: str, place: _Place, frame: dict[str, Any]) -> Iterator[Happening]:
        epoch, head = str(frame["epoch"]), int(frame["head"])
        if not place.answered:
            place.answered = True
            recovered = place.recovered = frame.get("recovered")
            other_life = place.numbered and place.position is not None and place.position.epoch != epoch
            if recovered is False or other_life:
                lost = frame.get("lost") or {}
                yield Missed(channel, lost.get("from"), lost.get("to"), "lost")
            if recovered is False or (place.position is not None and place.position.epoch != epoch):
                place.position = None  # what is still kept follows, wherever it begins
            place.numbered = epoch != ""
        for publication in frame["history"]:
            yield from self._arrived(channel, place, publication, live=False, epoch=epoch)
        if frame["more"] is False:
            yield from self._caught_up(channel, place, Position(head, epoch))

    def _caught_up(self, channel: str, place: _Place, head: Position) -> Iterator[Happening]:
        if place.position is None or place.position.offset < head.offset:
            # As it should be with history=0, and when nothing is kept any more; not after a resume.
            if place.recovered and place.position is not None:
                yield Missed(channel, place.position.offset + 1, head.offset, "unannounced")
            place.position = head
        yield CaughtUp(channel, place.position, place.recovered)

    def _arrived(
        self,
        channel: str,
        place: _Place,
        publication: dict[str, Any],
        *,
        live: bool,
        epoch: str | None = None,
    ) -> Iterator[Happening]:
        offset = int(publication.get("offset", 0))
        known = place.position
        if epoch is None:
            epoch = known.epoch if known is not None else ""
        if offset:
            if known is not None and known.epoch == epoch:
                if offset <= known.offset:
                    return  # a repeat
                if offset > known.offset + 1 and place.numbered:
                    yield Missed(channel, known.offset + 1, offset - 1, "unannounced")
            place.position = Position(offset, epoch)
        yield Arrived(channel, offset, epoch, publication["data"], live, publication.get("tags"))

    def _gap(self, channel: str, place: _Place, gap: dict[str, Any]) -> Missed:
        first, last = gap.get("from"), gap.get("to")
        epoch = str(gap.get("epoch", place.position.epoch if place.position is not None else ""))
        if last is not None:
            place.position = Position(int(last), epoch)
        elif gap["reason"] == "epoch":
            place.position = Position(0, epoch)
        return Missed(channel, first, last, str(gap["reason"]), gap.get("count"))
