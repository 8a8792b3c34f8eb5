"""The Centrifuge client protocol at the door: which codecs there are."""

from __future__ import annotations

import subprocess
import sys

from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF

WITHOUT_PROTOBUF = """
import sys
sys.modules["google"] = None
from gapless.protocol.centrifuge.codecs import JSON, PROTOBUF
from gapless.protocol.centrifuge.messages import Command, Ping
assert PROTOBUF is None
assert JSON.decode('{"id":1,"ping":{}}') == [Command(1, Ping())]
"""


def test_both_codecs_are_there() -> None:
    assert PROTOBUF is not None
    assert (JSON.name, JSON.text) == ("json", True)
    assert (PROTOBUF.name, PROTOBUF.text) == ("protobuf", False)


def test_json_alone_is_there_without_the_protobuf_extra() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_PROTOBUF], check=True, timeout=60)
