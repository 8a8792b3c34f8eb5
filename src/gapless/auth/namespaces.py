"""A channel's name as Centrifugo reads it: namespace, private prefix, listed users.

Gapless finds the options of a channel by pattern (`patterns`). This is the other reading of the same
name, for the rules that its clients and tokens rely on: `$` needs a subscription token, `#1,2` admits
only the users 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

PRIVATE_PREFIX = "$"
NAMESPACE_BOUNDARY = ":"
USER_BOUNDARY = "#"
USER_SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class ChannelName:
    """The parts of one channel's name.

    `$chat:room#1,2` has the namespace `chat`, is private, has the `rest` `room#1,2` and the users 1 and 2.
    """

    text: str
    """The whole name."""
    namespace: str
    """What stands before the first `:`, without the private prefix; empty when there is none."""
    rest: str
    """What follows the namespace and its `:`."""
    is_private: bool
    """It begins with `$`: only a subscription token admits."""
    users: tuple[str, ...] | None
    """The ids after the last `#`, in order; None when the name lists no users."""

    def admits(self, user: str) -> bool:
        """May this user be here by the name alone? An anonymous user is never listed."""
        return self.users is None or (user != "" and user in self.users)


@lru_cache(maxsize=1024)
def parse_channel(text: str) -> ChannelName:
    """Read a name. Every text is one; whether it is short enough and declared is asked elsewhere."""
    public = text.removeprefix(PRIVATE_PREFIX)
    namespace, boundary, rest = public.partition(NAMESPACE_BOUNDARY)
    _, limited, users = text.rpartition(USER_BOUNDARY)
    return ChannelName(
        text=text,
        namespace=namespace if boundary else "",
        rest=rest if boundary else public,
        is_private=public != text,
        users=tuple(users.split(USER_SEPARATOR)) if limited else None,
    )


def personal_channel(user: str, namespace: str = "") -> str:
    """The channel of one user: `#42`, or `NAMESPACE:#42`.

    Raises:
        ValueError: the user is anonymous, or has an id with `#` or `,` in it; the channel would then
            also admit other users.
    """
    if not user:
        raise ValueError("an anonymous user has no personal channel")
    if USER_BOUNDARY in user or USER_SEPARATOR in user:
        raise ValueError(
            f"a user id with {USER_BOUNDARY!r} or {USER_SEPARATOR!r} has no personal channel: {user!r}"
        )
    channel = f"{USER_BOUNDARY}{user}"
    return f"{namespace}{NAMESPACE_BOUNDARY}{channel}" if namespace else channel
