"""The payment service: Stripe, through its own `StripeClient` with an HTTP client on the store's wire."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

import stripe
from stripe.params import CustomerCreateParams, CustomerUpdateParams

from webstore.errors import (
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
    SearchUnavailable,
    StateUnavailable,
)
from webstore.models import Account, Creation, Customer, CustomerDraft, CustomerPage
from webstore.ports import State

from .wire import Wire, WireError

log = logging.getLogger(__name__)
T = TypeVar("T")

#: How far listings are read before they count as too long, in pages of 100.
MAX_PAGES = 5
_ACCOUNT_KEPT_S = 30 * 24 * 3600.0


class WireHTTPClient(stripe.HTTPClient):
    """Stripe's SDK on the store's wire."""

    name = "webstore"

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # the SDK's own type: text, bytes or None
        **_: object,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """See `stripe.HTTPClient.request`."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            answer = self._wire.send(method.upper(), url, list((headers or {}).items()), body)
        except WireError as exc:
            raise stripe.APIConnectionError(str(exc)) from exc  # type: ignore[no-untyped-call]  # the SDK leaves this constructor untyped
        return answer.body, answer.status, answer.headers

    def close(self) -> None:
        """Nothing to close: the wire outlives the client."""


class StripePayments:
    """Customers of one account, in the mode of the key."""

    def __init__(self, wire: Wire, state: State, *, api_key: str, api_base: str, account_key: str) -> None:
        """`account_key`: where the shared state keeps the key's account (derived from the key)."""
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base},
            http_client=WireHTTPClient(wire),
            max_network_retries=0,
        )
        self._livemode = "_live_" in api_key[:8]
        self._state, self._account_key = state, account_key
        self._account: Account | None = None

    def account(self) -> Account:
        """https://docs.stripe.com/api/accounts/retrieve, read once, then kept by process and state."""
        if self._account is None:
            self._account = self._stored_account() or self._read_account()
        return self._account

    def _stored_account(self) -> Account | None:
        with suppress(StateUnavailable):
            stored = self._state.get(self._account_key)
            if stored:
                return Account(stored, self._livemode)
        return None

    def _read_account(self) -> Account:
        try:
            account_id = _translated(lambda: _account_id(self._client.v1.accounts.retrieve_current()))
        except PaymentsRefused as exc:
            if isinstance(exc.__cause__, stripe.PermissionError):
                # A restricted key without "Account: read" can do everything else; only the pin is missing.
                log.warning("the Stripe key may not read its own account; links are recorded without it")
                return Account(None, self._livemode)
            raise
        with suppress(StateUnavailable):
            self._state.set(self._account_key, account_id, _ACCOUNT_KEPT_S)
        return Account(account_id, self._livemode)

    def get_customer(self, customer_id: str) -> Customer:
        """https://docs.stripe.com/api/customers/retrieve"""
        return _translated(lambda: _customer(self._client.v1.customers.retrieve(customer_id)))

    def create_customer(self, draft: CustomerDraft, idempotency_key: str) -> Creation:
        """https://docs.stripe.com/api/customers/create and https://docs.stripe.com/api/idempotent_requests"""
        params: CustomerCreateParams = {"metadata": dict(draft.metadata)}
        if draft.email:
            params["email"] = draft.email
        if draft.name:
            params["name"] = draft.name
        if draft.description:
            params["description"] = draft.description

        def create() -> Creation:
            made = self._client.v1.customers.create(params, {"idempotency_key": idempotency_key})
            response = made.last_response
            return Creation(_customer(made), _is_replay(response.headers if response else {}))

        return _translated(create)

    def update_customer(
        self, customer_id: str, draft: CustomerDraft, idempotency_key: str | None
    ) -> Customer:
        """https://docs.stripe.com/api/customers/update"""
        params: CustomerUpdateParams = {}
        if draft.email:
            params["email"] = draft.email
        if draft.name:
            params["name"] = draft.name
        if draft.metadata:
            params["metadata"] = dict(draft.metadata)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key} if idempotency_key else {}
        return _translated(lambda: _customer(self._client.v1.customers.update(customer_id, params, options)))

    def list_by_email(self, email: str) -> tuple[Customer, ...]:
        """https://docs.stripe.com/api/customers/list#list_customers-email"""
        return self._list({"email": email}).customers

    def list_created_since(self, since: float) -> CustomerPage:
        """https://docs.stripe.com/api/customers/list#list_customers-created"""
        return self._list({"created": {"gte": int(since)}})

    def search_by_owner(self, user_id: str) -> tuple[Customer, ...]:
        """https://docs.stripe.com/search#search-query-language"""
        quoted = user_id.replace("\\", "\\\\").replace('"', '\\"')
        query = f'metadata["auth0_user_id"]:"{quoted}"'
        try:
            return _translated(
                lambda: _page(self._client.v1.customers.search({"query": query, "limit": 100})).customers
            )
        except PaymentsRefused as exc:
            if isinstance(exc.__cause__, stripe.InvalidRequestError | stripe.PermissionError):
                raise SearchUnavailable(str(exc)) from exc
            raise

    def _list(self, params: dict[str, Any]) -> CustomerPage:
        found: list[Customer] = []
        for _ in range(MAX_PAGES):
            after = {"starting_after": found[-1].id} if found else {}
            page = self._one_page({**params, **after, "limit": 100})
            found.extend(page.customers)
            if page.complete or not page.customers:
                return CustomerPage(tuple(found), page.complete)
        return CustomerPage(tuple(found), complete=False)

    def _one_page(self, params: Any) -> CustomerPage:  # the SDK's own type; built of parts here
        return _translated(lambda: _page(self._client.v1.customers.list(params)))


def _page(
    found: stripe.ListObject[stripe.Customer] | stripe.SearchResultObject[stripe.Customer],
) -> CustomerPage:
    # What is annotated is not what has been checked: the SDK takes whatever the answer holds.
    has_more: object = found.has_more
    items: object = found.data
    if not isinstance(items, list) or not isinstance(has_more, bool):
        raise TypeError("no page of a list")
    return CustomerPage(tuple(_customer(item) for item in items), complete=not has_more)


def _customer(found: stripe.Customer) -> Customer:
    """https://docs.stripe.com/api/customers/object"""
    if getattr(found, "deleted", False):
        return Customer(id=_text(found.id), deleted=True)
    metadata: dict[str, str] = found.metadata.to_dict() if found.metadata else {}
    return Customer(
        id=_text(found.id),
        email=found.email or None,
        name=found.name or None,
        description=found.description or None,
        created=float(found.created),
        owner=metadata.get("auth0_user_id") or None,
        tenant=metadata.get("auth0_tenant") or None,
        replaces=metadata.get("replaces") or None,
        generation=_generation(metadata.get("link_generation")),
    )


def _account_id(found: stripe.Account) -> str:
    if getattr(found, "object", "account") != "account":
        raise TypeError("no account")
    return _text(found.id)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text where an ID should be")
    return value


def _is_replay(headers: Mapping[str, str]) -> bool:
    return headers.get("idempotent-replayed") == "true"


def _generation(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def _translated(send: Callable[[], T]) -> T:
    """Make the call, read its answer, and turn Stripe's errors into the store's.

    Source: https://docs.stripe.com/api/errors
    """
    try:
        return send()
    except stripe.StripeError as exc:
        _raise_translated(exc)
    except (ValueError, AttributeError, KeyError, TypeError) as exc:
        raise PaymentsUnavailable(f"malformed answer ({type(exc).__name__})") from exc


def _raise_translated(exc: stripe.StripeError) -> NoReturn:
    status, request_id = exc.http_status, exc.request_id or "-"
    seen = f"Stripe answered {status} {exc.code or ''} (request {request_id})"
    replayed = _is_replay(exc.headers or {})
    if status is not None and status >= 500:
        raise PaymentsFailed(seen, replayed=replayed) from exc
    if isinstance(exc, stripe.APIConnectionError):
        raise PaymentsUnavailable(exc.user_message or "no answer") from exc
    if isinstance(exc, stripe.IdempotencyError):
        raise KeyReused(seen) from exc
    if status == 409:
        raise KeyInFlight(seen) from exc
    if isinstance(exc, stripe.RateLimitError):
        raise PaymentsUnavailable(seen) from exc
    if isinstance(exc, stripe.InvalidRequestError):
        _raise_invalid_request(exc, seen, replayed=replayed)
    if isinstance(exc, stripe.AuthenticationError | stripe.PermissionError) or status == 402:
        raise PaymentsRefused(seen) from exc
    raise PaymentsUnavailable(seen) from exc


def _raise_invalid_request(exc: stripe.InvalidRequestError, seen: str, *, replayed: bool) -> NoReturn:
    if exc.code == "resource_missing":
        raise NoSuchCustomer(
            seen, other_mode="a similar object exists in" in (exc.user_message or "")
        ) from exc
    if exc.param == "email":
        raise EmailRefused(seen, replayed=replayed) from exc
    error: PaymentsError = PaymentsRefused(seen)
    raise error from exc
