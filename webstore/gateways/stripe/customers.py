"""Creates, reads and finds Stripe customers, and reads the account of the API key."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import stripe

from webstore.errors import NoSuchCustomer, PaymentsRefused, SearchUnavailable, StateUnavailable
from webstore.gateways.single_flight import SingleFlight
from webstore.linking.models import Account, Creation, Customer, CustomerDraft, CustomerPage
from webstore.state import State

from .client import is_replay, moment, text, translated

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params import CustomerCreateParams, CustomerUpdateParams

log = logging.getLogger(__name__)

#: Maximum number of pages that are read of a list, of 100 customers each.
MAX_PAGES = 5
#: Statuses of subscriptions that are over: https://docs.stripe.com/billing/subscriptions/overview
ENDED = ("canceled", "incomplete_expired")
#: Seconds for which the state keeps the account of the API key.
_ACCOUNT_KEPT_S = 30 * 24 * 3600.0


class StripePayments:
    """The customers of the API key's account, in the key's mode (live or test)."""

    def __init__(
        self, client: stripe.StripeClient, state: State, *, livemode: bool, account_key: str
    ) -> None:
        """`livemode`: the mode of the API key. `account_key`: the key of the account ID in the state."""
        self._client, self._livemode = client, livemode
        self._state, self._account_key = state, account_key
        self._flight = SingleFlight[Account]()
        self._account: Account | None = None

    def account(self) -> Account:
        """The account of the API key. It is read once, then kept in memory and in the state.

        Raises `PaymentsError`. Source: https://docs.stripe.com/api/accounts/retrieve
        """
        if self._account is None:
            self._account = self._flight.run(lambda: self._stored_account() or self._read_account())
        return self._account

    def known_account(self) -> Account:
        """The account of the API key, if this process has read it already; makes no call."""
        return self._account or Account(None, self._livemode)

    def _stored_account(self) -> Account | None:
        with suppress(StateUnavailable):
            stored = self._state.get(self._account_key)
            if stored and re.fullmatch(r"acct_\w+", stored):
                return Account(stored, self._livemode)
        return None

    def _read_account(self) -> Account:
        """Read the account from Stripe and store its ID in the state."""
        try:
            account_id = translated(lambda: _account_id(self._client.v1.accounts.retrieve_current()))
        except (PaymentsRefused, NoSuchCustomer) as exc:
            cause = exc.__cause__
            if isinstance(cause, stripe.StripeError) and cause.http_status in (403, 404):
                # Everything else works with a restricted key without "Account: read".
                log.warning("the Stripe key may not read its own account; links are recorded without it")
                return Account(None, self._livemode)
            raise
        with suppress(StateUnavailable):
            self._state.set(self._account_key, account_id, _ACCOUNT_KEPT_S)
        return Account(account_id, self._livemode)

    def get_customer(self, customer_id: str) -> Customer:
        """Read a customer, also a deleted one. Raises `NoSuchCustomer` and other `PaymentsError`s.

        Source: https://docs.stripe.com/api/customers/retrieve
        """

        def read() -> Customer:
            found = self._client.v1.customers.retrieve(customer_id)
            return replace(_customer(found), raw=found.to_dict())

        return translated(read)

    def create_customer(self, draft: CustomerDraft, idempotency_key: str) -> Creation:
        """Create a customer. The result says if the answer was stored under the idempotency key.

        Raises `PaymentsError`.
        Sources: https://docs.stripe.com/api/customers/create and
        https://docs.stripe.com/api/idempotent_requests
        """
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
            return Creation(_customer(made), is_replay(response.headers if response else {}))

        return translated(create)

    def update_customer(
        self, customer_id: str, draft: CustomerDraft, idempotency_key: str | None
    ) -> Customer:
        """Update the customer's e-mail, name and metadata, those that the draft has. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/customers/update
        """
        params: CustomerUpdateParams = {}
        if draft.email:
            params["email"] = draft.email
        if draft.name:
            params["name"] = draft.name
        if draft.metadata:
            params["metadata"] = dict(draft.metadata)
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key} if idempotency_key else {}
        return translated(lambda: _customer(self._client.v1.customers.update(customer_id, params, options)))

    def list_by_email(self, email: str) -> tuple[Customer, ...]:
        """The customers with exactly this e-mail address, the newest first. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/customers/list#list_customers-email
        """
        return self._list({"email": email}).customers

    def list_created_since(self, since: float) -> CustomerPage:
        """The customers created at or after the Unix time `since`, the newest first. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/customers/list#list_customers-created
        """
        return self._list({"created": {"gte": int(since)}})

    def list_running(self, customer_id: str) -> tuple[str, ...]:
        """The IDs of the customer's subscriptions that have not ended, at most 100. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/subscriptions/list
        """
        listed = self._client.v1.subscriptions.list

        def running() -> tuple[str, ...]:
            found = listed({"customer": customer_id, "limit": 100}).data
            return tuple(text(it.id) for it in found if it.status not in ENDED)

        return translated(running)

    def search_by_owner(self, user_id: str) -> tuple[Customer, ...]:
        """Find the customers whose metadata names this user. Raises `SearchUnavailable`, `PaymentsError`.

        Source: https://docs.stripe.com/search#search-query-language
        """
        return self._search(f'metadata["auth0_user_id"]:{_quoted(user_id)}')

    def search_by_email(self, email: str) -> tuple[Customer, ...]:
        """Find the customers with this e-mail address in any case. Raises as `search_by_owner`.

        Source: https://docs.stripe.com/search#search-query-language
        """
        return self._search(f"email:{_quoted(email)}")

    def _search(self, query: str) -> tuple[Customer, ...]:
        try:
            return translated(
                lambda: _page(self._client.v1.customers.search({"query": query, "limit": 100})).customers
            )
        except (PaymentsRefused, NoSuchCustomer) as exc:
            if isinstance(exc.__cause__, stripe.InvalidRequestError | stripe.PermissionError):
                raise SearchUnavailable(str(exc)) from exc
            raise

    def _list(self, params: dict[str, Any]) -> CustomerPage:
        """The customers on the first `MAX_PAGES` pages of a list."""
        found: list[Customer] = []
        for _ in range(MAX_PAGES):
            after = {"starting_after": found[-1].id} if found else {}
            page = self._one_page({**params, **after, "limit": 100})
            found.extend(page.customers)
            if page.complete or not page.customers:
                return CustomerPage(tuple(found), page.complete)
        return CustomerPage(tuple(found), complete=False)

    def _one_page(self, params: Any) -> CustomerPage:  # the SDK's own type; the caller builds it from parts
        return translated(lambda: _page(self._client.v1.customers.list(params)))


def _quoted(value: str) -> str:
    """A value in a search query."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _page(
    found: stripe.ListObject[stripe.Customer] | stripe.SearchResultObject[stripe.Customer],
) -> CustomerPage:
    """Convert a page of a list or of search results."""
    # The SDK does not check answers against its annotations, so that is done here.
    has_more: object = found.has_more
    items: object = found.data
    if not isinstance(items, list) or not isinstance(has_more, bool):
        raise TypeError("the answer is not a page of a list")
    return CustomerPage(tuple(_customer(item) for item in items), complete=not has_more)


def _customer(found: stripe.Customer) -> Customer:
    """Convert Stripe's customer to the store's `Customer`.

    Source: https://docs.stripe.com/api/customers/object
    """
    if getattr(found, "deleted", False):
        return Customer(id=text(found.id), deleted=True)
    metadata: dict[str, str] = found.metadata.to_dict() if found.metadata else {}
    return Customer(
        id=text(found.id),
        email=getattr(found, "email", None) or None,
        name=getattr(found, "name", None) or None,
        description=getattr(found, "description", None) or None,
        # 0, long ago, if it is missing, as with users: it decides which of several customers comes first.
        created=moment(getattr(found, "created", 0)),
        owner=metadata.get("auth0_user_id") or None,
        tenant=metadata.get("auth0_tenant") or None,
        generation=generation_of(metadata.get("link_generation")),
    )


def _account_id(found: stripe.Account) -> str:
    if getattr(found, "object", "account") != "account":
        raise TypeError("the answer is not an account")
    return text(found.id)


def generation_of(text: str | None) -> int:
    """The number in the metadata `link_generation`; 0 if it is missing or malformed."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0
