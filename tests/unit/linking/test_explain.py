"""What the protocol would do for a user: real reads, up to the first write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.linking.attempts import change, login, run, use
from tests.unit.linking.vendors import Vendors
from webstore.errors import NoSuchCustomer
from webstore.linking import protocol
from webstore.linking.calls import (
    CreateCustomer,
    GetCustomer,
    ReadAccount,
    ReadBoth,
    ReadUser,
    UpdateCustomer,
)
from webstore.linking.explain import WRITES, Explanation, until_write
from webstore.linking.models import Customer, LinkOutcome, LinkStatus
from webstore.linking.protocol import Steps


def explained(vendors: Vendors, steps: Steps[LinkOutcome]) -> Explanation:
    vendors.calls.clear()
    wrapped = until_write(steps)
    found = protocol.drive(wrapped, next(wrapped), vendors.answer)
    assert not any(isinstance(call, WRITES) for call in vendors.calls)
    return found


def test_a_linked_user_needs_no_write(vendors: Vendors) -> None:
    linked = run(vendors, login(vendors)).customer_id
    found = explained(vendors, use(vendors))
    assert [type(it.call) for it in found.asked] == [ReadBoth, ReadAccount, GetCustomer]
    assert found.write is None
    assert found.outcome is not None
    assert (found.outcome.status, found.outcome.customer_id) == (LinkStatus.VERIFIED, linked)


def test_a_new_user_would_get_a_customer_and_has_none_afterwards(vendors: Vendors) -> None:
    found = explained(vendors, login(vendors))
    assert [type(it.call) for it in found.asked] == [ReadUser, ReadAccount]
    assert isinstance(found.write, CreateCustomer)
    assert found.outcome is None
    assert vendors.customers == {}
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED


def test_a_deleted_customer_would_be_replaced(vendors: Vendors) -> None:
    run(vendors, login(vendors))
    vendors.delete("cus_1")
    found = explained(vendors, use(vendors))
    assert isinstance(found.write, CreateCustomer)
    assert found.write.draft.metadata["replaces"] == "cus_1"


def test_a_customer_that_names_nobody_would_be_claimed(vendors: Vendors) -> None:
    vendors.put(Customer("cus_9"))
    change(vendors, customer_id="cus_9", account="acct_1 test")
    assert isinstance(explained(vendors, use(vendors)).write, UpdateCustomer)


def test_an_error_is_an_answer_and_the_protocol_goes_on_with_it(vendors: Vendors) -> None:
    change(vendors, customer_id="cus_gone", account="acct_1 test")
    found = explained(vendors, use(vendors))
    answers = {type(it.call): it.answer for it in found.asked}
    assert isinstance(answers[GetCustomer], NoSuchCustomer)
    assert isinstance(found.write, CreateCustomer)


@pytest.mark.parametrize("how", [login, use])
def test_a_user_who_is_gone_ends_it(vendors: Vendors, how: Callable[[Vendors], Steps[LinkOutcome]]) -> None:
    vendors.users.clear()
    found = explained(vendors, how(vendors))
    assert found.outcome is not None
    assert found.outcome.status is LinkStatus.USER_GONE


def test_the_steps_that_were_not_taken_are_closed(vendors: Vendors) -> None:
    steps = login(vendors)
    explained(vendors, steps)
    with pytest.raises(StopIteration):
        next(steps)
