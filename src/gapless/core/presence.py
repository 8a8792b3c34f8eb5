"""One channel's members: who came, who went, who was not heard of any more.

Time comes in as a number. A member that is refreshed stays; one that is not expires, so that a
process which died takes its members with it.
"""

from __future__ import annotations

from ..model import Member


class Presence:
    """The members of one channel, by client id."""

    __slots__ = ("_expires", "_members", "_users")

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._expires: dict[str, float] = {}
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    @property
    def user_count(self) -> int:
        """Distinct user ids; all anonymous members count as one."""
        return len(self._users)

    def members(self) -> dict[str, Member]:
        """Everybody, by client id."""
        return dict(self._members)

    def join(self, member: Member, expires: float) -> bool:
        """Add or refresh. True: this client was not here before."""
        came = member.client not in self._members
        if not came:
            self._forget_user(self._members[member.client].user)
        self._members[member.client] = member
        self._users[member.user] = self._users.get(member.user, 0) + 1
        self._expires[member.client] = max(expires, self._expires.get(member.client, expires))
        return came

    def leave(self, client: str) -> Member | None:
        """Remove. None: this client was not here, or is already gone."""
        member = self._members.pop(client, None)
        if member is not None:
            del self._expires[client]
            self._forget_user(member.user)
        return member

    def expire(self, now: float) -> list[Member]:
        """Remove who was not refreshed in time; returns them."""
        late = [client for client, expires in self._expires.items() if expires <= now]
        return [member for client in late if (member := self.leave(client)) is not None]

    def _forget_user(self, user: str) -> None:
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]
