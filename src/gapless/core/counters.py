"""What a hub counts. Integers on one object; names never hold a channel, a user or an address."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """Counts since the hub was made. Each bound that bites has one."""

    published: int = 0
    """Publications that the broker took."""
    published_bytes: int = 0
    """Their payload bytes."""
    publish_failed: int = 0
    """Publications that the broker did not take."""
    publish_unnoticed: int = 0
    """Of these, the ones whose receipt nobody looked at."""
    overloaded: int = 0
    """Publications refused because too much was in flight."""
    writes: int = 0
    """Chunks of pushes written to connections; each holds one or more publications."""
    pushed_bytes: int = 0
    """Their bytes, as framed."""
    connections: int = 0
    """Connections that were opened."""
    refused_connections: int = 0
    """Handshakes refused: origin, credential, hook, or the hub was full."""
    refused_origins: int = 0
    """Of these, the ones of a page of another origin, or by another name, than is allowed."""
    refused_credentials: int = 0
    """Of these, the ones without the credential or a good token."""
    refused_for_room: int = 0
    """Of these, the ones that met a hub that was full or not ready, or whose user or address had too many."""
    crowded_addresses: int = 0
    """Handshakes and subscriptions refused because their address had too many."""
    client_errors: int = 0
    """Commands answered with an error."""
    bad_protocol: int = 0
    """Connections closed because of what they sent."""
    oversized: int = 0
    """Messages larger than a bound, in bytes or frames; each ended its connection with 1009."""
    unfinished: int = 0
    """Messages that were begun and not finished in time; each ended its connection with 1008."""
    control_floods: int = 0
    """Connections closed with 1008 because of their pings and pongs."""
    pongs_skipped: int = 0
    """Answers to pings left out because a newer one waits for the socket."""
    inbound_waits: int = 0
    """Times a client's messages waited because of their bytes a second."""
    inbound_full: int = 0
    """Connections closed because what all clients sent, and nobody handled yet, was too much."""
    no_connect: int = 0
    """Connections closed with 3502: they did not say who they are in time."""
    no_pong: int = 0
    """Connections closed with 3012: a ping was not answered in time."""
    api_refused: int = 0
    """Calls of the HTTP API, and bodies of publishers, answered with an error or a status above 399."""
    slow_replies: int = 0
    """Connections closed because they did not read their replies."""
    slow_disconnects: int = 0
    """Connections closed by `on_gap="disconnect"`."""
    stalled: int = 0
    """Connections cut off because they accepted no byte for too long."""
    stuck: int = 0
    """Of these, the ones whose socket the server could not abort: detached and freed."""
    rate_limited: int = 0
    """Commands refused by a rate."""
    gaps: int = 0
    """Times a subscriber was told that publications are gone."""
    unnumbered_lost: int = 0
    """Entries without an offset that subscribers missed."""
    conflated: int = 0
    """Entries left out by `on_gap="latest"`."""
    repairs: int = 0
    """Times a ring was repaired from history."""
    garbled: int = 0
    """Notifications of the broker that could not be understood, and were ignored."""
    repair_failed: int = 0
    """Repairs that the broker could not serve; they are tried again."""
    history_reads: int = 0
    """Pages of history read from the broker."""
    history_shared: int = 0
    """Page requests served by a read that was already under way."""
    joins_coalesced: int = 0
    """Joins and leaves that were told together with others, because there were too many."""
    ring_shrinks: int = 0
    """Entries that rings gave up early for the common budget."""
    session_errors: int = 0
    """Exceptions on the path of one connection, which ended that connection only."""
    hook_errors: int = 0
    """Exceptions of hooks that were not refusals."""

    def count_refusal(self, status: int) -> None:
        """A handshake was refused with this HTTP status; 0: by the application's word."""
        self.refused_connections += 1
        if status == 401:
            self.refused_credentials += 1
        elif status == 403:
            self.refused_origins += 1
        elif status in (429, 503):
            self.refused_for_room += 1

    def count_close(self, code: int) -> None:
        """A connection ended with this code."""
        if code == 3502:
            self.no_connect += 1
        elif code == 3012:
            self.no_pong += 1
        elif code in (3501, 3506):
            self.bad_protocol += 1

    def snapshot(self) -> dict[str, int]:
        """The counts as they are now, by name."""
        return asdict(self)
