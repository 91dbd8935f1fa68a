"""The portal has a configuration of the store's own: made once, found again, replaced when it is gone."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes import Memory
from tests.unit.gateways.stripe_wire import Call, StripeWire, listed, refusal
from webstore.errors import NoSuchCustomer, PaymentsRefused, PaymentsUnavailable
from webstore.gateways.stripe.portal import StripePortals
from webstore.gateways.stripe.portal_configurations import configuration_params

CONFIGURATIONS = "/v1/billing_portal/configurations"
SESSION = "POST /v1/billing_portal/sessions"
LIST, CREATE = f"GET {CONFIGURATIONS}", f"POST {CONFIGURATIONS}"
URL = "https://shop.example"
OWN = {"webstore_portal": "1", "webstore_url": URL}


@dataclass
class Dashboard:
    """The portal's configurations at Stripe."""

    configurations: list[dict[str, Any]] = field(default_factory=list)
    #: The ID that each idempotency key made.
    made: dict[str, str] = field(default_factory=dict)
    #: The answer to such calls instead.
    instead: dict[str, tuple[int, Any, bool]] = field(default_factory=dict)
    page: int = 100

    def add(self, configuration_id: str, created: int, **changes: Any) -> None:
        found = {"id": configuration_id, "object": "billing_portal.configuration", "created": created}
        self.configurations.insert(0, {**found, "active": True, "metadata": OWN, **changes})

    def __call__(self, call: Call) -> tuple[int, Any, bool]:
        if str(call) in self.instead:
            return self.instead[str(call)]
        if str(call) == LIST:
            return self._list(call)
        if str(call) == CREATE:
            return self._create(call)
        return self._open(call)

    def _list(self, call: Call) -> tuple[int, Any, bool]:
        active = [it for it in self.configurations if it["active"]]
        after = call.params.get("starting_after")
        start = next((n + 1 for n, it in enumerate(active) if it["id"] == after), 0)
        page = active[start : start + self.page]
        return 200, listed(*page, more=start + self.page < len(active)), False

    def _create(self, call: Call) -> tuple[int, Any, bool]:
        key = call.key or ""
        if key in self.made:
            return 200, {"id": self.made[key], "object": "billing_portal.configuration"}, True
        names = [name for name in call.params if name.startswith("metadata[")]
        metadata = {name[len("metadata[") : -1]: call.params[name] for name in names}
        self.made[key] = f"bpc_{len(self.configurations) + 1}"
        self.add(self.made[key], 1000 + len(self.configurations), metadata=metadata)
        return 200, self.configurations[0], False

    def _open(self, call: Call) -> tuple[int, Any, bool]:
        wanted = call.params.get("configuration")
        if wanted and not any(it["id"] == wanted and it["active"] for it in self.configurations):
            return refusal(code="resource_missing", param="configuration", message="No such configuration")
        document = {"id": "bps_1", "object": "billing_portal.session", "url": f"https://x/{wanted}"}
        return 200, document, False


@pytest.fixture
def dashboard() -> Dashboard:
    return Dashboard()


@pytest.fixture
def wire(dashboard: Dashboard) -> StripeWire:
    return StripeWire(dashboard)


def portals(wire: StripeWire, state: Memory | None = None) -> StripePortals:
    """The portals of a new process."""
    return StripePortals(wire.client, state or Memory(), state_key="portal", base_url=URL)


def chosen(wire: StripeWire, configuration_id: str) -> StripePortals:
    """The portals of a new process whose operator chose a configuration."""
    return StripePortals(
        wire.client, Memory(), state_key="portal", base_url=URL, configuration=configuration_id
    )


def opened(portals: StripePortals) -> str:
    return portals.portal_url("cus_1", f"{URL}/account")


def test_the_first_use_makes_a_configuration_and_the_next_one_knows_it(wire: StripeWire) -> None:
    store = portals(wire)
    assert opened(store) == opened(store) == "https://x/bpc_1"
    assert wire.asked == [LIST, CREATE, SESSION, SESSION]
    assert wire.calls[2].params == {
        "customer": "cus_1",
        "return_url": f"{URL}/account",
        "configuration": "bpc_1",
    }


def test_another_process_knows_it_from_the_state(wire: StripeWire) -> None:
    state = Memory()
    opened(portals(wire, state))
    assert opened(portals(wire, state)) == "https://x/bpc_1"
    assert wire.asked.count(CREATE) == wire.asked.count(LIST) == 1


def test_without_the_state_it_is_found_by_its_metadata(wire: StripeWire, dashboard: Dashboard) -> None:
    dashboard.page = 1
    dashboard.add("bpc_own", 9)
    dashboard.add("bpc_of_another_store", 6, metadata={**OWN, "webstore_url": "https://other.example"})
    dashboard.add("bpc_of_another_version", 7, metadata={**OWN, "webstore_portal": "0"})
    dashboard.add("bpc_of_the_dashboard", 8, metadata={}, is_default=True)
    assert opened(portals(wire, Memory(down=True))) == "https://x/bpc_own"
    assert CREATE not in wire.asked


def test_of_two_the_oldest_is_used_by_all(wire: StripeWire, dashboard: Dashboard) -> None:
    dashboard.add("bpc_first", 5)
    dashboard.add("bpc_second", 6)
    assert opened(portals(wire)) == "https://x/bpc_first"


def test_two_processes_at_once_make_one(wire: StripeWire, dashboard: Dashboard) -> None:
    opened(portals(wire))
    # The other process listed before the first one made it.
    late = StripeWire(lambda call: (200, listed(), False) if _is_first_list(call, late) else dashboard(call))
    assert opened(portals(late)) == "https://x/bpc_1"
    assert late.asked == [LIST, CREATE, LIST, SESSION]
    assert len(dashboard.configurations) == 1


def _is_first_list(call: Call, wire: StripeWire) -> bool:
    return str(call) == LIST and len(wire.calls) == 1


def test_one_that_is_being_made_right_now_is_unavailable_for_a_moment(
    wire: StripeWire, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("webstore.deadline.sleep", waited.append)
    dashboard.instead[CREATE] = refusal(409, type="idempotency_error", code="idempotency_key_in_use")
    with pytest.raises(PaymentsUnavailable):
        opened(portals(wire))
    assert len(waited) == 1
    dashboard.add("bpc_own", 5)
    assert opened(portals(wire)) == "https://x/bpc_own"


@pytest.mark.parametrize("gone", ["switched off", "of another account"])
def test_one_that_is_gone_is_replaced_once(wire: StripeWire, dashboard: Dashboard, gone: str) -> None:
    store = portals(wire)
    opened(store)
    if gone == "switched off":
        dashboard.configurations[0]["active"] = False
    else:
        dashboard.configurations.clear()
        dashboard.made = dict.fromkeys(dashboard.made, "bpc_0")
    wire.calls.clear()
    opened(store)
    # The first create is answered with what its key made before, so a second one has another key.
    assert wire.asked == [SESSION, LIST, CREATE, LIST, CREATE, SESSION]
    keys = [call.key for call in wire.calls if call.key]
    assert len(set(keys)) == len(keys)
    assert opened(store) == opened(portals(wire))


def test_a_missing_customer_is_not_taken_for_a_missing_configuration(
    wire: StripeWire, dashboard: Dashboard
) -> None:
    dashboard.instead[SESSION] = refusal(code="resource_missing", param="customer")
    with pytest.raises(NoSuchCustomer):
        opened(portals(wire))
    assert wire.asked == [LIST, CREATE, SESSION]


@pytest.mark.parametrize("refused", [LIST, CREATE])
def test_a_key_without_the_permission_uses_the_accounts_default(
    wire: StripeWire, dashboard: Dashboard, caplog: pytest.LogCaptureFixture, refused: str
) -> None:
    dashboard.instead[refused] = refusal(403, "The key lacks 'rak_customer_portal_write'.")
    assert opened(portals(wire)) == "https://x/None"
    assert "configuration" not in wire.calls[-1].params
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "permission to write the customer portal" in record.getMessage()
    assert "rak_customer_portal_write" in record.getMessage()


def test_a_default_that_was_never_saved_is_a_refusal(wire: StripeWire, dashboard: Dashboard) -> None:
    dashboard.instead[CREATE] = refusal(403)
    dashboard.instead[SESSION] = refusal(message="No configuration provided and your default is not saved.")
    with pytest.raises(PaymentsRefused) as refused:
        opened(portals(wire))
    assert "https://dashboard.stripe.com/settings/billing/portal" in str(refused.value)


def test_an_outage_is_not_taken_for_a_missing_permission(wire: StripeWire, dashboard: Dashboard) -> None:
    dashboard.instead[LIST] = 500, {"error": {"type": "api_error", "message": "down"}}, False
    with pytest.raises(PaymentsUnavailable):
        opened(portals(wire))


def test_shoppers_can_cancel_at_the_end_of_the_period_and_not_change_their_name() -> None:
    params = configuration_params("http://127.0.0.1:8000", OWN)
    features = params["features"]
    assert features["subscription_cancel"].get("mode") == "at_period_end"
    allowed = features["customer_update"].get("allowed_updates")
    assert allowed
    assert not {"name", "email"} & set(allowed)
    assert features["invoice_history"]["enabled"]
    assert features["payment_method_update"]["enabled"]
    # Stripe takes no address of this machine for the terms.
    assert "business_profile" not in params
    assert configuration_params(URL, OWN)["business_profile"] == {
        "privacy_policy_url": f"{URL}/privacy",
        "terms_of_service_url": f"{URL}/terms",
    }


def test_the_operators_configuration_is_used_without_looking_for_one(
    wire: StripeWire, dashboard: Dashboard
) -> None:
    dashboard.add("bpc_own", 1000)
    dashboard.add("bpc_chosen", 2000, metadata={})
    portals = chosen(wire, "bpc_chosen")
    assert [opened(portals), opened(portals)] == ["https://x/bpc_chosen"] * 2
    assert wire.asked == [SESSION, SESSION]


def test_an_operators_configuration_that_cannot_be_used_is_logged_and_the_stores_own_is_taken(
    wire: StripeWire, dashboard: Dashboard, caplog: pytest.LogCaptureFixture
) -> None:
    dashboard.add("bpc_own", 1000)
    portals = chosen(wire, "bpc_gone")
    assert [opened(portals), opened(portals)] == ["https://x/bpc_own"] * 2
    assert wire.asked == [SESSION, LIST, SESSION, SESSION]
    (said,) = [it for it in caplog.records if it.levelno == logging.ERROR]
    assert "STRIPE_PORTAL_CONFIGURATION=bpc_gone cannot be used" in said.getMessage()
