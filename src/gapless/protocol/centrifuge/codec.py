"""What the two encodings of the Centrifuge client protocol have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from ...errors import Disconnect
from ...options import Limits
from ..strict import Malformed
from .messages import Command, EmulationRequest, Push, Reply, Sent
from .reading import DEFAULTS, Allowance, bad_request


class Codec(ABC):
    """Frames to commands; replies and pushes to frames.

    Every `encode_…` returns a whole frame of one message; `join` makes one frame of several.
    Every `decode…` raises Disconnect and nothing else: 3501 for what is not this protocol, 3506
    for a text frame where bytes are spoken, or the other way round.

    The payloads of decoded commands are checked, and on one line. A request that can be
    understood but not be meant becomes `Invalid`: its payload is not strict JSON, or one of its
    64-bit integers is beyond 2^53.
    """

    name: ClassVar[str]
    text: ClassVar[bool]
    """Are its frames text? Then they are UTF-8, always."""
    ping: ClassVar[bytes]
    """The server's ping, as reply and as bare push: a frame of one empty message."""

    def decode(self, frame: str | bytes, limits: Limits = DEFAULTS) -> list[Command]:
        """The commands of one frame, at least one: a `str` is a text frame, `bytes` a binary one."""
        if isinstance(frame, str) is not self.text:
            raise Disconnect(3506, f"inappropriate protocol: the wrong kind of frame for {self.name}")
        try:
            messages = self._split(frame, limits)
            if not messages:
                raise Malformed("a frame without a command")
            if len(messages) > limits.commands_per_frame:
                raise Malformed(f"more than {limits.commands_per_frame} commands in a frame")
            allowance = Allowance(limits)
            return [self._command(message, allowance) for message in messages]
        except Malformed as fault:
            raise bad_request(fault) from None
        except RecursionError:  # limits.json_depth is beyond what the interpreter allows
            raise bad_request("nested too deep") from None

    @abstractmethod
    def _split(self, frame: Any, limits: Limits) -> list[Any]:
        """The messages of a frame. Raises Malformed."""

    @abstractmethod
    def _command(self, message: Any, allowance: Allowance) -> Command:
        """The command that one message is. Raises Malformed."""

    @abstractmethod
    def decode_body(self, body: bytes, limits: Limits = DEFAULTS) -> list[Command]:
        """The commands of one HTTP body, at least one."""

    @abstractmethod
    def decode_emulation(self, body: bytes, limits: Limits = DEFAULTS) -> EmulationRequest:
        """The request of one `POST /emulation`. `node`, `session` and `data` may be empty."""

    @abstractmethod
    def encode_reply(self, reply: Reply) -> bytes:
        """The answer to a command."""

    @abstractmethod
    def encode_push(self, push: Push) -> bytes:
        """A push in its Reply, as bidirectional connections get it."""

    @abstractmethod
    def encode_bare_push(self, push: Push) -> bytes:
        """A push by itself, as unidirectional connections get it."""

    @abstractmethod
    def encode_publication_push(self, channel: str, publication: Sent, *, bare: bool = False) -> bytes:
        """What `encode_push` or `encode_bare_push` makes of `PublicationPush`, sooner."""

    @abstractmethod
    def join(self, frames: Iterable[bytes]) -> bytes:
        """One frame of all the messages in these, in order. SDKs refuse frames above 1 MiB."""
