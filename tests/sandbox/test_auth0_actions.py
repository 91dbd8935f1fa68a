"""Actions and their bindings in the Management API, called with Auth0's SDK, and what they do to tokens."""

from typing import Any

import pytest
from auth0.management.client import Auth0 as ManagementClient
from auth0.management.core.api_error import ApiError
from auth0.management.errors import BadRequestError, NotFoundError

from tests.sandbox.auth0 import ADA, API, Browser, Tenant, undeclared
from webstore.cli.auth0_action import claims_only_action, linking_action
from webstore.linking.models import Account
from webstore.linking.protocol import Policy
from webstore.sandbox.auth0.action_claims import claim_namespace

# Auth0 sends this beside `deployed_version`; the SDK's models lack it.
FORMER = "current_version"
TRIGGER: Any = [{"id": "post-login", "version": "v3"}]
CODE = "exports.onExecutePostLogin = async (event, api) => {};"


def body(error: Any) -> dict[str, Any]:
    found: dict[str, Any] = error.body
    return found


def ref(kind: str, value: str | None, name: str | None = None) -> Any:
    """An item of the body that replaces a trigger's bindings."""
    return {"ref": {"type": kind, "value": value}, **({} if name is None else {"display_name": name})}


def deployed(tenant: Tenant, admin: ManagementClient, name: str, code: str = CODE) -> str:
    """Create an Action and deploy it. Returns its ID."""
    action_id = str(admin.actions.create(name=name, supported_triggers=TRIGGER, code=code).id)
    tenant.advance(1)
    admin.actions.deploy(action_id)
    tenant.advance(1)
    return action_id


def bound(admin: ManagementClient) -> list[tuple[str | None, str | None]]:
    """The post-login flow: each binding's ID and name."""
    return [(it.id, it.display_name) for it in admin.actions.triggers.bindings.list("post-login")]


def test_a_new_action_is_a_draft_that_is_being_built(tenant: Tenant, admin: ManagementClient) -> None:
    action = admin.actions.create(name="Claims", supported_triggers=TRIGGER, code=CODE)

    assert undeclared(action) == []
    assert (action.status, action.all_changes_deployed, action.deployed_version) == ("pending", False, None)
    assert (action.code, action.runtime, action.dependencies, action.secrets) == (CODE, "node22", [], [])
    assert action.supported_triggers is not None
    assert [(it.id, it.version) for it in action.supported_triggers] == [("post-login", "v3")]
    with pytest.raises(BadRequestError) as caught:
        admin.actions.deploy(str(action.id))
    assert body(caught.value)["message"] == "A draft must be in the 'built' state before it can be deployed."

    statuses = []
    tenant.settings(action_build_s=9)
    again = admin.actions.update(str(action.id), code=f"{CODE}\n")
    for _ in range(4):
        statuses.append(admin.actions.get(str(again.id)).status)
        tenant.advance(3)
    assert statuses == ["pending", "building", "building", "built"]


def test_a_deployment_makes_a_version_that_runs_a_moment_later(
    tenant: Tenant, admin: ManagementClient
) -> None:
    action = admin.actions.create(name="Claims", supported_triggers=TRIGGER, code=CODE)
    tenant.advance(1)
    tenant.settings(action_deploy_s=60)
    version = admin.actions.deploy(str(action.id))

    assert undeclared(version) == []
    assert (version.number, version.deployed, version.status, version.code) == (1, False, "built", CODE)
    assert version.action is not None
    assert version.action.id == action.id
    assert admin.actions.get(str(action.id)).deployed_version is None
    tenant.advance(61)
    now = admin.actions.get(str(action.id))
    assert undeclared(now, FORMER) == []
    assert now.all_changes_deployed is True
    assert now.deployed_version is not None
    assert (now.deployed_version.id, now.deployed_version.deployed) == (version.id, True)


def test_a_changed_draft_does_not_run_until_it_is_deployed(tenant: Tenant, admin: ManagementClient) -> None:
    action_id = deployed(tenant, admin, "Claims")
    changed = admin.actions.update(action_id, code="// new")
    assert (changed.code, changed.all_changes_deployed) == ("// new", False)
    assert changed.deployed_version is not None
    assert changed.deployed_version.code == CODE

    tenant.advance(1)
    admin.actions.deploy(action_id)
    tenant.advance(1)
    versions = list(admin.actions.versions.list(action_id))
    assert [(it.number, it.deployed, it.code) for it in versions] == [(2, True, "// new"), (1, False, CODE)]
    assert admin.actions.versions.get(action_id, str(versions[1].id)).code == CODE

    admin.actions.versions.deploy(action_id, str(versions[1].id))
    tenant.advance(1)
    back = admin.actions.get(action_id)
    assert back.deployed_version is not None
    assert (back.deployed_version.number, back.deployed_version.code) == (3, CODE)
    assert back.code == "// new"
    with pytest.raises(NotFoundError):
        admin.actions.versions.get(action_id, "no-such-version")


def test_a_build_may_fail(tenant: Tenant, admin: ManagementClient) -> None:
    tenant.settings(action_build_fails=True)
    action = admin.actions.create(name="Claims", supported_triggers=TRIGGER, code="(")
    tenant.advance(1)
    assert admin.actions.get(str(action.id)).status == "failed"
    with pytest.raises(BadRequestError):
        admin.actions.deploy(str(action.id))


def test_an_action_may_deploy_itself_once_it_is_built(tenant: Tenant, admin: ManagementClient) -> None:
    action = admin.actions.create(name="Claims", supported_triggers=TRIGGER, code=CODE, deploy=True)
    assert action.deployed_version is None
    tenant.advance(1)
    assert admin.actions.get(str(action.id)).all_changes_deployed is True


def test_secrets_never_come_back_and_are_replaced_as_a_list(tenant: Tenant, admin: ManagementClient) -> None:
    secrets: Any = [{"name": "KEY", "value": "sk_test_1"}, {"name": "OTHER", "value": "x"}]
    action = admin.actions.create(name="Link", supported_triggers=TRIGGER, code=CODE, secrets=secrets)
    assert action.secrets is not None
    assert [set(it.model_dump()) for it in action.secrets] == [{"name", "updated_at"}] * 2
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    assert "sk_test_1" not in tenant.management("GET", f"/actions/actions/{action.id}", headers=headers).text

    tenant.advance(60)
    kept: Any = [{"name": "KEY"}]
    changed = admin.actions.update(str(action.id), secrets=kept)
    assert changed.secrets is not None
    assert [(it.name, it.updated_at) for it in changed.secrets] == [("KEY", action.secrets[0].updated_at)]
    new: Any = [{"name": "KEY", "value": "sk_test_2"}]
    changed = admin.actions.update(str(action.id), secrets=new)
    assert changed.secrets is not None
    assert changed.secrets[0].updated_at != action.secrets[0].updated_at
    missing: Any = [{"name": "NEW"}]
    with pytest.raises(BadRequestError):
        admin.actions.update(str(action.id), secrets=missing)


@pytest.mark.parametrize(
    ("changes", "status", "part"),
    [
        ({"name": "Taken"}, 409, "same name already exists"),
        ({"runtime": "node8"}, 400, "runtime is not supported"),
        ({"supported_triggers": [{"id": "post-login", "version": "v9"}]}, 400, "post-login"),
        ({"supported_triggers": []}, 400, "supported_triggers"),
        ({"code": 1}, 400, "Expected type string but found type integer"),
        ({"deployed": True}, 400, "Additional properties not allowed: deployed"),
        ({"dependencies": [{"name": "stripe"}]}, 400, "Missing required property: version"),
    ],
)
def test_an_action_that_is_refused(
    tenant: Tenant, admin: ManagementClient, changes: dict[str, Any], status: int, part: str
) -> None:
    admin.actions.create(name="Taken", supported_triggers=TRIGGER)
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    sent = {"name": "Claims", "supported_triggers": TRIGGER, "code": CODE, **changes}
    answer = tenant.management("POST", "/actions/actions", json=sent, headers=headers)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert part in answer.json()["message"]
    assert len(list(admin.actions.list())) == 1


def test_actions_are_listed_with_filters_and_pages(tenant: Tenant, admin: ManagementClient) -> None:
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    # Zeros are left out of these answers.
    empty = tenant.management("GET", "/actions/actions?page=0", headers=headers).json()
    assert empty == {"actions": [], "per_page": 20}
    deployed(tenant, admin, "One")
    for name in ("Two", "Three"):
        admin.actions.create(name=name, supported_triggers=TRIGGER)
    hook: Any = [{"id": "credentials-exchange", "version": "v2"}]
    admin.actions.create(name="Four", supported_triggers=hook)

    def names(**filters: Any) -> list[str | None]:
        return [action.name for action in admin.actions.list(**filters)]

    assert names(per_page=3) == ["One", "Two", "Three", "Four"]
    assert names(trigger_id="credentials-exchange") == ["Four"]
    assert names(action_name="Two") == ["Two"]
    assert names(deployed=True) == ["One"]
    assert names(deployed=False, trigger_id="post-login") == ["Two", "Three"]
    page = tenant.management("GET", "/actions/actions?page=1&per_page=3", headers=headers).json()
    assert (page["total"], page["page"], page["per_page"], len(page["actions"])) == (4, 1, 3, 1)
    assert tenant.management("GET", "/actions/actions?per_page=101", headers=headers).status_code == 400


def test_a_patch_of_the_bindings_replaces_all_of_them(tenant: Tenant, admin: ManagementClient) -> None:
    tenant.http.post("/_sandbox/seed", json={"actions": 3}).raise_for_status()
    before = list(admin.actions.triggers.bindings.list("post-login"))
    assert undeclared(before, FORMER) == []
    assert [it.display_name for it in before] == ["Step 0", "Step 1", "Step 2"]
    ours = deployed(tenant, admin, "Claims")

    kept = [ref("binding_id", it.id, it.display_name) for it in before]
    added = [*kept[:2], ref("action_id", ours, "Web store"), *kept[2:]]
    answer = admin.actions.triggers.bindings.update_many("post-login", bindings=added)
    assert undeclared(answer, FORMER) == []
    after = list(admin.actions.triggers.bindings.list("post-login"))
    assert [it.display_name for it in after] == ["Step 0", "Step 1", "Web store", "Step 2"]
    assert [it for it in after if it.display_name != "Web store"] == before

    admin.actions.triggers.bindings.update_many("post-login", bindings=[ref("action_name", "Claims")])
    assert [name for _, name in bound(admin)] == ["Claims"]
    admin.actions.triggers.bindings.update_many("post-login", bindings=[])
    assert bound(admin) == []


def test_only_a_deployed_action_can_be_bound(tenant: Tenant, admin: ManagementClient) -> None:
    draft = admin.actions.create(name="Claims", supported_triggers=TRIGGER, code=CODE)
    tenant.advance(1)
    with pytest.raises(BadRequestError) as caught:
        admin.actions.triggers.bindings.update_many("post-login", bindings=[ref("action_id", draft.id)])
    assert "has not been deployed yet" in body(caught.value)["message"]
    with pytest.raises(ApiError) as unknown:
        admin.actions.triggers.bindings.update_many("post-login", bindings=[ref("action_id", "nothing")])
    assert unknown.value.status_code == 404
    with pytest.raises(BadRequestError) as caught:
        admin.actions.triggers.bindings.update_many("post-login", bindings=[ref("action", "nothing")])
    assert "oneOf" in body(caught.value)["message"]
    assert bound(admin) == []


def test_a_bound_action_cannot_be_deleted_except_by_force(tenant: Tenant, admin: ManagementClient) -> None:
    action_id = deployed(tenant, admin, "Claims")
    admin.actions.triggers.bindings.update_many("post-login", bindings=[ref("action_id", action_id)])
    # The SDK has no class for this status here.
    with pytest.raises(ApiError) as caught:
        admin.actions.delete(action_id)
    assert caught.value.status_code == 409
    assert body(caught.value)["message"] == "Unable to delete an action bound to a trigger."
    admin.actions.delete(action_id, force=True)
    assert bound(admin) == []
    with pytest.raises(NotFoundError) as gone:
        admin.actions.get(action_id)
    assert body(gone.value) == {
        "statusCode": 404,
        "error": "Not Found",
        "message": "That action does not exist.",
    }


def test_the_triggers_name_their_versions_and_runtimes(admin: ManagementClient) -> None:
    triggers = admin.actions.triggers.list()
    assert undeclared(triggers) == []
    current = [it for it in triggers.triggers or [] if it.id == "post-login" and it.status == "CURRENT"]
    assert [(it.version, it.default_runtime) for it in current] == [("v3", "node22")]


def test_an_action_of_another_trigger_does_not_change_it(tenant: Tenant, admin: ManagementClient) -> None:
    action_id = deployed(tenant, admin, "Claims")
    hook: Any = [{"id": "credentials-exchange", "version": "v2"}]
    with pytest.raises(BadRequestError) as caught:
        admin.actions.update(action_id, supported_triggers=hook)
    assert body(caught.value)["message"] == "can't upgrade to this trigger."
    with pytest.raises(BadRequestError):
        admin.actions.triggers.bindings.update_many(
            "credentials-exchange", bindings=[ref("action_id", action_id)]
        )


POLICY = Policy("127.0.0.1:8001", livemode=False)
OURS = {
    "claims only": claims_only_action("https://shop.example"),
    "linking": linking_action(
        POLICY,
        Account("acct_1", livemode=False),
        namespace="https://shop.example",
        time_limit_s=3,
        stripe_api_version="2026-01-01",
    ),
}


@pytest.mark.parametrize("kind", OURS)
def test_the_stores_action_sets_claims_where_it_is_deployed_and_bound(
    tenant: Tenant, admin: ManagementClient, browser: Browser, kind: str
) -> None:
    claim = "https://shop.example/stripe_customer_id"
    admin.users.update(ADA, app_metadata={"stripe_customer_id": "cus_1", "plan": "gold"})
    ours = deployed(tenant, admin, "Claims", OURS[kind])
    others = deployed(tenant, admin, "Others")
    admin.actions.triggers.bindings.update_many("post-login", bindings=[ref("action_id", others)])
    assert claim not in browser.id_token()

    both = [ref("action_id", others), ref("action_id", ours)]
    admin.actions.triggers.bindings.update_many("post-login", bindings=both)
    tokens = browser.tokens(audience=API)
    claims = tenant.claims(tokens["id_token"])
    assert claims[claim] == "cus_1"
    assert tenant.claims(tokens["access_token"])[claim] == "cus_1"
    assert "https://shop.example/plan" not in claims

    # The deployed version runs, not the draft.
    admin.actions.update(ours, code=CODE)
    assert browser.id_token()[claim] == "cus_1"
    tenant.advance(1)
    admin.actions.deploy(ours)
    tenant.advance(1)
    assert claim not in browser.id_token()


def test_only_code_of_the_store_is_acted_out() -> None:
    assert claim_namespace(OURS["claims only"]) == "https://shop.example"
    assert claim_namespace(claims_only_action('https://a"b.example/')) == 'https://a"b.example'
    for foreign in (
        CODE,
        'const NAMESPACE = "https://x.example";',
        'const NAMESPACE = "https://x.example";\napi.idToken.setCustomClaim("plan", "gold");',
        'api.idToken.setCustomClaim("stripe_customer_id", "cus_1");',
        '// const NAMESPACE = "https://x.example"; setCustomClaim( stripe_',
    ):
        assert claim_namespace(foreign) is None
