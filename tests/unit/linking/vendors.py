"""Both vendors in memory, one call at a time, for tests that interleave workers of the linking protocol.

It answers the protocol's calls as the vendors document them: idempotency keys that keep their first answer
for 24 hours, a search that lags, deleted customers, `app_metadata` that merges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes import as_recorded, written
from webstore.errors import (
    DirectoryUnavailable,
    EmailRefused,
    KeyReused,
    NoSuchCustomer,
    PaymentsError,
    PaymentsFailed,
    PaymentsUnavailable,
    SearchUnavailable,
    UserGone,
)
from webstore.linking import models, worlds
from webstore.linking.calls import (
    Call,
    CreateCustomer,
    GetCustomer,
    ListByEmail,
    ListCreatedSince,
    ListRunning,
    NoteFailure,
    Pause,
    ReadAccount,
    ReadBoth,
    ReadUser,
    RecordLink,
    SearchByEmail,
    SearchByOwner,
    UpdateCustomer,
)
from webstore.linking.models import Account, Creation, Customer, CustomerDraft, CustomerPage, User

KEY_LIFETIME_S = 24 * 3600.0


@dataclass
class Stored:
    """The request and the answer that are kept under an idempotency key."""

    params: object
    at: float
    customer_id: str | None  # None: the stored answer is a 500


@dataclass
class Vendors:
    """The tenant and the account."""

    now: float = 1_800_000_000.0
    tenant: str = "shop.eu.auth0.com"
    account: Account = field(default_factory=lambda: Account("acct_1", livemode=False))
    users: dict[str, User] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    keys: dict[str, Stored] = field(default_factory=dict)
    #: Subscriptions that have not ended, by customer.
    running: dict[str, tuple[str, ...]] = field(default_factory=dict)
    search_lag_s: float = 60.0
    search_missing: bool = False
    late: list[tuple[float, Customer]] = field(default_factory=list)
    made: int = 0
    #: What the IDs of this account's customers begin with.
    ids: str = "cus_"
    #: The same account in the other mode.
    other_mode: Vendors | None = None
    #: Every call answered, for counting.
    calls: list[Call[Any]] = field(default_factory=list)
    _indexed: list[tuple[float, Customer]] = field(default_factory=list)

    def advance(self, seconds: float) -> None:
        """Move time on. Late effects whose time has come appear."""
        self.now += seconds
        for at, customer in [pair for pair in self.late if pair[0] <= self.now]:
            self.late.remove((at, customer))
            self.put(customer, at)

    def put(self, customer: Customer, at: float | None = None) -> None:
        """Create or change a customer, now or at an earlier moment. Search sees it later."""
        self.customers[customer.id] = customer
        self._indexed.append(((self.now if at is None else at) + self.search_lag_s, customer))

    def delete(self, customer_id: str) -> None:
        """Delete on the dashboard."""
        self.put(Customer(customer_id, deleted=True))

    def owned_by(self, user_id: str) -> list[Customer]:
        """Living customers that name the user."""
        return [c for c in self.customers.values() if c.owner == user_id and not c.deleted]

    def answer(self, call: Call[Any], fault: str | None = None) -> object:
        """The vendors' answer; errors are raised. `fault`: one of `FAULTS` in test_protocol_machine."""
        self.calls.append(call)
        on_directory = isinstance(call, ReadUser | RecordLink | NoteFailure)
        if isinstance(call, Pause):
            return None
        if isinstance(call, ReadBoth):
            user = self.answer(ReadUser(call.user_id), fault)
            if call.customer_id is None:
                return user, None
            try:
                return user, self.answer(GetCustomer(call.customer_id))
            except PaymentsError as exc:
                return user, exc
        lost: Exception = DirectoryUnavailable("lost") if on_directory else PaymentsUnavailable("lost")
        if fault == "before":
            raise lost
        if isinstance(call, CreateCustomer):
            answer: object = self._create(call, fault)
        elif isinstance(call, UpdateCustomer):
            answer = self._update(call.customer_id, call.draft, call.key, fault)
        else:
            answer = self._simple(call)
        if fault == "after":
            raise lost
        return answer

    def _simple(self, call: Call[Any]) -> object:
        match call:
            case ReadUser(user_id):
                return self._user(user_id)
            case RecordLink():
                self.patch(call.user_id, worlds.metadata_of(call))
            case NoteFailure(user_id, at, which, suffix):
                self.patch(user_id, {models.FAILED_AT + suffix: at, models.FAILED_TRY + suffix: which})
            case ReadAccount(_):
                return self.account
            case GetCustomer(customer_id):
                return self._customer(customer_id)
            case ListByEmail(email):
                return tuple(c for c in self.customers.values() if c.email == email and not c.deleted)
            case ListRunning(customer_id):
                return self.running.get(customer_id, ())
            case SearchByOwner(user_id):
                return self._search(lambda it: it.owner == user_id)
            case SearchByEmail(email):
                return self._search(lambda it: (it.email or "").casefold() == email.casefold())
            case ListCreatedSince(since):
                found = tuple(c for c in self.customers.values() if c.created >= since and not c.deleted)
                return CustomerPage(found, complete=True)
            case _:
                raise TypeError(call)
        return None

    def _user(self, user_id: str) -> User:
        if user_id not in self.users:
            raise UserGone("gone")
        return as_recorded(self.users[user_id])

    def patch(self, user_id: str, changes: Mapping[str, object]) -> None:
        """Write root keys of `app_metadata`; None removes a key."""
        self.users[user_id] = written(self._user(user_id), changes)

    def _customer(self, customer_id: str) -> Customer:
        if customer_id not in self.customers:
            there = self.other_mode is not None and customer_id in self.other_mode.customers
            raise NoSuchCustomer("resource_missing", other_mode=there)
        return self.customers[customer_id]

    def _search(self, fits: Callable[[Customer], bool]) -> tuple[Customer, ...]:
        if self.search_missing:
            raise SearchUnavailable("no search here")
        seen: dict[str, Customer] = {}
        for at, customer in self._indexed:
            if at <= self.now:
                seen[customer.id] = customer
        return tuple(c for c in seen.values() if fits(c))

    def _stored(self, key: str) -> Stored | None:
        stored = self.keys.get(key)
        return stored if stored and self.now - stored.at < KEY_LIFETIME_S else None

    def _create(self, call: CreateCustomer, fault: str | None) -> Creation:
        draft, stored = call.draft, self._stored(call.key)
        if draft.email and draft.email.startswith("refused"):
            raise EmailRefused("email_invalid")
        params = (draft.email, draft.name, draft.description, tuple(sorted(draft.metadata.items())))
        if stored is not None:
            if stored.params != params:
                raise KeyReused("other parameters")
            if stored.customer_id is None:
                raise PaymentsFailed("500", replayed=True)
            return Creation(Customer(stored.customer_id, created=self.now), replayed=True)
        self.made += 1
        customer = _made(f"{self.ids}{self.made}", draft, self.now)
        if fault in ("500", "500 late", "500 effect"):
            self.keys[call.key] = Stored(params, self.now, None)
            if fault == "500 late":
                self.late.append((self.now + 300, customer))
            if fault == "500 effect":
                self.put(customer)
            raise PaymentsFailed("500")
        self.keys[call.key] = Stored(params, self.now, customer.id)
        self.put(customer)
        return Creation(customer, replayed=False)

    def _update(self, customer_id: str, draft: CustomerDraft, key: str | None, fault: str | None) -> Customer:
        customer = self._customer(customer_id)
        if customer.deleted:
            raise NoSuchCustomer("resource_missing")
        params = (customer_id, draft.email, draft.name, tuple(sorted(draft.metadata.items())))
        if draft.email and draft.email.startswith("refused"):
            raise EmailRefused("email_invalid")
        stored = self._stored(key) if key else None
        if stored is not None:
            if stored.params != params:
                raise KeyReused("other parameters")
            if stored.customer_id is None:
                raise PaymentsFailed("500", replayed=True)
            return customer
        fails = fault in ("500", "500 late", "500 effect")
        if key:
            self.keys[key] = Stored(params, self.now, None if fails else customer_id)
        if fails and fault != "500 effect":
            raise PaymentsFailed("500")
        changed = replace(
            customer,
            email=draft.email or customer.email,
            name=draft.name or customer.name,
            owner=draft.metadata.get("auth0_user_id", customer.owner) or None,
            tenant=draft.metadata.get("auth0_tenant", customer.tenant) or None,
        )
        self.put(changed)
        if fails:
            raise PaymentsFailed("500")
        return changed


def _made(customer_id: str, draft: CustomerDraft, now: float) -> Customer:
    return Customer(
        customer_id,
        email=draft.email,
        name=draft.name,
        description=draft.description,
        created=now,
        owner=draft.metadata["auth0_user_id"],
        tenant=draft.metadata["auth0_tenant"],
        generation=int(draft.metadata["link_generation"]),
    )
