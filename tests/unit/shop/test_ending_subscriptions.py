"""Nobody pays after leaving: everything that could charge the customer ends, or the account stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import USER, PaymentPages, Subscribers, a_subscription, open_session
from webstore import deadline
from webstore.errors import PaymentsFailed, PaymentsRefused, PaymentsUnavailable
from webstore.shop.subscriptions import Ending, NotEnded, Tills, end_all

REFUSED = PaymentsRefused("Stripe answered 403")
NO_ANSWER = PaymentsUnavailable("no answer")
THREE = [a_subscription(f"sub_{number}", f"prod_{number}") for number in (3, 2, 1)]


@pytest.fixture
def subscribers() -> Subscribers:
    """Ada has three subscriptions, and Grace one."""
    return Subscribers({"cus_1": list(THREE), "cus_2": [a_subscription("sub_grace")]})


@pytest.fixture
def pages() -> PaymentPages:
    """Ada has no open Checkout Session."""
    return PaymentPages({"cus_1": []})


def tills(subscribers: Subscribers, pages: PaymentPages) -> Tills:
    return Tills(subscribers, pages, pages.expire_session)


def ids(subscriptions: tuple[object, ...]) -> list[str]:
    return [getattr(it, "id", "") for it in subscriptions]


def test_all_three_end_and_nobody_elses(subscribers: Subscribers, pages: PaymentPages) -> None:
    ending = end_all(tills(subscribers, pages), "cus_1", USER)
    assert ids(ending.ended) == ["sub_3", "sub_2", "sub_1"]
    assert subscribers.running["cus_1"] == []
    assert ids(tuple(subscribers.running["cus_2"])) == ["sub_grace"]
    assert subscribers.calls[-1] == "list cus_1"


def test_a_customer_without_any_costs_two_readings(pages: PaymentPages) -> None:
    subscribers = Subscribers({"cus_1": []})
    assert end_all(tills(subscribers, pages), "cus_1", USER) == Ending()
    assert (subscribers.calls, pages.calls) == (["list cus_1"], ["list cus_1"])


def test_an_unknown_customer_has_nothing_to_end(subscribers: Subscribers, pages: PaymentPages) -> None:
    assert end_all(tills(subscribers, pages), "cus_gone", USER) == Ending()


def test_one_that_is_refused_stops_it_and_the_others_have_ended(
    subscribers: Subscribers, pages: PaymentPages
) -> None:
    subscribers.stuck["sub_2"] = REFUSED
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    ending = failed.value.ending
    assert failed.value.refused
    assert (ids(ending.ended), ids(ending.running), ending.unsure) == (["sub_3", "sub_1"], ["sub_2"], ())
    assert failed.value.cause is REFUSED


def test_no_answer_comes_before_a_refusal(subscribers: Subscribers, pages: PaymentPages) -> None:
    subscribers.stuck |= {"sub_3": REFUSED, "sub_2": NO_ANSWER}
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    # A new try may end the others; then the refusal is shown.
    assert not failed.value.refused


def test_the_next_try_goes_on_from_there(subscribers: Subscribers, pages: PaymentPages) -> None:
    subscribers.stuck["sub_2"] = REFUSED
    with pytest.raises(NotEnded):
        end_all(tills(subscribers, pages), "cus_1", USER)
    subscribers.stuck.clear()
    subscribers.calls.clear()
    assert ids(end_all(tills(subscribers, pages), "cus_1", USER).ended) == ["sub_2"]
    assert [call for call in subscribers.calls if call.startswith("cancel")] == ["cancel sub_2"]


def test_a_lost_answer_is_looked_up_before_anything_is_said(
    subscribers: Subscribers, pages: PaymentPages
) -> None:
    subscribers.lost["sub_3"] = NO_ANSWER
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    # It ended, although there was no answer; the others were not tried, so that there was time to look.
    assert not failed.value.refused
    assert ids(failed.value.ending.ended) == ["sub_3"]
    assert ids(failed.value.ending.running) == ["sub_2", "sub_1"]


def test_a_lost_answer_about_the_last_one_is_no_failure(pages: PaymentPages) -> None:
    subscribers = Subscribers({"cus_1": [a_subscription("sub_1")]})
    subscribers.lost["sub_1"] = PaymentsFailed("Stripe answered 500")
    assert ids(end_all(tills(subscribers, pages), "cus_1", USER).ended) == ["sub_1"]


def test_what_is_not_known_is_said_to_be_unknown(subscribers: Subscribers, pages: PaymentPages) -> None:
    def stop_answering() -> None:
        if subscribers.calls[-1] == "cancel sub_2":
            subscribers.down = NO_ANSWER
            subscribers.stuck["sub_2"] = NO_ANSWER

    subscribers.meanwhile = stop_answering
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    ending = failed.value.ending
    assert (ids(ending.ended), ids(ending.unsure), ending.running) == (["sub_3"], ["sub_2", "sub_1"], ())


def test_without_an_answer_nothing_is_tried(subscribers: Subscribers, pages: PaymentPages) -> None:
    subscribers.down = NO_ANSWER
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    assert failed.value.ending == Ending()
    assert subscribers.calls == ["list cus_1"]


def test_too_little_time_leaves_enough_to_say_what_runs(
    subscribers: Subscribers, pages: PaymentPages
) -> None:
    with deadline.within(1), pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    assert not failed.value.refused
    assert ids(failed.value.ending.running) == ["sub_3", "sub_2", "sub_1"]


def test_open_payment_pages_of_the_store_expire_first(subscribers: Subscribers, pages: PaymentPages) -> None:
    own, other = replace(open_session("cs_own"), owner=USER), open_session("cs_of_another_program")
    pages.open["cus_1"] = [own, other]
    end_all(tills(subscribers, pages), "cus_1", USER)
    assert pages.open["cus_1"] == [other]
    assert pages.calls == ["list cus_1", "expire cs_own", "list cus_1"]


def test_a_page_that_is_paid_while_it_expires_leaves_a_subscription_to_end(
    subscribers: Subscribers, pages: PaymentPages
) -> None:
    subscribers.running["cus_1"] = []
    pages.open["cus_1"] = [replace(open_session("cs_own"), owner=USER)]

    def pay(_: str) -> None:
        pages.open["cus_1"] = []
        pages.stuck["cs_own"] = PaymentsRefused("not open")
        subscribers.running["cus_1"] = [a_subscription("sub_new")]

    pages.meanwhile = pay
    # Reading the subscriptions again is what finds it: the first reading was before the payment.
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    assert not failed.value.refused
    assert ids(failed.value.ending.running) == ["sub_new"]
    assert ids(end_all(tills(subscribers, pages), "cus_1", USER).ended) == ["sub_new"]


def test_a_page_that_cannot_expire_stops_it(subscribers: Subscribers, pages: PaymentPages) -> None:
    pages.open["cus_1"] = [replace(open_session("cs_own"), owner=USER)]
    pages.stuck["cs_own"] = REFUSED
    with pytest.raises(NotEnded) as failed:
        end_all(tills(subscribers, pages), "cus_1", USER)
    assert failed.value.refused
    assert (failed.value.ending.open_sessions, ids(failed.value.ending.ended)) == (
        1,
        ["sub_3", "sub_2", "sub_1"],
    )
