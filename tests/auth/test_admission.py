"""Who a connecting client is, by one set of rules for every door: token, credential, hook, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gapless import Client, ClientError, ConnectEvent, Disconnect, Grant
from gapless.auth.admission import BadCredential, Handshake, NoCredential, Reception, unanswered
from gapless.auth.verifier import TokenVerifier
from gapless.core.counters import Counters
from gapless.errors import Expired, TokenExpired
from gapless.hooks.events import Welcome
from gapless.hooks.registry import Hook, Hooks
from gapless.model import Override, ServerSubscription
from gapless.protocol.centrifuge.messages import Connect

from .tokens import GOOD, NOW

pytestmark = pytest.mark.anyio

ANYBODY = Handshake(Client("c"))
OPERATOR = Handshake(Client("c"), operator=True)


def hooks_with(connect: Hook | None = None, refresh: Hook | None = None) -> Hooks:
    hooks = Hooks(Counters())
    for event, hook in (("connect", connect), ("refresh", refresh)):
        if hook is not None:
            hooks.add(event, None, hook)
    return hooks


def reception(connect: Hook | None = None, **rules: Any) -> Reception:
    return Reception(hooks_with(connect), **rules)


class TestWhoDecides:
    """The first of these that has something to say: token, credential, hook, and then the rule for all."""

    async def test_a_token_that_can_be_verified_goes_before_the_hook(
        self, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        async def never(event: ConnectEvent) -> None:
            raise ClientError("asked", code=450)

        rules = reception(never, verifier=hmac_tokens)
        admitted = await rules.admit(OPERATOR, Connect(token=craft(GOOD)), NOW)
        assert (admitted.grant.user, admitted.by_token, admitted.grant.operator) == ("42", True, False)

    async def test_the_servers_credential_makes_an_operator_that_no_hook_is_asked_about(self) -> None:
        async def never(event: ConnectEvent) -> None:
            raise ClientError("asked", code=450)

        admitted = await reception(never).admit(OPERATOR, Connect(), NOW)
        assert admitted.grant.operator

    async def test_who_brings_a_token_is_no_operator_by_credential(self) -> None:
        """It says who it is, and means that."""

        async def hook(event: ConnectEvent) -> str:
            assert event.credential
            return event.token

        admitted = await reception(hook).admit(OPERATOR, Connect(token="ann"), NOW)
        assert (admitted.grant.user, admitted.grant.operator) == ("ann", False)

    async def test_the_hook_hears_all_that_is_known(self) -> None:
        heard = list[ConnectEvent]()
        request = Connect(data=b"[1]", name="js", version="5", subs={}, headers={"x": "1"})
        handshake = Handshake(
            Client("c"), {"host": "h"}, {"q": "1"}, {"k": "v"}, scope={"path_params": {"room": "7"}}
        )
        await reception(heard.append).admit(handshake, request, NOW)
        [event] = heard
        assert (event.headers, event.query, event.cookies) == ({"host": "h"}, {"q": "1"}, {"k": "v"})
        assert (event.data, event.name, event.version) == ([1], "js", "5")
        assert (event.emulated_headers, event.path_params["room"]) == ({"x": "1"}, "7")

    async def test_nobody_in_particular_is_let_in_where_the_rules_say_so(self) -> None:
        admitted = await reception().admit(ANYBODY, Connect(), NOW)
        assert (admitted.grant.user, admitted.grant.operator) == ("", False)
        with pytest.raises(NoCredential) as refused:
            await reception(anonymous=False).admit(ANYBODY, Connect(), NOW)
        assert refused.value.code == 3501

    async def test_a_token_that_nobody_can_judge_is_never_no_token_at_all(self) -> None:
        for rules in (reception(), reception(insecure=True)):
            with pytest.raises(BadCredential) as refused:
                await rules.admit(ANYBODY, Connect(token="t"), NOW)
            assert refused.value.code == 3500

    async def test_why_a_token_was_refused_is_logged_and_not_told(
        self, hmac_tokens: TokenVerifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(BadCredential) as refused:
            await reception(verifier=hmac_tokens).admit(ANYBODY, Connect(token="t"), NOW)
        assert refused.value.reason == "invalid token"
        assert "not a token" in caplog.text


class TestInsecure:
    async def test_everybody_may_do_everything(self) -> None:
        admitted = await reception(insecure=True, anonymous=False).admit(ANYBODY, Connect(), NOW)
        assert admitted.grant.operator

    async def test_whatever_the_hook_grants_lasts(self) -> None:
        async def hook(event: ConnectEvent) -> Grant:
            return Grant(user="ann", expires_at=NOW - 1)

        admitted = await reception(hook, insecure=True).admit(ANYBODY, Connect(), NOW)
        assert (admitted.grant.user, admitted.grant.operator, admitted.grant.expires_at) == (
            "ann",
            True,
            None,
        )


class TestExpiry:
    async def test_what_a_hook_grants_must_not_be_over(self) -> None:
        async def hook(event: ConnectEvent) -> Grant:
            return Grant(user="ann", expires_at=NOW)

        with pytest.raises(Expired):
            await reception(hook).admit(ANYBODY, Connect(), NOW)
        assert await reception(hook).admit(ANYBODY, Connect(), NOW - 0.5)

    async def test_a_connection_that_the_token_lets_expire_before_the_token_does(
        self, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        rules = reception(verifier=hmac_tokens)
        token = craft({**GOOD, "expire_at": int(NOW) - 1})
        with pytest.raises(Expired):
            await rules.admit(ANYBODY, Connect(token=token), NOW)

    @pytest.mark.parametrize("by_hook", [False, True])
    async def test_clients_refresh_by_a_token_unless_the_application_has_a_hook_for_it(
        self, by_hook: bool, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        refresh = (lambda event: None) if by_hook else None
        rules = Reception(hooks_with(lambda event: "ann", refresh), hmac_tokens)
        for request in (Connect(), Connect(token=craft(GOOD))):
            assert (await rules.admit(ANYBODY, request, NOW)).client_refreshes is not by_hook
        without_keys = reception(lambda event: "ann")
        assert not (await without_keys.admit(ANYBODY, Connect(), NOW)).client_refreshes


class TestRefreshing:
    async def test_the_new_token_says_what_is_true_now(
        self, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        rules = reception(verifier=hmac_tokens)
        admitted = await rules.refreshed(craft({**GOOD, "channels": ["news"]}), "42", NOW)
        assert (set(admitted.subs), admitted.grant.expires_at) == ({"news"}, GOOD["exp"])

    async def test_it_must_be_the_same_users(
        self, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        with pytest.raises(Disconnect) as refused:
            await reception(verifier=hmac_tokens).refreshed(craft(GOOD), "43", NOW)
        assert refused.value.code == 3500

    async def test_one_that_comes_too_late_is_told_so(
        self, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        with pytest.raises(TokenExpired):
            await reception(verifier=hmac_tokens).refreshed(craft(GOOD), "42", NOW + 1000)

    async def test_where_no_tokens_are_taken_nobody_asked_for_one(self) -> None:
        with pytest.raises(Disconnect, match="does not take tokens") as refused:
            await reception().refreshed("t", "42", NOW)
        assert refused.value.code == 3501


class TestServerSubscriptions:
    async def test_a_hook_subscribes_its_client_to_channels_each_as_it_says(self) -> None:
        special = ServerSubscription(override=Override(presence=True))

        async def hook(event: ConnectEvent) -> Welcome:
            return Welcome(user="ann", channels=("a", "b"), subs={"b": special})

        admitted = await reception(hook).admit(ANYBODY, Connect(), NOW)
        assert admitted.subs == {"a": ServerSubscription(), "b": special}

    @pytest.mark.parametrize(("namespace", "channel"), [("", "#ann"), ("personal", "personal:#ann")])
    async def test_each_user_has_a_channel_of_its_own_where_the_rules_say_so(
        self, namespace: str, channel: str
    ) -> None:
        rules = reception(lambda event: "ann", personal_namespace=namespace)
        assert set((await rules.admit(ANYBODY, Connect(), NOW)).subs) == {channel}

    @pytest.mark.parametrize("user", ["", "a#b", "a,b"])
    async def test_who_can_have_none_is_let_in_without(self, user: str) -> None:
        """Such a channel would admit others too."""
        rules = reception(lambda event: user, personal_namespace="")
        assert (await rules.admit(ANYBODY, Connect(), NOW)).subs == {}

    async def test_the_token_may_say_how_its_own_channel_is_subscribed_to(
        self, hmac_tokens: TokenVerifier, craft: Callable[..., str]
    ) -> None:
        rules = reception(verifier=hmac_tokens, personal_namespace="")
        token = craft({**GOOD, "subs": {"#42": {"override": {"presence": {"value": True}}}}})
        admitted = await rules.admit(ANYBODY, Connect(token=token), NOW)
        assert admitted.subs["#42"].override.presence is True


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError("", code=109), 3005),
        (ClientError("", code=110), 3005),
        (ClientError("", code=111), 3013),
        (ClientError("", code=103), 3507),
        (ClientError("", code=100, temporary=True), 3004),
        (ClientError("", code=450), 4500),
    ],
)
def test_an_error_of_connecting_has_a_code_where_no_reply_carries_it(error: ClientError, code: int) -> None:
    assert unanswered(error, otherwise=4500).code == code
