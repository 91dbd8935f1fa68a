"""Opens Stripe's billing portal, with a configuration that the store makes for itself.

Without a configuration, Stripe refuses the portal until somebody saves its settings in the dashboard.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress

import stripe
from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    SessionCreateParams,
)

from webstore import deadline
from webstore.errors import (
    KeyInFlight,
    NoSuchCustomer,
    PaymentsRefused,
    PaymentsUnavailable,
    StateUnavailable,
)
from webstore.gateways.single_flight import SingleFlight
from webstore.state import State

from .client import is_replay, text, translated
from .embedded import Item, complete, page_of

log = logging.getLogger(__name__)

#: Metadata of the store's configurations. The version changes with the features below.
_VERSION_KEY, _VERSION = "webstore_portal", "1"
_STORE_KEY = "webstore_url"
#: Seconds for which the state keeps the configuration's ID.
_KEPT_S = 24 * 3600.0
#: Seconds to wait for another process that is making the configuration.
_PAUSE_S = 0.3


class StripePortals:
    """The billing portal of the API key's account, in the key's mode (live or test)."""

    def __init__(self, client: stripe.StripeClient, state: State, *, state_key: str, base_url: str) -> None:
        """`state_key`: the key of the configuration's ID in the state, one for each API key.

        `base_url`: the store's address, without a slash at the end. Each store has its own configuration.
        """
        self._client, self._state, self._state_key = client, state, state_key
        self._base_url = base_url
        self._flight = SingleFlight[str | None]()
        self._known: str | None = None

    def portal_url(self, customer_id: str, return_url: str) -> str:
        """Make a billing portal session for the customer and return its URL. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/customer_portal/sessions/create
        """
        configuration = self._configuration()
        try:
            return self._open(customer_id, return_url, configuration)
        except (NoSuchCustomer, PaymentsRefused) as exc:
            if configuration is None or getattr(exc.__cause__, "param", None) != "configuration":
                raise
            log.warning("the portal configuration %s cannot be used any more: %s", configuration, exc)
        self._forget(configuration)
        return self._open(customer_id, return_url, self._configuration())

    def _open(self, customer_id: str, return_url: str, configuration: str | None) -> str:
        params: SessionCreateParams = {"customer": customer_id, "return_url": return_url}
        if configuration is not None:
            params["configuration"] = configuration
        return translated(lambda: text(self._client.v1.billing_portal.sessions.create(params).url))

    def _configuration(self) -> str | None:
        """The ID of the store's configuration. None if there is none: Stripe then uses the account's default.

        Raises `PaymentsUnavailable`.
        """
        if self._known is None:
            self._known = self._flight.run(lambda: self._stored() or self._found_or_made())
        return self._known

    def _stored(self) -> str | None:
        with suppress(StateUnavailable):
            return self._state.get(self._state_key) or None
        return None

    def _forget(self, configuration: str) -> None:
        """Forget a configuration that cannot be used, unless another thread has replaced it already."""
        if self._known == configuration:
            self._known = None
        with suppress(StateUnavailable):
            if self._state.get(self._state_key) == configuration:
                self._state.delete(self._state_key)

    def _found_or_made(self) -> str | None:
        """Find the store's configuration at Stripe, or make it. None if Stripe refuses that."""
        try:
            configuration = self._oldest() or self._made()
        except PaymentsRefused as exc:
            cause = str(exc)
        else:
            with suppress(StateUnavailable):
                self._state.set(self._state_key, configuration, _KEPT_S)
            return configuration
        log.error(
            "the store's own portal configuration can be neither found nor made, so the account's default "
            "one is used; a restricted key needs the permission to write the customer portal: %s",
            cause,
        )
        return None

    def _oldest(self) -> str | None:
        """The store's oldest active configuration, so that all processes choose the same one.

        Source: https://docs.stripe.com/api/customer_portal/configurations/list
        """

        def page(after: str | None) -> tuple[list[Item], bool]:
            params: ConfigurationListParams = {"active": True, "limit": 100}
            if after:
                params["starting_after"] = after
            return page_of(self._client.v1.billing_portal.configurations.list(params))

        def listed() -> str | None:
            wanted = self._metadata().items()
            own = [
                (it.get("created") or 0, text(it.get("id")))
                for it in complete({"has_more": True}, page)
                if it.get("active") is True and wanted <= (it.get("metadata") or {}).items()
            ]
            return min(own)[1] if own else None

        return translated(listed)

    def _made(self) -> str:
        """Make the store's configuration. Two processes that do this at once make only one.

        Raises `PaymentsRefused` and `PaymentsUnavailable`.
        """
        instead_of = ""
        for _ in range(2):
            try:
                made, replayed = self._create(instead_of)
            except KeyInFlight as exc:
                deadline.sleep(_PAUSE_S)
                found = self._oldest()
                if found is None:
                    raise PaymentsUnavailable("another process is making the portal configuration") from exc
                return found
            if not replayed:
                return made
            # Another process made it, or it was made within the last day and switched off since.
            found = self._oldest()
            if found is not None:
                return found
            instead_of = made
        raise PaymentsUnavailable("the portal configuration could not be made")

    def _create(self, instead_of: str) -> tuple[str, bool]:
        """Create a configuration. The bool: whether the answer was stored under the idempotency key.

        `instead_of`: the ID of one that was switched off, for another idempotency key.
        Sources: https://docs.stripe.com/api/customer_portal/configurations/create and
        https://docs.stripe.com/api/idempotent_requests
        """
        params = configuration_params(self._base_url, self._metadata())
        said = json.dumps([params, instead_of], sort_keys=True)
        key = f"webstore-portal-{hashlib.sha256(said.encode()).hexdigest()}"

        def create() -> tuple[str, bool]:
            made = self._client.v1.billing_portal.configurations.create(params, {"idempotency_key": key})
            response = made.last_response
            return text(made.id), is_replay(response.headers if response else {})

        try:
            return translated(create)
        except NoSuchCustomer as exc:
            raise PaymentsRefused(str(exc)) from exc

    def _metadata(self) -> dict[str, str]:
        return {_VERSION_KEY: _VERSION, _STORE_KEY: self._base_url}


def configuration_params(base_url: str, metadata: dict[str, str]) -> ConfigurationCreateParams:
    """The parameters of the store's configuration: what shoppers can do in the portal.

    Name and e-mail address come from the user directory, so they cannot be changed there.
    Source: https://docs.stripe.com/api/customer_portal/configurations/create
    """
    params: ConfigurationCreateParams = {
        "default_return_url": f"{base_url}/account",
        "features": {
            "customer_update": {
                "enabled": True,
                "allowed_updates": ["address", "phone", "shipping", "tax_id"],
            },
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": {
                "enabled": True,
                "mode": "at_period_end",
                "cancellation_reason": {
                    "enabled": True,
                    "options": [
                        "too_expensive",
                        "missing_features",
                        "switched_service",
                        "unused",
                        "customer_service",
                        "too_complex",
                        "low_quality",
                        "other",
                    ],
                },
            },
        },
        "metadata": metadata,
    }
    if base_url.startswith("https://"):
        # Stripe takes only public pages.
        params["business_profile"] = {
            "privacy_policy_url": f"{base_url}/privacy",
            "terms_of_service_url": f"{base_url}/terms",
        }
    return params
