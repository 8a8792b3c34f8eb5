"""May a client be in a channel? What is asked on every way in, before anything is reserved or joined."""

from __future__ import annotations

from collections.abc import Mapping

from ..auth import permission
from ..auth.permission import Admission
from ..errors import PermissionDenied, UnknownChannel
from ..hooks.events import SubscribeEvent
from ..model import Grant, ServerSubscription
from ..node.node import Node
from ..options import ChannelOptions


def known(node: Node, grant: Grant, name: str) -> ChannelOptions:
    """The options of a channel that this client may know of; `Registry.check` has let its name pass.

    Raises:
        UnknownChannel: no pattern declares it.
        PermissionDenied: the hub speaks of itself there, and not to this client. No token, hook or option
            gives that right: whoever may call the API has it.
    """
    options = node.registry.declared(name)
    if options is None:
        raise UnknownChannel("unknown channel: no pattern of this hub matches it")
    if name in node.registry.own and not (grant.operator or grant.watches):
        raise PermissionDenied(f"{name} is for those who may call the API of this hub")
    return options


async def admit(
    node: Node,
    grant: Grant,
    granted: Mapping[str, ServerSubscription],
    options: ChannelOptions,
    event: SubscribeEvent,
) -> Admission:
    """May it be in a channel that it may know of, and how? `granted` are those that its grant names.

    Raises ClientError or Disconnect.
    """
    if event.channel in node.registry.own:
        return Admission(options)  # `known` has said so
    server = granted.get(event.channel)
    if server is not None:
        return permission.by_server(options, server)
    return await permission.admit(node.hooks, grant, options, event)
