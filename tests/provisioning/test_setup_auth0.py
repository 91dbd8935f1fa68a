"""`flask setup auth0` and a tenant of the sandbox, over HTTP."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.provisioning.tenant import LISTS, Tenant, plan, running_tenant
from tests.unit.provisioning.tenant import NEEDS
from webstore.provisioning.tenant.models import STORE_SCOPES
from webstore.provisioning.tenant.rights import needed


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    with running_tenant(tmp_path) as running:
        yield running


def test_without_apply_nothing_is_written(tenant: Tenant) -> None:
    before = tenant.everything()
    done = tenant.setup()
    assert done.exit_code == 0
    assert "create  application: Webstore shop-example-com" in done.stdout
    assert "+ callback URL: https://shop.example.com/callback" in done.stdout
    assert "3 to create and 2 to change. Nothing was changed: add --apply to do it." in done.stdout
    assert tenant.everything() == before
    assert not tenant.env_file.exists()


def test_a_second_apply_changes_nothing_and_says_so(tenant: Tenant) -> None:
    audience = "https://api.shop.example.com/"
    first = tenant.setup("--apply", AUTH0_AUDIENCE=audience)
    assert first.exit_code == 0, first.output
    assert "The tenant was read again, and has everything" in first.stdout
    written, after = tenant.written(), tenant.everything()
    second = tenant.setup("--apply", AUTH0_AUDIENCE=audience)
    assert second.exit_code == 0, second.output
    assert second.stdout.endswith("The tenant has everything that the store needs. Nothing was changed.\n")
    assert tenant.written() == written
    assert tenant.everything() == after


def test_the_application_can_log_in_and_use_the_management_api(tenant: Tenant) -> None:
    assert tenant.setup("--apply").exit_code == 0
    kept = dotenv_values(tenant.env_file)
    assert stat.S_IMODE(tenant.env_file.stat().st_mode) == 0o600
    made = tenant.get(f"clients/{kept['AUTH0_CLIENT_ID']}")
    assert made["client_secret"] == kept["AUTH0_CLIENT_SECRET"]
    assert made["callbacks"] == ["https://shop.example.com/callback"]
    assert made["allowed_logout_urls"] == ["https://shop.example.com/"]
    assert made["grant_types"] == ["authorization_code", "client_credentials"]
    assert made["oidc_logout"] == {
        "backchannel_logout_initiators": {"mode": "all"},
        "backchannel_logout_urls": ["https://shop.example.com/backchannel-logout"],
    }
    form = {
        "grant_type": "client_credentials",
        "client_id": kept["AUTH0_CLIENT_ID"],
        "client_secret": kept["AUTH0_CLIENT_SECRET"],
        "audience": f"https://{tenant.domain}/api/v2/",
    }
    granted = tenant.http.post("/oauth/token", data=form).raise_for_status().json()
    assert sorted(granted["scope"].split()) == sorted(STORE_SCOPES)


def test_an_existing_tenant_keeps_three_bound_actions_two_pages_of_clients_and_a_hand_made_grant(
    tenant: Tenant,
) -> None:
    """All of it byte for byte: every document from before is the same afterwards."""
    tenant.auth0.control.reset()  # the store's applications are there already
    seed = {"clients": 60, "actions": 3, "grants": 2}
    tenant.http.post("/_sandbox/seed", json=seed).raise_for_status()
    config = tenant.auth0.state.config
    scopes = ["read:logs", *STORE_SCOPES, "read:stats"]
    tenant.auth0.control.change_settings({"management_scopes": scopes})
    before = tenant.everything()
    assert len(before["clients"]) > 50
    assert len(before["actions/triggers/post-login/bindings"]) == 3
    done = tenant.setup(
        "--apply",
        AUTH0_CLIENT_ID=config.client_id,
        AUTH0_CLIENT_SECRET=config.client_secret,
        AUTH0_MGMT_CLIENT_ID=config.mgmt_client_id,
        AUTH0_AUDIENCE="https://api.shop.example.com/",
    )
    assert done.exit_code == 0, done.output
    assert "It has more than the store needs, which is kept: read:logs, read:stats." in done.stdout
    after = tenant.everything()
    own = config.client_id
    for path in LISTS:
        kept = {id: it for id, it in after[path].items() if id in before[path]}
        assert list(kept) == list(before[path])
        for id, document in before[path].items():
            assert id == own or kept[id] == document, (path, id)
    bindings = [json.loads(it) for it in after["actions/triggers/post-login/bindings"].values()]
    names = [it["display_name"] for it in bindings]
    assert names == ["Step 0", "Step 1", "Step 2", "Webstore shop-example-com"]
    changed, was = json.loads(after["clients"][own]), json.loads(before["clients"][own])
    added = {name for name in {*changed, *was} if changed.get(name) != was.get(name)}
    assert added <= {
        "callbacks",
        "allowed_logout_urls",
        "oidc_logout",
        "oidc_backchannel_logout",
        "updated_at",
    }
    assert changed["callbacks"][: len(was["callbacks"])] == was["callbacks"]
    assert not any(it.startswith("DELETE") for it in tenant.written())


def test_the_store_made_before_is_found_again_without_its_settings(tenant: Tenant) -> None:
    assert tenant.setup("--apply").exit_code == 0
    tenant.env_file.unlink()
    written = tenant.written()
    assert tenant.setup("--apply").exit_code == 0
    assert tenant.written() == written
    assert set(dotenv_values(tenant.env_file)) == {"AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"}


def test_another_value_in_env_is_not_overwritten(tenant: Tenant) -> None:
    tenant.env_file.write_text("AUTH0_CLIENT_SECRET=of-another-application\n")
    done = tenant.setup("--apply", "--no-action")
    assert done.exit_code == 1
    assert "another value for AUTH0_CLIENT_SECRET" in done.stderr
    assert tenant.env_file.read_text() == "AUTH0_CLIENT_SECRET=of-another-application\n"


def test_a_right_that_is_missing_is_named_before_anything_is_written(tenant: Tenant) -> None:
    scopes = ["read:clients", "create:clients", "update:clients", "read:client_keys"]
    done = tenant.setup("--apply", AUTH0_SETUP_TOKEN=tenant.token(*scopes))
    assert done.exit_code == 1
    assert "lacks these scopes: read:client_grants create:client_grants" in done.stderr
    assert tenant.written() == []


def test_an_application_of_its_own_does_it_too_and_waits_after_429(tenant: Tenant) -> None:
    machine = {"name": "Admin", "app_type": "non_interactive", "grant_types": ["client_credentials"]}
    headers = tenant.headers
    made = tenant.http.post("/api/v2/clients", json=machine, headers=headers).raise_for_status().json()
    grant = {
        "client_id": made["client_id"],
        "audience": f"https://{tenant.domain}/api/v2/",
        "scope": list(needed(NEEDS)),
    }
    tenant.http.post("/api/v2/client-grants", json=grant, headers=headers).raise_for_status()
    tenant.auth0.control.add_fault(action="status", status=429, path="/api/v2/clients", times=1)
    done = tenant.setup(
        "--apply",
        "--json",
        AUTH0_SETUP_TOKEN=None,
        AUTH0_SETUP_CLIENT_ID=made["client_id"],
        AUTH0_SETUP_CLIENT_SECRET=made["client_secret"],
    )
    assert plan(done)["application"] == "create"
    assert "waiting for 3 seconds" in done.stderr
    through = f"the application {made['client_id']} (AUTH0_SETUP_CLIENT_ID)"
    assert json.loads(done.stdout)["through"] == through
