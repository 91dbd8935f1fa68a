"""The linking protocol's calls, answers and outcomes in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webstore.errors import WebstoreError
from webstore.linking import calls, worlds
from webstore.linking.calls import Call, CreateCustomer, RecordLink, UpdateCustomer
from webstore.linking.explain import Explanation
from webstore.linking.models import Account, Creation, Customer, CustomerPage, LinkOutcome, LinkStatus, User


def brief(found: Explanation) -> str:
    """What linking would do now, in one line."""
    if found.write is not None:
        return would(found.write)
    return ending(found.outcome) if found.outcome else "unknown"


def would(write: Call[Any]) -> str:
    """The first write, which was not made, as what linking would do."""
    match write:
        case CreateCustomer(draft, _):
            old = draft.metadata.get("replaces")
            return f"would create a customer in place of {old}" if old else "would create a customer"
        case UpdateCustomer(customer_id, draft, _) if draft.metadata:
            return f"would claim {customer_id} for the user"
        case UpdateCustomer(customer_id, _, _):
            return f"would carry the e-mail address or the name over to {customer_id}"
        case RecordLink(customer_id=customer_id):
            return f"would record {customer_id} in Auth0"
    return "would note in Auth0 that a create failed"


def ending(outcome: LinkOutcome) -> str:
    """How an attempt ended, or would end without a write."""
    customer_id = outcome.customer_id
    match outcome.status:
        case LinkStatus.ALREADY_LINKED | LinkStatus.VERIFIED:
            told = f"nothing to do: {customer_id} ({outcome.reason})"
        case LinkStatus.CREATED:
            told = f"created {customer_id}"
        case LinkStatus.ADOPTED:
            told = f"took up {customer_id}, which was there before"
        case LinkStatus.CLAIMED:
            told = f"claimed {customer_id}, which named nobody"
        case LinkStatus.HEALED:
            told = f"linked {customer_id} in place of an earlier customer"
        case _:
            told = f"{outcome.status.replace('_', ' ')}: {outcome.reason}"
    return f"{told} (alarm: an operator has to act)" if outcome.alarm else told


def request(call: Call[Any]) -> tuple[str, str]:  # a line for each call of the protocol
    """The vendor, and the request as its documentation names it."""
    match call:
        case calls.ReadUser(user_id) | calls.ReadBoth(user_id, None):
            return "Auth0", f"GET /api/v2/users/{user_id}"
        case calls.ReadBoth(user_id, customer_id):
            return "Both", f"GET /api/v2/users/{user_id} and /v1/customers/{customer_id}"
        case RecordLink() | calls.NoteFailure():
            return "Auth0", f"PATCH /api/v2/users/{call.user_id}"
        case calls.ReadAccount():
            return "Stripe", "GET /v1/account"
        case calls.GetCustomer(customer_id):
            return "Stripe", f"GET /v1/customers/{customer_id}"
        case CreateCustomer():
            return "Stripe", "POST /v1/customers"
        case UpdateCustomer(customer_id, _, _):
            return "Stripe", f"POST /v1/customers/{customer_id}"
        case calls.ListByEmail(email):
            return "Stripe", f"GET /v1/customers?email={email}"
        case calls.SearchByOwner(user_id):
            return "Stripe", f'GET /v1/customers/search?query=metadata["auth0_user_id"]:"{user_id}"'
        case calls.SearchByEmail(email):
            return "Stripe", f'GET /v1/customers/search?query=email:"{email}"'
        case calls.ListCreatedSince(since):
            return "Stripe", f"GET /v1/customers?created[gte]={int(since)}"
        case calls.ListRunning(customer_id):
            return "Stripe", f"GET /v1/subscriptions?customer={customer_id}"
    return "", "a pause"


def content(write: Call[Any]) -> list[str]:
    """What a write would send, a line for each value."""
    match write:
        case RecordLink():
            return _lines({f"app_metadata.{name}": it for name, it in worlds.metadata_of(write).items()})
        case CreateCustomer(draft, key) | UpdateCustomer(_, draft, key):
            fields = {"email": draft.email, "name": draft.name, "description": draft.description}
            metadata = {f"metadata.{name}": value for name, value in draft.metadata.items()}
            header = [f"Idempotency-Key: {key}"] if key else []
            given = {name: value for name, value in fields.items() if value is not None}
            return [*_lines(given | metadata), *header]
    return []


def answer(given: object) -> str:
    """An answer in a few words."""
    match given:
        case WebstoreError():
            return f"{type(given).__name__}: {given}"
        case User():
            return _record(given)
        case (User() as user, None):
            return _record(user)
        case (User() as user, other):
            return f"{_record(user)}; {answer(other)}"
        case Account():
            return given.pin or f"{given.mode} mode; the key may not read its account"
        case Customer():
            return _customer(given)
        case Creation(customer, _, _):
            return _customer(customer)
        case CustomerPage(customers, complete):
            return answer(customers) + ("" if complete else ", and more than are read")
        case tuple():
            return ", ".join(it.id if isinstance(it, Customer) else str(it) for it in given) or "none"
    return "done"


def _record(user: User) -> str:
    records = {name: value for name, value in user.records.items() if value is not None}
    told = ", ".join(_lines(records)) or "nothing recorded"
    return f"blocked, {told}" if user.blocked else told


def _customer(customer: Customer) -> str:
    if customer.deleted:
        return f"{customer.id}: deleted"
    owner = customer.owner or "nobody"
    return f"{customer.id}: names {owner}" + (f" of {customer.tenant}" if customer.tenant else "")


def _lines(values: Mapping[str, object]) -> list[str]:
    return [f"{name}: {'(removed)' if value is None else value}" for name, value in values.items()]
