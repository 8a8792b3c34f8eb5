"""What holds of `core/presence`, whatever is put in."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gapless.core.presence import Presence
from gapless.model import Member

CLIENTS = st.sampled_from("abcd")


class AgainstADict(RuleBasedStateMachine):
    """Joining twice changes nothing, and nobody is here who was not refreshed."""

    def __init__(self) -> None:
        super().__init__()
        self.presence = Presence()
        self.model: dict[str, tuple[Member, float]] = {}
        self.now = 0.0

    @rule(client=CLIENTS, user=st.sampled_from(("", "1", "2")), lasts=st.integers(0, 5), twice=st.booleans())
    def join(self, client: str, user: str, lasts: int, twice: bool) -> None:
        member, expires = Member(client, user), self.now + lasts
        assert self.presence.join(member, expires) is (client not in self.model)
        if twice:
            assert not self.presence.join(member, expires)
        known = self.model.get(client)
        self.model[client] = (member, max(expires, known[1] if known else expires))

    @rule(client=CLIENTS)
    def leave(self, client: str) -> None:
        known = self.model.pop(client, None)
        assert self.presence.leave(client) == (known[0] if known else None)

    @rule(seconds=st.integers(0, 4))
    def expire(self, seconds: int) -> None:
        self.now += seconds
        late = {client: member for client, (member, at) in self.model.items() if at <= self.now}
        for client in late:
            del self.model[client]
        assert {member.client: member for member in self.presence.expire(self.now)} == late

    @invariant()
    def same(self) -> None:
        assert self.presence.members() == {client: member for client, (member, _) in self.model.items()}
        assert len(self.presence) == len(self.model)
        assert self.presence.user_count == len({member.user for member, _ in self.model.values()})


AgainstADict.TestCase.settings = settings(max_examples=80, deadline=None)


TestAgainstADict = AgainstADict.TestCase
