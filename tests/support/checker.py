"""The one checker: what was accepted, what was said to whom, and whether the two agree.

A subscriber's callbacks must be a sequence of spans: inside a span offsets are consecutive in one
epoch, between two spans stands a signal, and every payload is the one that was accepted at its
position. It is fed with what happened, while it happens or from logs afterwards, and gives one
verdict:

    lost        acknowledged or passed over inside a span that claims to be continuous
    repeated    seen twice in one span
    reordered   seen behind something newer in one span
    different   another payload than the one accepted at this position, or than another view of it
    early       seen, or acknowledged, before it was stored
    double      one idempotency key stored at two positions
    stalled     a connected subscriber that does not reach the top

All of them must be empty. `unknown` (publications without an answer) and `false_alarms` (told
that something is lost which is still there) are reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gapless.model import Position

Stored = dict[Position, bytes]


@dataclass(frozen=True, slots=True)
class Seen:
    """A callback with a publication that has an offset."""

    position: Position
    payload: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """A signal: offsets `first` to `last` will not come; what follows is in `epoch`.

    `count` entries without an offset will not come either. Without `first` the signal speaks of
    nothing else, and numbered ones go on unbroken. `last` None: nobody knows, and any offset may
    follow. `reason` is the wire's word.
    """

    first: int | None
    last: int | None
    epoch: str
    reason: str = ""
    count: int = 0


class Span:
    """The positions that a span has shown, as runs of consecutive ones: one, until it is broken."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[tuple[str, int, int]] = []

    def add(self, position: Position) -> None:
        offset, epoch = position
        if self._runs and self._runs[-1][0] == epoch and self._runs[-1][2] == offset - 1:
            self._runs[-1] = epoch, self._runs[-1][1], offset
        else:
            self._runs.append((epoch, offset, offset))

    def __contains__(self, position: Position) -> bool:
        return any(
            epoch == position.epoch and first <= position.offset <= last for epoch, first, last in self._runs
        )


@dataclass(slots=True)
class View:
    """One subscriber of one channel, across its reconnects."""

    name: str
    channel: str
    span: Span = field(default_factory=Span)
    at: Position | None = None
    """The next one must be right behind; None: any may be next."""
    seen: int = 0
    counted: int | None = None
    """The number in the last publication without an offset that this visit has shown."""
    missed: int = 0
    """How many such were said to be missed since."""


@dataclass(slots=True)
class Verdict:
    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    stalled: list[str] = field(default_factory=list)
    unknown: int = 0
    false_alarms: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> dict[str, list[str]]:
        """What must be empty and is not, by name."""
        names = ("lost", "repeated", "reordered", "different", "early", "double", "stalled")
        return {name: found for name in names if (found := getattr(self, name))}


class Checker:
    """Collects what happened to any number of channels and subscribers.

    With `knows_all` every stored publication is reported before it is seen. Without, as where
    only the logs of real processes are at hand, the first to see a position says what it holds.
    """

    def __init__(self, *, knows_all: bool = True) -> None:
        self.verdict = Verdict()
        self._knows_all = knows_all
        self._stored: dict[str, Stored] = defaultdict(dict)
        self._acknowledged: dict[str, Stored] = defaultdict(dict)
        self._keys: dict[tuple[str, str], Position] = {}
        self._views: dict[tuple[str, str], View] = {}

    # -- the broker's side

    def stored(self, channel: str, position: Position, payload: bytes, key: str | None = None) -> None:
        """The broker has it, under this number, for ever."""
        known = self._stored[channel].setdefault(position, payload)
        if known != payload:
            self.verdict.different.append(f"{channel} {position}: stored {known!r}, then {payload!r}")
        if key is not None and self._keys.setdefault((channel, key), position) != position:
            self.verdict.double.append(f"{channel}: {key!r} at {self._keys[channel, key]} and at {position}")

    def acknowledged(self, channel: str, position: Position, payload: bytes) -> None:
        """The publisher was told that it is stored."""
        self._acknowledged[channel][position] = payload
        known = self._known(channel, position, payload)
        if known is None:
            self.verdict.early.append(f"{channel} {position}: acknowledged before it was stored")
        elif known != payload:
            self.verdict.different.append(f"{channel} {position}: acknowledged {payload!r}, stored {known!r}")

    def unanswered(self) -> None:
        self.verdict.unknown += 1

    def read(self, channel: str, publications: Iterable[Seen], oldest: int, top: Position) -> None:
        """A history that claims to hold everything from `oldest` to `top`."""
        wanted = oldest
        for publication in publications:
            self._compare(channel, "history", publication)
            if publication.position != Position(wanted, top.epoch):
                self.verdict.lost.append(f"{channel}: history holds no {Position(wanted, top.epoch)}")
                wanted = publication.position.offset
            wanted += 1
        for position, payload in self._acknowledged[channel].items():
            if position.epoch == top.epoch and position.offset >= wanted:
                self.verdict.lost.append(
                    f"{channel} {position}: acknowledged {payload!r}, not in the history"
                )

    # -- the subscribers' side

    def begins(self, who: str, channel: str, at: Position | None) -> None:
        """A subscription that resumes nothing: what is right behind `at` comes next; None: anything.

        One that resumes, and was told that nothing is missing, goes on as if it had never left.
        """
        view = self._view(who, channel)
        view.span, view.at = Span(), at

    def visits(self, who: str, channel: str) -> None:
        """It connects, for the first time or again: what has no offset begins anew."""
        view = self._view(who, channel)
        view.counted, view.missed = None, 0

    def saw(self, who: str, channel: str, seen: Seen) -> None:
        view = self._view(who, channel)
        view.seen += 1
        self._compare(channel, who, seen)
        position, at = seen.position, view.at
        if at is not None and position != Position(at.offset + 1, at.epoch):
            self._broken(view, position, at)
        view.span.add(position)
        if at is None or position.epoch != at.epoch or position.offset > at.offset:
            view.at = position

    def saw_unnumbered(self, who: str, channel: str, number: int) -> None:
        """A publication without an offset; their payloads are 1, 2, 3 … in the channel."""
        view = self._view(who, channel)
        last, missed = view.counted, view.missed
        view.counted, view.missed = number, 0
        if last is None:
            return
        where = f"{who} in {channel}: number {number} after {last}, {missed} said to be missed"
        if number == last:
            self.verdict.repeated.append(where)
        elif number < last:
            self.verdict.reordered.append(where)
        elif number > last + 1 + missed:
            self.verdict.lost.append(where)
        elif number < last + 1 + missed:
            self.verdict.false_alarms.append(where)

    def told(self, who: str, channel: str, told: Told, kept_from: int | None = None) -> None:
        """A signal. `kept_from`: the oldest offset that the broker keeps just now, where that is known."""
        view = self._view(who, channel)
        view.missed += told.count
        if told.first is None:
            return
        at = view.at
        if at is not None and told.epoch == at.epoch:
            if told.last is not None and told.first > at.offset + 1:
                # Between what was seen and what was said to be lost lies something nobody spoke of.
                missing = f"{at.offset + 1} to {told.first - 1}"
                self.verdict.lost.append(f"{who} in {channel}: {missing} neither seen nor told lost")
            if told.last is None:
                self.verdict.false_alarms.append(f"{who} in {channel}: told of another epoch within {at}")
        kept = kept_from is not None and told.last is not None and told.last >= kept_from
        if kept and told.reason == "trimmed":
            self.verdict.false_alarms.append(f"{who} in {channel}: {told}, but {kept_from} is kept")
        view.span = Span()
        view.at = None if told.last is None else Position(told.last, told.epoch)

    def reaches(self, who: str, channel: str, top: Position, *, empty: bool = False) -> None:
        """Faults are off and time has passed: this connected subscriber must be at the top.

        `empty`: nothing is kept, so whoever was told of a new epoch has nothing to see in it.
        """
        at = self._view(who, channel).at
        if at != top and not (at is None and empty):
            self.verdict.stalled.append(f"{who} in {channel}: stands at {at}, the top is {top}")

    def reaches_number(self, who: str, channel: str, number: int) -> None:
        """The same where nothing has an offset: the newest publication was shown."""
        counted = self._view(who, channel).counted
        if counted != number:
            self.verdict.stalled.append(f"{who} in {channel}: stands at {counted}, published were {number}")

    def position(self, who: str, channel: str) -> Position | None:
        """Where a subscriber stands, as its application knows it."""
        return self._view(who, channel).at

    def seen(self, who: str, channel: str) -> int:
        return self._view(who, channel).seen

    # -- how it is judged

    def assert_clean(self) -> None:
        wrong = self.verdict.wrong
        assert not wrong, "\n".join(f"{name}: {line}" for name, lines in wrong.items() for line in lines)

    def _view(self, who: str, channel: str) -> View:
        view = self._views.get((who, channel))
        if view is None:
            view = self._views[who, channel] = View(who, channel)
        return view

    def _known(self, channel: str, position: Position, payload: bytes) -> bytes | None:
        stored = self._stored[channel]
        return stored.get(position) if self._knows_all else stored.setdefault(position, payload)

    def _compare(self, channel: str, who: str, seen: Seen) -> None:
        known = self._known(channel, seen.position, seen.payload)
        where = f"{channel} {seen.position}: {who} saw {seen.payload!r}"
        if known is None:
            self.verdict.early.append(f"{where}, which was not stored")
        elif known != seen.payload:
            self.verdict.different.append(f"{where}, stored is {known!r}")

    def _broken(self, view: View, position: Position, at: Position) -> None:
        who = f"{view.name} in {view.channel}"
        if position in view.span:
            self.verdict.repeated.append(f"{who}: {position} again, after {at}")
        elif position.epoch != at.epoch:
            self.verdict.lost.append(f"{who}: {position} after {at}, and nobody spoke of a new epoch")
        elif position.offset <= at.offset:
            self.verdict.reordered.append(f"{who}: {position} after {at}")
        else:
            self.verdict.lost.append(f"{who}: {position} after {at}, and nothing was said in between")
