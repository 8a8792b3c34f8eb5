"""What the sequence of a store holds: publications, and notices that are of use for seconds only."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from ...model import Draft, Member, Publication


class Kind(StrEnum):
    """What an entry tells those that read the sequence."""

    PUBLICATION = "publication"
    JOINED = "joined"
    LEFT = "left"
    BORN = "born"
    """A channel has a stream from now on."""
    FORGOTTEN = "forgotten"
    """A channel has no stream any more."""
    INTERRUPTED = "interrupted"
    """Entries were missed; never stored."""


class Notice(NamedTuple):
    """Something else than a publication, as those who are notified get it."""

    kind: Kind
    member: Member | None = None


Entry = tuple[str, Publication | Notice]
"""One thing that happened, and in which channel."""


def labels_of(draft: Draft) -> str | None:
    """What few publications have, as JSON; None when this one has nothing of it."""
    if draft.tags is None and draft.info is None and not draft.delta and draft.exclude is None:
        return None
    labels: dict[str, Any] = {}
    if draft.tags is not None:
        labels["tags"] = dict(draft.tags)
    if draft.info is not None:
        labels["info"] = _written(draft.info)
    if draft.delta:
        labels["delta"] = True
    if draft.exclude is not None:
        labels["exclude"] = draft.exclude
    return orjson.dumps(labels).decode()


def publication(payload: bytes, offset: int, epoch: str, time: float, labels: str | None) -> Publication:
    """A publication as it was stored."""
    if labels is None:
        return Publication(payload, offset, epoch, time=time)
    found = orjson.loads(labels)
    info = found.get("info")
    return Publication(
        payload,
        offset,
        epoch,
        found.get("tags"),
        None if info is None else _read(info),
        time,
        found.get("delta", False),
        found.get("exclude"),
    )


def labels_of_member(member: Member) -> str:
    """A member as it is stored beside a publication: JSON text."""
    return orjson.dumps(_written(member)).decode()


def member_of(labels: str) -> Member:
    """The member that `labels_of_member` wrote."""
    return _read(orjson.loads(labels))


def _written(member: Member) -> list[str | None]:
    infos = (member.conn_info, member.chan_info)
    return [member.client, member.user, *(None if info is None else info.decode() for info in infos)]


def _read(fields: list[Any]) -> Member:
    client, user, *infos = fields
    conn_info, chan_info = (None if info is None else info.encode() for info in infos)
    return Member(client, user, conn_info, chan_info)
