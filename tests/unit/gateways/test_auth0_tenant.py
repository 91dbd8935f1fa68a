"""The gateway to a tenant's configuration: the requests, key by key, and the reading of the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from webstore.errors import DirectoryRefused, DirectoryUnavailable
from webstore.gateways.auth0_tenant import Auth0Tenant
from webstore.gateways.management_calls import ManagementCalls, Reply
from webstore.gateways.wire import Answer, Wire, WireError
from webstore.provisioning.tenant.models import Action, Api, Application, Binding, Code, Grant


@dataclass
class Way:
    """Answers in turn, and takes down what it was asked."""

    replies: list[Reply]
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)

    def send(self, method: str, path: str, query: Mapping[str, str], body: object) -> Reply:
        self.asked.append((method, path, dict(query), body))
        return self.replies.pop(0)

    def how_to_get(self, scope: str) -> str:
        return f"Ask for {scope}."


@dataclass
class Discovery(Wire):
    """Gives one answer to each request for the discovery document."""

    answer: Answer | None

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        assert (method, url) == ("GET", "https://shop.example/.well-known/openid-configuration")
        if self.answer is None:
            raise WireError("nobody there")
        return self.answer


def tenant(*replies: Reply | object, discovery: Answer | None = None) -> tuple[Auth0Tenant, Way]:
    """A tenant that gives these answers; a document alone has the status 200."""
    way = Way([it if isinstance(it, Reply) else Reply(200, it) for it in replies])
    calls = ManagementCalls(way, pause=lambda _: None)
    return Auth0Tenant(calls, Discovery(discovery), "https://shop.example"), way


CLIENT = {
    "client_id": "own",
    "name": "Our shop",
    "app_type": "regular_web",
    "callbacks": ["https://a.example/callback"],
    "allowed_logout_urls": ["https://a.example/"],
    "grant_types": ["authorization_code"],
    "jwt_configuration": {"alg": "HS256", "lifetime_in_seconds": 60, "secret_encoded": False},
    "oidc_conformant": True,
    "token_endpoint_auth_method": "client_secret_post",
    "oidc_logout": {"backchannel_logout_session_metadata": {"include": True}},
    "client_metadata": {"webstore": "https://a.example"},
}


def application(**changes: object) -> Application:
    gateway, _ = tenant({**CLIENT, **changes})
    found = gateway.application("own")
    assert found is not None
    return found


def test_an_application_is_read_without_its_secret_and_its_keys() -> None:
    gateway, way = tenant(CLIENT)
    found = gateway.application("a/b")
    assert found == Application(
        id="own",
        name="Our shop",
        app_type="regular_web",
        callbacks=("https://a.example/callback",),
        logout_urls=("https://a.example/",),
        grant_types=("authorization_code",),
        algorithm="HS256",
        oidc_conformant=True,
        authentication="client_secret_post",
        store="https://a.example",
    )
    ((_, path, query, _),) = way.asked
    assert path == "clients/a%2Fb"
    assert "client_secret" not in query["fields"].split(",")
    assert query["include_fields"] == "true"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"token_endpoint_auth_method": None}, "client_secret_post"),
        ({"token_endpoint_auth_method": None, "client_authentication_methods": {"x": {}}}, ""),
        ({"token_endpoint_auth_method": "none"}, "none"),
    ],
    ids=["not shown", "by key", "public"],
)
def test_how_an_application_authenticates_is(given: dict[str, object], read: str) -> None:
    assert application(**given).authentication == read


def test_fields_of_another_type_count_as_missing() -> None:
    odd = application(callbacks="x", oidc_logout=[], jwt_configuration=None, client_metadata=3, name=None)
    assert (odd.callbacks, odd.algorithm, odd.store, odd.name) == ((), "", "", "")


def test_a_change_sends_the_changed_keys_alone() -> None:
    found = application()
    gateway, way = tenant({})
    gateway.change_application(
        found, replace(found, callbacks=(*found.callbacks, "https://b.example/callback"))
    )
    callbacks = ["https://a.example/callback", "https://b.example/callback"]
    assert way.asked == [("PATCH", "clients/own", {}, {"callbacks": callbacks})]


def test_a_change_within_an_object_keeps_the_rest_of_the_object() -> None:
    found = application()
    gateway, way = tenant({})
    wanted = replace(found, algorithm="RS256", backchannel_logout_urls=("https://a.example/out",))
    gateway.change_application(found, wanted)
    assert way.asked[0][3] == {
        "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": 60, "secret_encoded": False},
        "oidc_logout": {
            "backchannel_logout_initiators": {"mode": "all"},
            "backchannel_logout_session_metadata": {"include": True},
            "backchannel_logout_urls": ["https://a.example/out"],
        },
    }


def test_initiators_that_somebody_chose_are_kept() -> None:
    chosen = {"mode": "custom", "selected_initiators": ["rp-logout"]}
    found = application(oidc_logout={"backchannel_logout_initiators": chosen})
    gateway, way = tenant({})
    gateway.change_application(found, replace(found, backchannel_logout_urls=("https://a.example/out",)))
    assert way.asked[0][3]["oidc_logout"]["backchannel_logout_initiators"] == chosen


def test_a_new_application_has_the_mark_of_its_store() -> None:
    gateway, way = tenant(CLIENT)
    wanted = replace(application(), id="", store="https://a.example", algorithm="RS256")
    gateway.create_application(wanted)
    assert way.asked[0][:2] == ("POST", "clients")
    assert way.asked[0][3] == {
        "name": "Our shop",
        "app_type": "regular_web",
        "client_metadata": {"webstore": "https://a.example"},
        "callbacks": ["https://a.example/callback"],
        "allowed_logout_urls": ["https://a.example/"],
        "grant_types": ["authorization_code"],
        "jwt_configuration": {"alg": "RS256"},
        "oidc_conformant": True,
        "token_endpoint_auth_method": "client_secret_post",
    }


def test_a_missing_right_to_the_client_secret_is_named() -> None:
    gateway, _ = tenant({"client_secret": "s"}, {})
    assert gateway.client_secret("own") == "s"
    with pytest.raises(DirectoryRefused, match="read:client_keys"):
        gateway.client_secret("own")


def test_only_the_applications_own_grant_for_this_api_counts() -> None:
    own = {"id": "cgr_1", "client_id": "own", "audience": "aud", "scope": ["read:users"]}
    others = [
        {**own, "id": "cgr_2", "subject_type": "user"},
        {**own, "id": "cgr_3", "audience": "other"},
        {**own, "id": "cgr_4", "client_id": "other"},
    ]
    gateway, way = tenant({"client_grants": [*others, own], "total": 4})
    assert gateway.grants("own", "aud") == [Grant("cgr_1", "own", "aud", ("read:users",))]
    assert way.asked[0][2]["audience"] == "aud"


def test_permissions_are_sent_as_a_whole_and_only_if_they_differ() -> None:
    scopes = [{"value": "read:me", "description": "Mine"}, {"value": "more"}]
    given = {"id": "1", "identifier": "aud", "name": "N", "signing_alg": "HS256", "scopes": scopes}
    gateway, way = tenant({"resource_servers": [{"identifier": "x"}, given], "total": 2}, {}, {})
    found = gateway.api("aud")
    assert found == Api("1", "aud", "N", "HS256", {"read:me": "Mine", "more": ""})
    gateway.change_api(found, replace(found, algorithm="RS256"))
    gateway.change_api(found, replace(found, permissions={**found.permissions, "new": "New"}))
    assert [body for *_, body in way.asked[1:]] == [
        {"signing_alg": "RS256"},
        {"scopes": [*scopes, {"value": "new", "description": "New"}]},
    ]


ACTION = {
    "id": "a1",
    "name": "Ours",
    "code": "draft",
    "runtime": "node22",
    "dependencies": [{"name": "stripe", "version": "1"}],
    "secrets": [{"name": "KEY", "updated_at": "2026-01-01T00:00:00Z"}],
    "status": "built",
    "deployed_version": {"code": "live", "runtime": "node18", "dependencies": [], "secrets": []},
}


def test_an_action_is_read_with_its_draft_and_what_is_deployed() -> None:
    gateway, _ = tenant(ACTION, {"id": "a2", "name": "New", "code": "draft", "deployed_version": None})
    assert gateway.action("a1") == Action(
        "a1",
        "Ours",
        Code("draft", "node22", {"stripe": "1"}),
        Code("live", "node18", {}),
        "built",
        ("KEY",),
    )
    assert gateway.action("a2").deployed is None


def test_a_draft_is_changed_key_by_key_and_secrets_are_sent_only_if_there_are_any() -> None:
    gateway, way = tenant(ACTION, {}, {}, {})
    found = gateway.action("a1")
    gateway.change_action(found, replace(found.draft, text="new"), {})
    gateway.change_action(found, replace(found.draft, runtime="node24", dependencies={}), {})
    gateway.change_action(found, found.draft, {"KEY": "value"})
    assert [body for *_, body in way.asked[1:]] == [
        {"code": "new"},
        {"dependencies": [], "runtime": "node24"},
        {"secrets": [{"name": "KEY", "value": "value"}]},
    ]


def test_a_draft_that_is_not_built_yet_is_told_apart_from_a_refusal() -> None:
    message = "The action 'a1' must be in the 'built' state to be deployed"
    gateway, _ = tenant(Reply(400, {"message": message}), Reply(400, {"message": "no"}), {})
    assert gateway.deploy("a1") is False
    with pytest.raises(DirectoryRefused, match="no"):
        gateway.deploy("a1")
    assert gateway.deploy("a1") is True


def test_the_flow_is_read_to_its_end_and_sent_with_what_it_has_by_its_own_ids() -> None:
    def binding(number: int) -> dict[str, object]:
        action = {"id": f"a{number}", "name": f"Action {number}"}
        return {"id": f"b{number}", "display_name": f"Shown {number}", "action": action}

    pages = [{"bindings": [binding(n)], "total": 3, "per_page": 1} for n in range(3)]
    gateway, way = tenant(*pages, {})
    flow = gateway.bindings()
    assert flow == [Binding(f"b{n}", f"Shown {n}", f"a{n}", f"Action {n}") for n in range(3)]
    gateway.bind(flow[:2], Action("own", "Ours", Code(""), None))
    assert [query["page"] for _, _, query, _ in way.asked[:3]] == ["0", "1", "2"]
    assert way.asked[3][3] == {
        "bindings": [
            {"ref": {"type": "binding_id", "value": "b0"}, "display_name": "Shown 0"},
            {"ref": {"type": "binding_id", "value": "b1"}, "display_name": "Shown 1"},
            {"ref": {"type": "action_id", "value": "own"}, "display_name": "Ours"},
        ]
    }


@pytest.mark.parametrize(
    ("body", "has"),
    [(b'{"backchannel_logout_supported": true}', True), (b'{"backchannel_logout_supported": "yes"}', False)],
)
def test_the_discovery_document_says_whether_there_is_back_channel_logout(body: bytes, *, has: bool) -> None:
    gateway, _ = tenant(discovery=Answer(200, {}, body))
    assert gateway.has_backchannel_logout() is has


@pytest.mark.parametrize("answer", [None, Answer(200, {}, b"<html>"), Answer(404, {}, b"{}")], ids=str)
def test_a_discovery_document_that_cannot_be_read_is_an_outage(answer: Answer | None) -> None:
    gateway, _ = tenant(discovery=answer)
    with pytest.raises(DirectoryUnavailable, match="discovery document"):
        gateway.has_backchannel_logout()


@pytest.mark.parametrize("answer", [None, [], {"id": "a1"}, {"id": 3}], ids=str)
def test_a_malformed_answer_is_an_outage(answer: object) -> None:
    gateway, _ = tenant(answer)
    with pytest.raises(DirectoryUnavailable):
        gateway.application("own")
