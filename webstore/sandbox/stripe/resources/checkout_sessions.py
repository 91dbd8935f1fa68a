"""Checkout Sessions. Source: https://docs.stripe.com/api/checkout/sessions"""

from typing import Any, cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.expanding import at_present_prices, expanded, expands
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.payments import session_amounts, sessions
from webstore.sandbox.stripe.resources.checkout_creation import create
from webstore.sandbox.stripe.resources.checkout_params import CREATE
from webstore.sandbox.stripe.resources.reading import check_customer, sublist, sublist_params
from webstore.sandbox.stripe.routing import Call, Route

_FILTERS = ("customer", "payment_intent", "subscription")


def retrieve(call: Call) -> Document:
    """https://docs.stripe.com/api/checkout/sessions/retrieve"""
    return expanded(call, find_session(call, call.ids[0]))


def update(call: Call) -> Document:
    """https://docs.stripe.com/api/checkout/sessions/update; the sandbox changes only the metadata."""
    session = find_session(call, call.ids[0])
    if "metadata" in call.params:
        given = cast(dict[str, str] | None, call.params["metadata"])
        call.world.payments.sessions.change(
            session, metadata=params.merged_metadata(session["metadata"], given)
        )
    return expanded(call, session)


def expire(call: Call) -> Document:
    """https://docs.stripe.com/api/checkout/sessions/expire"""
    session = find_session(call, call.ids[0])
    if session["status"] != "open":
        raise StripeError(
            400,
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a'
            f" status of `{session['status']}`.",
        )
    sessions.expire(call, session)
    return expanded(call, session)


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/checkout/sessions/list"""
    check_customer(call)
    # Any: a checked filter.
    given: dict[str, Any] = dict(call.params)
    wanted = {name: given[name] for name in (*_FILTERS, "status") if name in given}
    email = (given.get("customer_details") or {}).get("email")
    table = call.world.payments.sessions

    def keep(session: Document) -> bool:
        return all(session[name] == value for name, value in wanted.items()) and (
            email is None or (session["customer_details"] or {}).get("email") == email
        )

    narrow = next((name for name in _FILTERS if name in given), None)
    return list_page(
        table,
        call.params,
        url="/v1/checkout/sessions",
        kind="checkout.session",
        keep=keep,
        show=lambda session: expanded(call, session),
        candidates=None if narrow is None else table.candidates(narrow, given[narrow]),
    )


def list_lines(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/checkout/sessions/line_items, in the order of the session's creation."""
    session = find_session(call, call.ids[0])
    lines = at_present_prices(call, session_amounts.details_of(call, session).lines)
    return sublist(call, lines, "line item", f"/v1/checkout/sessions/{session['id']}/line_items")


def find_session(call: Call, id: str) -> Document:
    """The session with this ID. Raises StripeError, with a hint when the other mode has the session."""
    session = call.world.payments.sessions.get(id)
    if session is None:
        other = call.state.other_mode(call.world)
        there = other.payments.sessions.get(id) is not None
        raise no_such("checkout.session", id, other_mode=other.mode if there else "")
    return session


_ROOT, _ONE = "/v1/checkout/sessions", "/v1/checkout/sessions/{}"
_EXPAND_ONE = {"expand": expands("checkout.session")}

ROUTES = (
    Route("POST", _ROOT, create, "checkout_session_write", CREATE),
    Route(
        "GET",
        _ROOT,
        list_all,
        "checkout_session_read",
        {
            **LIST_PARAMS,
            "customer": params.exact_text,
            "customer_account": params.not_in_sandbox,
            "customer_details": params.fields({"email": params.exact_text}, required=("email",)),
            "expand": expands("checkout.session", within="data."),
            "payment_intent": params.exact_text,
            "payment_link": params.not_in_sandbox,
            "status": params.one_of("complete", "expired", "open"),
            "subscription": params.exact_text,
        },
    ),
    Route("GET", _ONE, retrieve, "checkout_session_read", _EXPAND_ONE),
    Route(
        "POST",
        _ONE,
        update,
        "checkout_session_write",
        {
            **_EXPAND_ONE,
            **params.absent("collected_information line_items payment_intent_data shipping_options"),
            "metadata": params.metadata,
        },
    ),
    Route("POST", f"{_ONE}/expire", expire, "checkout_session_write", _EXPAND_ONE),
    Route(
        "GET",
        f"{_ONE}/line_items",
        list_lines,
        "checkout_session_read",
        sublist_params("item"),
    ),
)
