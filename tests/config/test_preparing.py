"""What `gapless serve` would refuse, `gapless config check` finds, at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.config.preparing import check, notes, prepare
from gapless.config.settings import load
from gapless.errors import ConfigError

SECRET = "4f1b7c2e9d0a5836c1e4f7b2a9d08c35"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('port = 1\ntoken = "short"\n', 2, "token has 5 bytes"),
        ('token = "your-secret-token-here"\n', 1, "sample"),
        ('origins = ["example.com"]\n', 1, "needs a scheme"),
        ('ws = "no.such:Thing"\n', 1, "ws is"),
        ('host = "no.such.host.invalid"\n', 1, "no address"),
        ('host = "0.0.0.0"\n', None, "set GAPLESS_TOKEN"),
        ("\nworkers = 2\n", 2, "a store that they share"),
        ('workers = 2\nstore = "sqlite:///a.db"\nfeeds = ["redis://h?channel=a"]\n', None, "one process"),
        ('feeds = ["http://h"]\n', None, "redis"),
        ('[client.token]\nhmac_secret_key = "short"\n', 2, "hmac_secret_key has 5 bytes"),
        ('dev = true\nhost = "0.0.0.0"\n', 1, "listen on 127.0.0.1"),
    ],
)
def test_what_a_server_refuses_is_found_with_its_line(
    file: Path, text: str, line: int | None, words: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        prepare(load(file))
    assert words in str(refused.value)
    with pytest.raises(ConfigError) as found:
        check(file)
    assert words in str(found.value)
    if line is not None:
        assert f"gapless.toml:{line}: " in str(found.value)


def test_what_a_server_runs_with_is_good(file: Path) -> None:
    file.write_text(f'token = "{SECRET}"\nhost = "0.0.0.0"\n')
    assert check(file).token == SECRET


def test_a_bound_of_each_worker_is_said(file: Path) -> None:
    workers = 'workers = 4\nstore = "sqlite:///a.db"\n'
    file.write_text(f"{workers}[limits]\nconnections = 100\n")
    said: list[str] = []
    assert (
        notes(check(file, said.append)) == said == ["connections = 100 is for each of 4 workers: 400 in all"]
    )
    file.write_text(f"{workers}[limits]\nuser_connections = 100\n")
    assert notes(check(file)) == []
    file.write_text("[limits]\nconnections = 100\n")
    assert notes(check(file)) == []


def test_development_takes_other_peoples_fixtures(file: Path) -> None:
    fixtures = 'token = "key"\n[client]\ninsecure = true\n[client.token]\nhmac_secret_key = "secret"\n'
    file.write_text(fixtures)
    with pytest.raises(ConfigError):
        check(file)
    file.write_text(f"dev = true\n{fixtures}")
    assert check(file).dev


def test_what_else_clients_may_present_is_said_in_the_file(file: Path) -> None:
    file.write_text(
        "[client]\ndisallow_anonymous_connection_tokens = true\ntoken_leeway = 1.5\n"
        f'[client.token]\nhmac_secret_key = "{SECRET}"\n'
    )
    settings = check(file)
    verifier = settings.client.verifier()
    assert verifier is not None
    assert verifier.leeway == 1.5
    assert settings.client.disallow_anonymous_connection_tokens
    file.write_text("[client]\ntoken_leeway = 6\n")
    with pytest.raises(ConfigError, match="token_leeway"):
        check(file)


def test_a_feed_of_the_server_is_among_the_sources_that_it_tells_of(file: Path) -> None:
    pytest.importorskip("redis")
    file.write_text('feeds = ["redis://127.0.0.1:1?channel=a"]\n')
    (feed,) = prepare(load(file)).hub.node.sources.standing
    assert (feed.via, feed.state, feed.rows, feed.refused, feed.breaks) == ("redis", "not started", 0, 0, 0)
    assert "127.0.0.1" in feed.name
