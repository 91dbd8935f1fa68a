"""What `flask setup auth0 --apply` writes, and what it does when something comes between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.provisioning.tenant import CODE, NEEDS, URL, MemoryTenant, applied, planned
from webstore.errors import DirectoryRefused
from webstore.provisioning.tenant.models import STORE_SCOPES, Action, Binding, CannotSetUp, Code, WantedAction

KEY = {"STRIPE_SECRET_KEY": "rk_test_1"}


def test_everything_is_made_in_order_and_the_credentials_are_kept() -> None:
    tenant = MemoryTenant()
    kept = applied(tenant, replace(NEEDS, audience="https://api.example.com"))
    assert tenant.written == [
        "create application Webstore shop-example-com",
        "create grant of client1",
        "create API https://api.example.com",
        "create Action Webstore shop-example-com with secrets []",
        "deploy Webstore shop-example-com",
        "bind [] and Webstore shop-example-com",
        "change application client1",
    ]
    assert kept.credentials == [("client1", "secret of client1")]
    assert tenant.clients["client1"].backchannel_logout_urls == (f"{URL}/backchannel-logout",)
    assert tenant.rights[0].scopes == STORE_SCOPES


def test_a_second_time_nothing_is_written() -> None:
    tenant = MemoryTenant()
    needs = replace(NEEDS, audience="https://api.example.com", action=WantedAction(CODE, URL, KEY))
    applied(tenant, needs)
    tenant.written.clear()
    assert not planned(tenant, needs).changes
    applied(tenant, needs)
    assert tenant.written == []


def test_what_stopped_half_way_goes_on_from_there() -> None:
    tenant = MemoryTenant(fails_to_build=True)
    with pytest.raises(CannotSetUp, match=r"could not build .*was deployed before still runs"):
        applied(tenant)
    assert tenant.flow == []
    tenant.written.clear()
    tenant.library = {id: replace(it, status="built") for id, it in tenant.library.items()}
    applied(tenant)
    assert tenant.written == [
        "deploy Webstore shop-example-com",
        "bind [] and Webstore shop-example-com",
        "change application client1",
    ]


def test_credentials_that_are_in_the_settings_are_not_read() -> None:
    tenant = MemoryTenant()
    applied(tenant)
    again = applied(tenant, replace(NEEDS, client_id="client1", keeps_credentials=False))
    assert again.credentials == []


def test_a_build_that_does_not_end_is_given_up() -> None:
    tenant = MemoryTenant(looks_until_built=1000)
    with pytest.raises(CannotSetUp, match=r"has not built and deployed .*Run this again later"):
        applied(tenant)
    assert "deploy" not in " ".join(tenant.written)


def test_other_bindings_keep_their_order_and_names() -> None:
    tenant = MemoryTenant()
    tenant.add_bound("Fraud", "Roles", "Consent")
    before = list(tenant.flow)
    applied(tenant)
    assert tenant.flow[:-1] == before
    assert tenant.flow[-1].action_name == NEEDS.name


def test_a_binding_that_is_there_stays_where_it_is() -> None:
    tenant = MemoryTenant()
    applied(tenant)
    tenant.add_bound("Later")
    before = list(tenant.flow)
    applied(tenant)
    assert tenant.flow == before


def test_somebody_who_binds_after_the_plan_is_kept() -> None:
    """The flow is read again right before it is written."""
    tenant = MemoryTenant()
    made = tenant.create_action

    def create(name: str, code: Code, secrets: dict[str, str]) -> Action:
        tenant.add_bound("Meanwhile")
        return made(name, code, secrets)

    tenant.create_action = create  # type: ignore[method-assign, assignment]  # somebody else, at this moment
    applied(tenant)
    assert [it.action_name for it in tenant.flow] == ["Meanwhile", NEEDS.name]


@pytest.mark.parametrize("order", ["lost", "overwritten"])
def test_a_race_about_the_flow_is_reported(order: str) -> None:
    tenant = MemoryTenant()
    tenant.add_bound("Fraud", "Roles")

    def meanwhile() -> None:
        if order == "lost":
            del tenant.flow[0]
        else:
            tenant.flow = [*tenant.flow[:2], Binding("b", "Theirs", "a", "Theirs")]

    tenant.meanwhile = meanwhile
    with pytest.raises(CannotSetUp, match=r"at the same moment.*Before: Fraud!, Roles!\..*Now: "):
        applied(tenant)


def test_a_new_action_that_cannot_be_bound_at_once_is_bound_a_little_later() -> None:
    tenant = MemoryTenant(refusals_to_bind=2)
    tenant.add_bound("Fraud")
    kept = applied(tenant)
    assert [it.action_name for it in tenant.flow] == ["Fraud", NEEDS.name]
    assert kept.waited_s[-2:] == [1.0, 2.0]


def test_a_refusal_to_bind_that_stays_is_raised() -> None:
    with pytest.raises(DirectoryRefused, match="not deployed"):
        applied(MemoryTenant(refusals_to_bind=9))


def test_new_code_keeps_the_secrets_that_are_there() -> None:
    tenant, needs = MemoryTenant(), replace(NEEDS, action=WantedAction(CODE, URL, KEY))
    applied(tenant, needs)
    tenant.written.clear()
    applied(tenant, replace(needs, action=WantedAction(Code("// new"), URL, KEY)))
    assert tenant.written == [
        "change Action Webstore shop-example-com with secrets []",
        "deploy Webstore shop-example-com",
    ]


def test_secrets_of_somebody_else_are_not_lost() -> None:
    """Auth0 replaces all secrets at once, and shows no value."""
    tenant, needs = MemoryTenant(), replace(NEEDS, action=WantedAction(CODE, URL, KEY))
    tenant.library["a1"] = Action("a1", NEEDS.name, CODE, CODE, "built", ("SLACK_URL",))
    with pytest.raises(CannotSetUp, match=r"SLACK_URL.*Add STRIPE_SECRET_KEY by hand"):
        applied(tenant, needs)
    assert tenant.library["a1"].secret_names == ("SLACK_URL",)
