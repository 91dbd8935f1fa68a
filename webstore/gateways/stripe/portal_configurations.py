"""The store's own configuration of Stripe's billing portal: found again by its metadata, or made."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import stripe

from webstore import deadline
from webstore.errors import KeyInFlight, NoSuchCustomer, PaymentsRefused, PaymentsUnavailable

from .client import is_replay, text, translated
from .embedded import Item, complete, page_of

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params.billing_portal import ConfigurationCreateParams, ConfigurationListParams

#: Metadata of the store's configurations. The version changes with the features below.
_VERSION_KEY, _VERSION = "webstore_portal", "1"
_STORE_KEY = "webstore_url"
#: Seconds to wait for another process that is making the configuration.
_PAUSE_S = 0.3


class PortalConfigurations:
    """The configurations of the portal in the API key's account and mode (live or test)."""

    def __init__(self, client: stripe.StripeClient, base_url: str) -> None:
        """`base_url`: the store's address, without a slash at the end. Each store has its own."""
        self._client, self._base_url = client, base_url

    def oldest(self) -> str | None:
        """The store's oldest active configuration, so that all processes choose the same one.

        Source: https://docs.stripe.com/api/customer_portal/configurations/list
        """

        def listed() -> str | None:
            wanted = self._metadata().items()
            own = [
                (it.get("created") or 0, text(it.get("id")))
                for it in self._active()
                if wanted <= (it.get("metadata") or {}).items()
            ]
            return min(own)[1] if own else None

        return translated(listed)

    def is_active(self, configuration_id: str) -> bool:
        """Whether a portal session can have this configuration. Raises `PaymentsError`."""
        return translated(lambda: any(it.get("id") == configuration_id for it in self._active()))

    def _active(self) -> list[Item]:
        def page(after: str | None) -> tuple[list[Item], bool]:
            params: ConfigurationListParams = {"active": True, "limit": 100}
            if after:
                params["starting_after"] = after
            return page_of(self._client.v1.billing_portal.configurations.list(params))

        return [it for it in complete({"has_more": True}, page) if it.get("active") is True]

    def make(self) -> str:
        """Make the store's configuration and return its ID. Two processes that do this at once make one.

        Raises `PaymentsRefused` and `PaymentsUnavailable`.
        """
        instead_of = ""
        for _ in range(2):
            try:
                made, replayed = self._create(instead_of)
            except KeyInFlight as exc:
                deadline.sleep(_PAUSE_S)
                found = self.oldest()
                if found is None:
                    raise PaymentsUnavailable("another process is making the portal configuration") from exc
                return found
            if not replayed:
                return made
            # Another process made it, or it was made within the last day and switched off since.
            found = self.oldest()
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
