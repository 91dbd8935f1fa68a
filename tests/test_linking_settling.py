"""A failed create settles, whoever the user is and however often they log in meanwhile."""

from __future__ import annotations

import pytest

from tests.support import Shop, held, in_background, the_customer, until
from webstore import linking

NAMES = {"plain": "eve@example.com", "refused by Stripe": "eve@localhost", "missing": None}
USER = r"/api/v2/users/.*"


@pytest.mark.parametrize("email", NAMES.values(), ids=NAMES)
def test_logins_while_a_failed_create_settles_do_not_put_off_its_end(shop: Shop, email: str | None) -> None:
    eve = shop.add_user(email)
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    for _ in range(3):
        assert shop.use(eve).customer_id is None
        shop.advance(250)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]


def failed_generations(shop: Shop) -> str:
    """A user of whom generation 0 has failed for good, and Stripe fails the next one, which appears later."""
    eve = shop.add_user("eve@example.com")
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    assert shop.use(eve).customer_id is None
    shop.advance(700)
    shop.sandbox.stripe.fail(path="/v1/customers", effect="later", delay_s=300)
    return eve


def test_failure_of_the_next_generation_settles_by_itself_though_it_could_not_be_noted(shop: Shop) -> None:
    eve = failed_generations(shop)
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert shop.use(eve).customer_id is None
    assert shop.use(eve).customer_id is None
    shop.advance(301)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]


def test_failure_of_the_next_generation_settles_by_itself_while_another_worker_notes_it(shop: Shop) -> None:
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
    eve = shop.add_user("eve@example.com")
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


def test_each_generation_that_fails_for_good_gives_way_to_the_next_when_it_has_settled(shop: Shop) -> None:
    eve = shop.add_user("eve@example.com")
    for _ in range(3):
        shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
        assert shop.use(eve).customer_id is None
        shop.advance(610)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]
    assert the_customer(shop, eve)["metadata"]["link_generation"] == "3"
