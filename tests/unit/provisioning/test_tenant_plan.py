"""What `flask setup auth0` plans for a tenant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.provisioning.tenant import (
    CODE,
    DOMAIN,
    NEEDS,
    URL,
    MemoryTenant,
    applied,
    item,
    own_application,
    planned,
)
from webstore.cli.auth0_action import claims_only_action
from webstore.provisioning.tenant.models import (
    STORE_SCOPES,
    Action,
    Api,
    Application,
    CannotSetUp,
    Code,
    Grant,
    Needs,
    WantedAction,
)
from webstore.provisioning.tenant.plan import Act


def tenant_with(found: Application) -> MemoryTenant:
    return MemoryTenant(clients={found.id: found})


def test_an_empty_tenant_gets_everything() -> None:
    plan = planned(MemoryTenant(), replace(NEEDS, audience="https://api.example.com"))
    assert [(it.kind, it.act) for it in plan.items] == [
        ("application", Act.CREATE),
        ("grant", Act.CREATE),
        ("API", Act.CREATE),
        ("Action", Act.CREATE),
        ("flow", Act.CHANGE),
        ("back-channel logout", Act.CHANGE),
    ]
    assert item(plan, "application").lines == (
        "+ type: regular_web",
        "+ callback URL: https://shop.example.com/callback",
        "+ logout URL: https://shop.example.com/",
        "+ grant type: authorization_code",
        "+ grant type: client_credentials",
        "+ ID tokens signed with: RS256",
        "+ OIDC conformant: yes",
        "+ authentication: client_secret_post",
    )
    assert item(plan, "grant").lines == tuple(f"+ scope: {scope}" for scope in STORE_SCOPES)
    assert item(plan, "back-channel logout").lines == ("+ URL: https://shop.example.com/backchannel-logout",)


def test_what_an_application_has_is_kept_and_only_what_is_missing_is_shown() -> None:
    found = Application(
        "own",
        "Our shop",
        "regular_web",
        callbacks=("https://old.example.com/callback",),
        logout_urls=(f"{URL}/",),
        grant_types=("implicit", "authorization_code", "refresh_token"),
        algorithm="HS256",
        authentication="client_secret_basic",
    )
    shown = item(planned(tenant_with(found), replace(NEEDS, client_id="own")), "application")
    assert (shown.act, shown.name) == (Act.CHANGE, "Our shop (own)")
    assert shown.lines == (
        "+ callback URL: https://shop.example.com/callback",
        "+ grant type: client_credentials",
        "- ID tokens signed with: HS256",
        "+ ID tokens signed with: RS256",
        "+ OIDC conformant: yes",
    )


@pytest.mark.parametrize(
    "found",
    [own_application(name="renamed since"), own_application(store="")],
    ids=["its mark", "its name"],
)
def test_the_application_is_found_by(found: Application) -> None:
    others = [
        own_application(id=f"other{n}", name=f"Other {n}", store=f"https://{n}.example") for n in (1, 2)
    ]
    tenant = MemoryTenant(clients={it.id: it for it in (*others, found)})
    shown = item(planned(tenant), "application")
    assert (shown.act, shown.name) == (Act.LEAVE, f"{found.name} ({found.id})")
    assert "written to .env" in shown.notes[0]


def test_two_applications_that_could_be_the_stores_are_left_to_the_operator() -> None:
    twins = [own_application(id="one"), own_application(id="two")]
    tenant = MemoryTenant(clients={it.id: it for it in twins})
    with pytest.raises(CannotSetUp, match=r"one, two.*Set AUTH0_CLIENT_ID"):
        planned(tenant)


def test_the_mark_of_another_store_is_not_this_stores() -> None:
    other = own_application(store="https://shop-example.com")
    assert item(planned(tenant_with(other)), "application").act is Act.CREATE


@pytest.mark.parametrize(
    ("needs", "setting"),
    [
        (replace(NEEDS, client_id="gone"), "AUTH0_CLIENT_ID"),
        (replace(NEEDS, mgmt_client_id="gone"), "AUTH0_MGMT_CLIENT_ID"),
    ],
)
def test_an_application_that_does_not_exist_is_named_with_its_setting(needs: Needs, setting: str) -> None:
    with pytest.raises(CannotSetUp, match=rf"{setting} is gone, .* {DOMAIN}"):
        planned(MemoryTenant(), needs)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"app_type": "spa"}, "type spa"), ({"authentication": ""}, "key or a certificate")],
    ids=["type", "authentication"],
)
def test_an_application_of_another_kind_is_not_turned_into_one_of_the_stores(
    wrong: dict[str, str], words: str
) -> None:
    found = own_application(id="own", **wrong)
    with pytest.raises(CannotSetUp, match=words):
        planned(tenant_with(found), replace(NEEDS, client_id="own"))


def test_an_application_of_its_own_for_the_management_api_gets_the_grant() -> None:
    machine = Application("m2m", "Machine", "non_interactive", authentication="client_secret_post")
    login = own_application(id="own", grant_types=("authorization_code",))
    tenant = MemoryTenant(clients={it.id: it for it in (login, machine)})
    plan = planned(tenant, replace(NEEDS, client_id="own", mgmt_client_id="m2m"))
    assert item(plan, "application").act is Act.LEAVE
    assert item(plan, "management application").lines == ("+ grant type: client_credentials",)
    assert item(plan, "grant").name == f"Machine for https://{DOMAIN}/api/v2/"


HAND_MADE = Grant("cgr_1", "own", NEEDS.mgmt_audience, ("read:logs", *STORE_SCOPES))


@pytest.mark.parametrize(
    ("exact", "act", "lines"),
    [(False, Act.LEAVE, ()), (True, Act.CHANGE, ("- scope: read:logs",))],
    ids=["kept", "exact"],
)
def test_scopes_that_the_store_does_not_use_are(*, exact: bool, act: Act, lines: tuple[str, ...]) -> None:
    tenant = tenant_with(own_application(id="own"))
    tenant.rights.append(HAND_MADE)
    shown = item(planned(tenant, replace(NEEDS, client_id="own", exact_scopes=exact)), "grant")
    assert (shown.act, shown.lines) == (act, lines)
    assert [note for note in shown.notes if "read:logs" in note] == ([] if exact else list(shown.notes))


def test_a_grant_of_every_scope_is_left_as_it_is() -> None:
    tenant = tenant_with(own_application(id="own"))
    tenant.rights.append(replace(HAND_MADE, scopes=(), all_scopes=True))
    shown = item(planned(tenant, replace(NEEDS, client_id="own", exact_scopes=True)), "grant")
    assert (shown.act, len(shown.notes)) == (Act.LEAVE, 1)


def test_permissions_of_an_api_are_added_to_and_keep_their_words() -> None:
    api = Api("api1", "https://api.example.com", "Ours", "RS256", {"read:me": "My words", "more": ""})
    tenant = MemoryTenant(apis=[api])
    needs = replace(NEEDS, audience=api.identifier)
    assert item(planned(tenant, needs), "API").lines == ("+ permission: create:checkout",)
    applied(tenant, needs)
    assert list(tenant.apis[0].permissions.items())[:2] == [("read:me", "My words"), ("more", "")]


def action(deployed: Code | None, draft: Code = CODE, **more: object) -> MemoryTenant:
    """A tenant with the store's Action."""
    made = Action("a1", NEEDS.name, draft, deployed, "built", **more)  # type: ignore[arg-type]
    return MemoryTenant(library={"a1": made})


def test_a_short_change_of_the_code_is_shown_line_by_line() -> None:
    older = Code(CODE.text.replace("shop.example.com", "old.example.com"))
    assert item(planned(action(older, older)), "Action").lines == (
        '- code: const NAMESPACE = "https://old.example.com";',
        '+ code: const NAMESPACE = "https://shop.example.com";',
        "+ deploy it",
    )


def test_a_long_change_of_the_code_is_counted() -> None:
    older = Code("\n".join(f"line {n}" for n in range(20)), runtime="node18", dependencies={"left-pad": "1"})
    assert item(planned(action(older, older)), "Action").lines == (
        "+ code: 2 lines",
        "- code: 20 lines",
        "- runtime: node18",
        "+ runtime: node22",
        "- package: left-pad 1",
        "+ deploy it",
    )


def test_a_draft_that_is_only_not_deployed_is_deployed() -> None:
    assert item(planned(action(None)), "Action").lines == ("+ deploy it",)


def test_a_draft_that_somebody_works_on_is_left_alone_while_the_deployed_code_is_current() -> None:
    shown = item(planned(action(Code(CODE.text.rstrip().replace("\n", "\r\n")), Code("// work"))), "Action")
    assert (shown.act, len(shown.notes)) == (Act.LEAVE, 1)


def test_an_action_that_was_installed_by_hand_is_found_by_its_code() -> None:
    text, others = claims_only_action(URL), claims_only_action("https://other.example.com")
    tenant = MemoryTenant(
        library={
            "other": Action("other", "Other store", Code(others), Code(others), "built"),
            "hand": Action("hand", "By hand", Code(text), Code(text), "built"),
        }
    )
    plan = planned(tenant, replace(NEEDS, action=WantedAction(Code(text), URL)))
    assert (item(plan, "Action").act, item(plan, "Action").name) == (Act.LEAVE, "By hand")
    assert item(plan, "flow").lines == ("+ 1. By hand",)


def test_secrets_are_compared_by_name_and_never_shown() -> None:
    needs = replace(NEEDS, action=WantedAction(CODE, URL, {"STRIPE_SECRET_KEY": "rk_test_1"}))
    names = ("STRIPE_SECRET_KEY",)
    new, old = action(CODE), action(CODE, secret_names=names, deployed_secret_names=names)
    assert item(planned(new, needs), "Action").lines == ("+ secret: STRIPE_SECRET_KEY", "+ deploy it")
    assert item(planned(old, needs), "Action").act is Act.LEAVE
    draft = item(planned(action(CODE, secret_names=names), needs), "Action")
    assert draft.lines == ("+ deploy it",)
    unused = item(planned(old), "Action")
    assert (unused.act, "STRIPE_SECRET_KEY" in unused.notes[0]) == (Act.LEAVE, True)
    again = planned(old, replace(needs, renew_secrets=True))
    assert item(again, "Action").lines == ("+ secret: STRIPE_SECRET_KEY", "+ deploy it")
    assert "rk_test_1" not in repr((needs, again))


def test_the_flow_shows_the_place_behind_all_others() -> None:
    tenant = MemoryTenant()
    tenant.add_bound("Fraud", "Roles")
    assert item(planned(tenant), "flow").lines == (
        "  1. Fraud!",
        "  2. Roles!",
        "+ 3. Webstore shop-example-com",
    )


def test_without_an_action_nothing_is_said_about_actions() -> None:
    plan = planned(MemoryTenant(), replace(NEEDS, action=None))
    assert not {"Action", "flow"} & {it.kind for it in plan.items}


@pytest.mark.parametrize(
    ("needs", "backchannel", "registered", "words"),
    [
        (NEEDS, False, (), "plan has none"),
        (NEEDS, True, ("https://other.example.com/logout",), "Auth0 allows one address, and https://other"),
        (replace(NEEDS, base_url="https://127.0.0.1:8000"), True, (), "public https"),
        (replace(NEEDS, base_url="http://shop.example.com"), True, (), "public https"),
    ],
    ids=["the plan", "another address", "this machine", "http"],
)
def test_back_channel_logout_is_left_out_for_a_reason(
    needs: Needs, *, backchannel: bool, registered: tuple[str, ...], words: str
) -> None:
    tenant = tenant_with(own_application(id="own", backchannel_logout_urls=registered))
    tenant.backchannel = backchannel
    shown = item(planned(tenant, replace(needs, client_id="own")), "back-channel logout")
    assert shown.act is Act.LEAVE
    assert words in shown.notes[0]
