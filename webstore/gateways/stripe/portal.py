"""Opens Stripe's billing portal, with the configuration of the settings or with the store's own.

Without a configuration, Stripe refuses the portal until somebody saves its settings in the dashboard.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import stripe

from webstore.errors import NoSuchCustomer, PaymentsRefused, StateUnavailable
from webstore.gateways.single_flight import SingleFlight
from webstore.state import State

from .client import text, translated
from .portal_configurations import PortalConfigurations

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params.billing_portal import SessionCreateParams

log = logging.getLogger(__name__)

#: Seconds for which the state keeps the configuration's ID.
_KEPT_S = 24 * 3600.0


class StripePortals:
    """The billing portal of the API key's account, in the key's mode (live or test)."""

    def __init__(
        self,
        client: stripe.StripeClient,
        state: State,
        *,
        state_key: str,
        base_url: str,
        configuration: str | None = None,
    ) -> None:
        """`state_key`: the key of the configuration's ID in the state, one for each API key.

        `base_url`: the store's address, without a slash at the end. Each store has its own configuration.
        `configuration`: the ID of the one to use, if the operator chose it.
        """
        self._client, self._state, self._state_key = client, state, state_key
        self._configurations = PortalConfigurations(client, base_url)
        self._chosen = configuration
        self._flight = SingleFlight[str | None]()
        self._known = configuration

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
            if configuration == self._chosen:
                log.error(  # noqa: TRY400  # the message says it all
                    "STRIPE_PORTAL_CONFIGURATION=%s cannot be used; the store uses its own: %s",
                    configuration,
                    exc,
                )
            else:
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
            configuration = self._configurations.oldest() or self._configurations.make()
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
