"""Tokens of clients: which keys verify them, and where these come from."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gapless.auth.issue import issue_connection_token, issue_subscription_token
from gapless.auth.jwks import MAX_BYTES
from gapless.config.client import fetch_key_set
from gapless.config.settings import load
from gapless.errors import ConfigError, Disconnect

SECRET = "8f2c1d9a4b7e6053f1a2c3d4e5b69788a0b1c2d3e4f5a6b7"


OTHER = "17b09c5e2df84a6630e9d1c2b3a4f5968778695a4b3c2d1e"


@pytest.fixture
def public_key() -> str:
    """A P-256 public key in PEM."""
    key = generate_private_key(SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class _KeyServer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {"/keys": (200, b'{"keys": []}'), "/big": (200, b" " * (MAX_BYTES + 1))}.get(
            self.path, (302, b"")
        )
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/keys")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # whoever has read enough goes

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        pass


@pytest.mark.anyio
async def test_tokens_are_verified_as_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY", SECRET)
    monkeypatch.setenv("GAPLESS_CLIENT__TOKEN__AUDIENCE", "hub")
    monkeypatch.setenv("GAPLESS_CLIENT__SUBSCRIPTION_TOKEN__ENABLED", "true")
    monkeypatch.setenv("GAPLESS_CLIENT__SUBSCRIPTION_TOKEN__HMAC_SECRET_KEY", OTHER)
    verifier = load().client.verifier()
    assert verifier is not None
    good = issue_connection_token(SECRET, "ann", audience="hub", now=1000.0)
    assert (await verifier.verify_connection(good, 1001.0)).user == "ann"
    for wrong in (issue_connection_token(SECRET, "ann", now=1000.0), good[:-2] + "AA"):
        with pytest.raises(Disconnect):
            await verifier.verify_connection(wrong, 1001.0)
    leave = issue_subscription_token(OTHER, "ann", "chat:1", now=1000.0)
    assert (await verifier.verify_subscription(leave, 1001.0)).channel == "chat:1"


def test_keys_may_be_in_files_beside_the_configuration(file: Path, public_key: str) -> None:
    (file.parent / "key.pem").write_text(public_key)
    file.write_text('[client.token]\necdsa_public_key = "@key.pem"\n')
    verifier = load(file).client.verifier()
    assert verifier is not None
    assert verifier.connection.keys.algorithms == {"ES256"}
    file.write_text('[client.token]\nrsa_public_key = "@key.pem"\n')
    with pytest.raises(ConfigError, match="rsa_public_key holds a public key, but of another kind than rsa"):
        load(file)


@pytest.mark.anyio
async def test_a_key_set_is_fetched_without_redirects_and_without_end_of_memory() -> None:
    with HTTPServer(("127.0.0.1", 0), _KeyServer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            assert await fetch_key_set(f"{url}/keys", MAX_BYTES) == b'{"keys": []}'
            with pytest.raises(ValueError, match="answered 302, not 200"):
                await fetch_key_set(f"{url}/elsewhere", MAX_BYTES)
            with pytest.raises(ValueError, match="more than"):
                await fetch_key_set(f"{url}/big", MAX_BYTES)
        finally:
            server.shutdown()
            thread.join()
