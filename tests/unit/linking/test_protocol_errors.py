"""The linking protocol when a call fails: each error, at each call, in each situation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.linking.attempts import (
    ADA,
    DAY_S,
    Attempt,
    change,
    login,
    run,
    use,
    with_a_new_user,
)
from tests.unit.linking.vendors import Vendors
from webstore.errors import (
    DirectoryRefused,
    DirectoryUnavailable,
    KeyInFlight,
    KeyReused,
    OverBudget,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
    SearchUnavailable,
    UserGone,
    WebstoreError,
)
from webstore.linking.calls import RecordLink
from webstore.linking.models import Customer, LinkOutcome, LinkStatus
from webstore.linking.protocol import Steps

UNLINKED = (LinkStatus.PENDING, LinkStatus.REFUSED, LinkStatus.USER_GONE)
#: Answers that prove nothing, at least not about a customer.
ERRORS = (
    UserGone("gone"),
    DirectoryRefused("403"),
    DirectoryUnavailable("429"),
    PaymentsRefused("401"),
    SearchUnavailable("no search"),
    KeyInFlight("409"),
    KeyReused("idempotency_error"),
    PaymentsUnavailable("time-out"),
    PaymentsFailed("500"),
    PaymentsFailed("500", replayed=True),
    OverBudget("too old"),
)

SITUATIONS = [
    "new account",
    "old account",
    "refused e-mail",
    "half-done",
    "failed",
    "linked",
    "dead",
    "nobody's",
]


def in_situation(vendors: Vendors, situation: str) -> None:
    if situation == "old account":
        change(vendors, created_at=vendors.now - DAY_S)
    if situation == "refused e-mail":
        change(vendors, email="refused@example.com")
    if situation == "half-done":
        run(vendors, login(vendors), errors=[(RecordLink, DirectoryUnavailable("lost"))])
    if situation == "failed":
        change(vendors, link_failed_at=vendors.now - 1000)
    if situation in ("linked", "dead"):
        run(vendors, login(vendors))
    if situation == "dead":
        vendors.delete("cus_1")
    if situation == "nobody's":
        vendors.put(Customer("cus_9"))
        change(vendors, customer_id="cus_9")


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("entry", [login, use], ids=["login", "use"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_error_at_any_call_ends_in_an_outcome_and_makes_no_second_customer(
    situation: str, entry: Callable[[Vendors], Steps[LinkOutcome]], error: WebstoreError
) -> None:
    for position in range(20):
        vendors = with_a_new_user()
        in_situation(vendors, situation)
        attempt = Attempt(vendors, entry(vendors))
        for _ in range(position):
            if attempt.outcome is None:
                attempt.step()
        if attempt.outcome is not None:
            return
        attempt.step(error)
        outcome = attempt.finish()
        assert (outcome.customer_id is None) == (outcome.status in UNLINKED)
        vendors.advance(2 * DAY_S)
        after = run(vendors, use(vendors))
        assert after.customer_id == vendors.users[ADA].customer_id
        assert [customer.id for customer in vendors.owned_by(ADA)] == [after.customer_id]
    pytest.fail("it does not end")
