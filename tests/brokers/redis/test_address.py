"""What a redis:// URL says, and what it cannot."""

from __future__ import annotations

import pytest

from gapless import ConfigError
from gapless.brokers.redis.address import Address, Place


class TestUrls:
    def test_a_server_a_user_a_database_and_a_prefix(self) -> None:
        address = Address.parse("rediss://user:p%40ss@host:7000/3?prefix=app:live&ca_file=/ca.pem")
        assert (address.kind, address.places, address.database) == ("single", (Place("host", 7000),), 3)
        assert address.prefix == "app:live"
        assert address.credentials is not None
        assert address.credentials.get_credentials() == ("user", "p@ss")
        assert address.tls == {"ssl_ca_certs": "/ca.pem"}

    def test_sentinels_and_clusters(self) -> None:
        watched = Address.parse("redis+sentinel://a,b:5/main/1")
        assert (watched.kind, watched.places) == ("sentinel", (Place("a", 26379), Place("b", 5)))
        assert (watched.service, watched.database) == ("main", 1)
        assert Address.parse("redis+cluster://a,[::1]:7").places == (Place("a", 6379), Place("::1", 7))

    def test_passwords_are_in_no_text_of_it(self) -> None:
        address = Address.parse("redis://user:hidden@host")
        assert "hidden" not in f"{address} {address!r}"

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("redis://h/x", "number of a database"),
            ("redis://h:99999", "port"),
            ("redis://h?prefiks=a", "no option 'prefiks'"),
            ("redis://h?prefix=a{b", "prefix"),
            ("redis://h?password_env=A&password_file=b", "one of the two"),
            ("redis+sentinel://h", "name the master"),
            ("redis+cluster://h/1", "one database only"),
            ("http://h", "is no Redis"),
        ],
    )
    def test_what_cannot_be_is_named(self, url: str, said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            Address.parse(url)
