"""How things look in an API answer."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from ..errors import BrokerError, ClientError, Internal, Overloaded
from ..model import Member, Publication
from ..opaque import is_packed, unpacked

REFUSALS = (ClientError, BrokerError, Overloaded)
"""What one call may end with; anything else is our own fault."""


def error_shape(error: Exception) -> dict[str, Any]:
    """An error as the server API answers it."""
    if isinstance(error, ClientError):
        return {"code": error.code, "message": error.message}
    return {"code": Internal.code, "message": Internal.message}


def publication_shape(publication: Publication) -> dict[str, Any]:
    """A publication as the server API answers it."""
    payload = publication.payload
    shown: dict[str, Any]
    if is_packed(payload):
        shown = {"b64data": base64.b64encode(unpacked(payload)).decode(), "offset": publication.offset}
    else:
        shown = {"data": orjson.Fragment(payload), "offset": publication.offset}
    if publication.tags:
        shown["tags"] = dict(publication.tags)
    if publication.info is not None:
        shown["info"] = member_shape(publication.info)
    return shown


def member_shape(member: Member) -> dict[str, Any]:
    """A member as the server API answers it."""
    shown: dict[str, Any] = {"user": member.user, "client": member.client}
    if member.conn_info is not None:
        shown["conn_info"] = orjson.Fragment(member.conn_info)
    if member.chan_info is not None:
        shown["chan_info"] = orjson.Fragment(member.chan_info)
    return shown
