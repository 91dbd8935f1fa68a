"""A failed create is given up after the settling time, no matter how often the user logs in until then."""

from __future__ import annotations

import pytest

from tests.linking.steps import EVE, USER
from tests.support import Shop, held, in_background, the_customer, until
from webstore import linking

NAMES = {"plain": EVE, "refused by Stripe": "eve@localhost", "missing": None}


@pytest.mark.parametrize("email", NAMES.values(), ids=NAMES)
def test_logins_during_the_settling_time_do_not_prolong_it(shop: Shop, email: str | None) -> None:
    eve = shop.add_user(email)
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    for _ in range(3):
        assert shop.use(eve).customer_id is None
        shop.advance(250)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]


def failed_generations(shop: Shop) -> str:
    """A user whose first create failed for good. The next one fails too, but its effect appears later."""
    eve = shop.add_user(EVE)
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    assert shop.use(eve).customer_id is None
    shop.advance(700)
    shop.sandbox.stripe.fail(path="/v1/customers", effect="later", delay_s=300)
    return eve


def test_failure_of_the_next_generation_that_could_not_be_noted_does_not_last(shop: Shop) -> None:
    eve = failed_generations(shop)
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert shop.use(eve).customer_id is None
    assert shop.use(eve).customer_id is None
    shop.advance(301)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]


def test_failure_of_the_next_generation_that_another_worker_notes_does_not_last(shop: Shop) -> None:
    eve = failed_generations(shop)
    with shop.worker() as other:
        with held(shop.sandbox.auth0.control, "PATCH", USER) as has_come:
            noting = in_background(lambda: shop.use(eve))
            until(has_come)
            assert linking.verified_customer(other, eve, None).customer_id is None
        assert noting.result().customer_id is None
    shop.advance(301)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]


def test_first_generation_that_appears_while_the_next_one_fails_too_is_the_one_in_use(shop: Shop) -> None:
    eve = shop.add_user(EVE)
    for delay_s in (900, 700):
        shop.sandbox.stripe.fail(path="/v1/customers", effect="later", delay_s=delay_s)
        assert shop.use(eve).customer_id is None
        shop.advance(610)
    # The first effect came after 900 s; the second one comes after 1310 s, and it is 1220 s now.
    used = shop.use(eve).customer_id
    assert [customer["id"] for customer in shop.customers() if customer["id"] == used] == [used]
    shop.advance(610)
    assert len(shop.customers()) == 2
    assert shop.use(eve, used).customer_id == shop.app_metadata(eve)["stripe_customer_id"] == used


def test_each_generation_that_fails_for_good_is_replaced_after_the_settling_time(
    shop: Shop,
) -> None:
    eve = shop.add_user(EVE)
    for _ in range(3):
        shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
        assert shop.use(eve).customer_id is None
        shop.advance(610)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]
    assert the_customer(shop, eve)["metadata"]["link_generation"] == "3"
