"""`flask setup stripe` against the sandbox's Stripe."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from dotenv import dotenv_values

from tests.support import ORGANIZATION_KEY, OTHER_ACCOUNT, RESTRICTED_KEY, Shop, running_shop, until
from webstore.routes import Services
from webstore.sandbox.stripe import ACCOUNT, TEST_KEY
from webstore.shop.event_effects import HANDLED

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "catalogue.yaml"
LISTS = ("webhook_endpoints", "billing_portal/configurations", "products", "prices")

Run = Callable[..., Result]


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store's `.env` is; there is none yet."""
    path = tmp_path / "store.env"
    monkeypatch.setenv("WEBSTORE_ENV_FILE", str(path))
    return path


#: A store that has only its keys.
NOT_SET_UP = {
    "STRIPE_WEBHOOK_SECRET": "",
    "STRIPE_PORTAL_CONFIGURATION": "",
    "STRIPE_SECRET_KEY": TEST_KEY,
    "STRIPE_ACCOUNT": "",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("store") / "state", **NOT_SET_UP) as shop:
        yield shop


@pytest.fixture
def bare(running: Shop, env_file: Path) -> Shop:
    """A store without a webhook secret, at a Stripe account where nothing is set up."""
    del env_file
    running.sandbox.stripe.control.reset()
    if not NOT_SET_UP.items() <= running.environment.items():
        running.remove_state()
        running.restart(**NOT_SET_UP)
    return running


def setup_stripe(shop: Shop, *arguments: str, code: int = 0) -> Result:
    done = shop.app.test_cli_runner().invoke(args=["setup", "stripe", *arguments])
    assert done.exit_code == code, done.output
    assert "whsec_" not in done.output
    return done


def account(shop: Shop) -> dict[str, Any]:
    """Everything that the command could change."""
    return {path: shop.stripe("GET", f"/{path}", limit="100")["data"] for path in LISTS}


def written(shop: Shop) -> list[str]:
    """What Stripe was asked to change."""
    return [request for request in shop.stripe_requests() if not request.startswith("GET ")]


def restart_with(shop: Shop, env_file: Path) -> None:
    """Restart the store with the settings of the file."""
    shop.restart(**{name: value or "" for name, value in dotenv_values(env_file, interpolate=False).items()})


def test_without_apply_nothing_is_written(bare: Shop, env_file: Path) -> None:
    before = account(bare)
    bare.forget_requests()
    shown = setup_stripe(bare, "--catalogue", str(EXAMPLE)).stdout
    assert (written(bare), account(bare), env_file.exists()) == ([], before, False)
    assert shown.startswith("Stripe account acct_1Sandbox00000001, test mode\n")
    assert f"\n  create  webhook endpoint {bare.url}/webhooks/stripe\n" in shown
    assert (
        "\n  create  price earl-grey-100 of earl-grey\n          + amount in minor units: 950 eur\n" in shown
    )
    assert shown.endswith("Nothing was changed. Add --apply to do this.\n")


def test_twice_the_second_changes_nothing(bare: Shop, env_file: Path) -> None:
    first = setup_stripe(bare, "--apply", "--catalogue", str(EXAMPLE))
    assert first.stdout.endswith("Done: 8 changes.\n")
    made, kept = account(bare), env_file.read_bytes()
    assert [len(made[path]) for path in LISTS] == [1, 1, 2, 4]
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    restart_with(bare, env_file)
    bare.forget_requests()
    again = setup_stripe(bare, "--apply", "--catalogue", str(EXAMPLE))
    assert again.stdout.endswith("Everything is set up already. Nothing was changed.\n")
    assert "create" not in again.stdout
    assert (written(bare), account(bare), env_file.read_bytes()) == ([], made, kept)


def test_other_endpoints_and_configurations_stay_byte_for_byte(bare: Shop) -> None:
    bare.sandbox.stripe.control.change_settings({"portal_settings": "saved"})
    hook, events = f"{bare.url}/webhooks/stripe", {"enabled_events[]": "*"}
    for url in ("https://other.example/webhooks/stripe", f"{hook}/old"):
        bare.stripe("POST", "/webhook_endpoints", url=url, **{**events, "metadata[webstore]": "1"})
    own = bare.stripe("POST", "/webhook_endpoints", url=hook, **events)["id"]
    bare.sandbox.stripe.add_endpoint(url=hook, secret="whsec_thin", events=["v1.invoice.paid"], thin=True)
    form = {"features[invoice_history][enabled]": "true", "metadata[webstore_url]": "https://other.example"}
    bare.stripe("POST", "/billing_portal/configurations", **form)
    before = {path: text for path, text in raw_objects(bare).items() if own not in path}
    assert len(before) == 2 + 3 + 2
    done = setup_stripe(bare, "--apply")
    assert "sends thin events to the same address" in done.stdout
    after = {path: text for path, text in raw_objects(bare).items() if own not in path}
    assert {path: after[path] for path in before} == before
    assert [path.split("/")[2] for path in after if path not in before] == ["billing_portal"]
    assert set(bare.stripe("GET", f"/webhook_endpoints/{own}")["enabled_events"]) == HANDLED


def raw_objects(shop: Shop) -> dict[str, str]:
    """The answer about each endpoint, event destination and portal configuration, by its path."""
    found = {}
    key = {"Authorization": f"Bearer {shop.environment['STRIPE_SECRET_KEY']}"}
    for root in ("/v1/webhook_endpoints", "/v1/billing_portal/configurations", "/v2/core/event_destinations"):
        url = f"{shop.environment['STRIPE_API_BASE']}{root}"
        for it in shop.http.get(url, headers=key).json()["data"]:
            include = "?include[0]=webhook_endpoint.url" if root.startswith("/v2") else ""
            found[f"{root}/{it['id']}"] = shop.http.get(f"{url}/{it['id']}{include}", headers=key).text
    return found


def test_the_store_takes_the_events_of_its_new_endpoint(bare: Shop, env_file: Path) -> None:
    setup_stripe(bare, "--apply")
    restart_with(bare, env_file)
    (endpoint,) = account(bare)["webhook_endpoints"]
    assert set(endpoint["enabled_events"]) == HANDLED
    assert (endpoint["status"], endpoint["metadata"]) == ("enabled", {"webstore": "1"})
    bare.stripe("POST", "/products", name="Blue mug")
    until(bare.sandbox.stripe.state.deliveries.idle)
    (event,) = bare.stripe("GET", "/events", type="product.created")["data"]
    assert (event["pending_webhooks"], event["api_version"]) == (0, endpoint["api_version"])


def test_the_store_opens_the_portal_with_the_configuration_of_the_setup(bare: Shop, env_file: Path) -> None:
    setup_stripe(bare, "--apply")
    restart_with(bare, env_file)
    customer = bare.stripe("POST", "/customers")["id"]
    bare.forget_requests()
    services: Services = bare.app.extensions["webstore"]
    assert services.portals.portal_url(customer, f"{bare.url}/account").startswith("http://")
    assert bare.stripe_requests() == ["POST /v1/billing_portal/sessions"]
    (made,) = account(bare)["billing_portal/configurations"]
    world = bare.sandbox.stripe.state.world("acct_1Sandbox00000001", livemode=False)
    assert next(iter(world.payments.portals.newest()))["configuration"] == made["id"]


def test_the_example_is_for_sale(bare: Shop) -> None:
    setup_stripe(bare, "--apply", "--catalogue", str(EXAMPLE))
    bare.restart()
    page = bare.browser().open("/products/earl-grey").text
    assert "Earl Grey" in page
    assert page.index("100 g") < page.index("250 g")


def test_a_change_is_shown_and_done(bare: Shop, env_file: Path) -> None:
    setup_stripe(bare, "--apply")
    restart_with(bare, env_file)
    (endpoint,) = account(bare)["webhook_endpoints"]
    form = {"enabled_events[0]": "*", "disabled": "true"}
    bare.stripe("POST", f"/webhook_endpoints/{endpoint['id']}", **form)
    shown = json.loads(setup_stripe(bare, "--apply", "--json").stdout)
    changed = shown["steps"][0]
    assert (shown["applied"], shown["changes"], changed["action"]) == (True, 1, "change")
    assert [(it["field"], it["before"]) for it in changed["differences"]] == [
        ("enabled_events", ["*"]),
        ("status", ["disabled"]),
    ]
    assert account(bare)["webhook_endpoints"] == [endpoint]


def test_an_organization_key_sets_up_the_account_of_the_settings(bare: Shop) -> None:
    bare.restart(STRIPE_SECRET_KEY=ORGANIZATION_KEY, STRIPE_ACCOUNT=OTHER_ACCOUNT)
    done = setup_stripe(bare, "--apply").stdout
    assert done.startswith(f"Stripe account {OTHER_ACCOUNT}, test mode\n")
    state = bare.sandbox.stripe.state
    made = [len(list(state.world(it, livemode=False).webhook_endpoints)) for it in (ACCOUNT, OTHER_ACCOUNT)]
    assert made == [0, 1]


# When Stripe refuses


def test_a_key_without_the_permission_is_told_which_one_and_where(bare: Shop, env_file: Path) -> None:
    bare.restart(STRIPE_SECRET_KEY=RESTRICTED_KEY)
    unread = ["event_destination_read", "account_read", "tax_settings_read"]
    bare.sandbox.stripe.control.change_settings({"denied_permissions": ["webhook_write", *unread]})
    assert setup_stripe(bare).stdout.startswith("Stripe account (the key may not read its ID), test mode\n")
    refused = setup_stripe(bare, "--apply", code=1)
    assert "'webhook_write'" in refused.stderr
    assert "https://dashboard.stripe.com/apikeys" in refused.stderr
    assert refused.stderr.endswith("Nothing was changed.\n")
    assert (account(bare)["webhook_endpoints"], env_file.exists()) == ([], False)
    bare.sandbox.stripe.control.change_settings({"denied_permissions": unread})
    assert setup_stripe(bare, "--apply").stdout.endswith("Done: 2 changes.\n")


def test_without_an_answer_there_is_one_line_and_no_traceback(bare: Shop) -> None:
    bare.sandbox.stripe.control.add_fault(action="reset", times=None)
    failed = setup_stripe(bare, "--apply", code=1)
    assert (failed.stdout, len(failed.stderr.splitlines())) == ("", 1)
    assert failed.stderr.startswith("It could not be finished: Stripe cannot be reached")
    assert failed.stderr.endswith("Nothing was changed. Run the command again: it continues there.\n")
    as_json = setup_stripe(bare, "--json", code=1)
    assert (json.loads(as_json.stdout).keys(), as_json.stderr) == ({"error"}, "")


def test_it_goes_on_where_it_stopped(bare: Shop, env_file: Path) -> None:
    control = bare.sandbox.stripe.control
    control.add_fault(action="status", status=500, method="POST", path="/v1/billing_portal/configurations")
    stopped = setup_stripe(bare, "--apply", code=1)
    assert "1 of the steps above were done before. Run the command again" in stopped.stderr
    assert list(dotenv_values(env_file)) == ["STRIPE_WEBHOOK_SECRET"]
    control.clear_faults()
    restart_with(bare, env_file)
    assert setup_stripe(bare, "--apply").stdout.endswith("Done: 1 change.\n")
    assert list(dotenv_values(env_file)) == ["STRIPE_WEBHOOK_SECRET", "STRIPE_PORTAL_CONFIGURATION"]


def test_a_secret_in_the_file_is_never_overwritten(bare: Shop, env_file: Path) -> None:
    env_file.write_text("STRIPE_WEBHOOK_SECRET=whsec_of_stripe_listen\n")
    left = setup_stripe(bare, "--apply", code=1).stdout
    assert "has another value for STRIPE_WEBHOOK_SECRET already" in left
    assert "> Signing secret" in left
    assert dotenv_values(env_file)["STRIPE_WEBHOOK_SECRET"] == "whsec_of_stripe_listen"
    assert len(account(bare)["webhook_endpoints"]) == 1
