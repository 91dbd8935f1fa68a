"""A failed create settles, whoever the user is and however often they log in meanwhile."""

from __future__ import annotations

import pytest

from tests.support import Shop, the_customer

NAMES = {"plain": "eve@example.com", "refused by Stripe": "eve@localhost", "missing": None}


@pytest.mark.parametrize("email", NAMES.values(), ids=NAMES)
def test_logins_while_a_failed_create_settles_do_not_put_off_its_end(shop: Shop, email: str | None) -> None:
    eve = shop.add_user(email)
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    for _ in range(3):
        assert shop.use(eve).customer_id is None
        shop.advance(250)
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]
