"""Routes of the API, which each resource's file lists, and the call that an endpoint receives."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.state import State, World

# The resources of the real API by the first path segment after /v1/, from the list in the API reference:
# https://docs.stripe.com/api
KNOWN_RESOURCES = frozenset(
    """
    account account_links account_sessions accounts apple_pay application_fees apps balance
    balance_settings balance_transactions billing billing_portal charges checkout climate
    confirmation_tokens country_specs coupons credit_notes customer_sessions customers disputes
    entitlements ephemeral_keys events exchange_rates file_links files financial_connections forwarding
    identity invoice_payments invoice_rendering_templates invoiceitems invoices issuing link_account_sessions
    linked_accounts mandates payment_attempt_records payment_intents payment_links
    payment_method_configurations payment_method_domains payment_methods payment_records payouts plans
    prices product_catalog products promotion_codes quotes radar refunds reporting reviews setup_attempts
    setup_intents shipping_rates sigma sources subscription_items subscription_schedules subscriptions tax
    tax_codes tax_ids tax_rates terminal test_helpers tokens topups transfers treasury webhook_endpoints
    """.split()  # noqa: SIM905 (a list would take seventy lines)
)


@dataclass(frozen=True, slots=True)
class Call:
    """One API request as an endpoint receives it, with checked parameters.

    `now` is in Unix seconds of the sandbox's clock. `ids` are the variable parts of the path.
    """

    state: State
    world: World
    now: float
    path: str
    ids: tuple[str, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None


Endpoint = Callable[[Call], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of the API with its endpoint.

    `path` has `{}` for each ID. `permission` is the permission that a restricted key needs.
    """

    method: str
    path: str
    endpoint: Endpoint
    permission: str
    schema: params.Schema = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The IDs in a percent-encoded path, or None when this route does not answer the path."""
        ours, theirs = self.path.split("/"), path.split("/")
        if self.method != method or len(ours) != len(theirs):
            return None
        pairs = list(zip(ours, theirs, strict=True))
        if any(their == "" or our not in ("{}", their) for our, their in pairs[1:]):
            return None
        return tuple(unquote(their) for our, their in pairs if our == "{}")

    def check(self, given: Mapping[str, Value]) -> dict[str, object]:
        """Check the parameters and return them. Raises StripeError."""
        return params.check_all(given, self.schema, required=self.required)


def find(routes: Iterable[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The first route that answers a request, with the IDs in the path; None when no route does."""
    for route in routes:
        ids = route.match(method, path)
        if ids is not None:
            return route, ids
    return None


def expandable(*names: str, within: str = "") -> params.Check:
    """The check for the parameter `expand`, which may name these properties (in lists below `within`).

    Source: https://docs.stripe.com/api/expanding_objects
    """
    allowed = {within + name for name in names}

    def check(value: Value, name: str) -> list[str]:
        wanted = cast(list[str], params.list_of(params.exact_text)(value, name))
        for item in wanted:
            if item not in allowed:
                raise StripeError(400, f"This property cannot be expanded ({item}).", param=name)
        return [item.removeprefix(within) for item in wanted]

    return check
