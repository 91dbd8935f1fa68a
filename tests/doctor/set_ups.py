"""Set-ups that are broken in one place, and what the doctor has to say about each: that, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port
from tests.redis_server import running_redis
from tests.support import OTHER_KEY, RESTRICTED_KEY, put_file_at, until
from webstore import create_app
from webstore.sandbox.auth0.actions import Action
from webstore.settings import Settings

from .clinic import Clinic

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Break = Callable[[Clinic], AbstractContextManager[None]]
#: The form of the secret that `stripe listen` prints.
CLI_SECRET = f"whsec_{'0123456789abcdef' * 4}"
NOWHERE = "127.0.0.1:1"
FAILURE, WARNING = "failure", "warning"


@contextmanager
def _missing_scope(clinic: Clinic, scope: str) -> Iterator[None]:
    scopes = [it for it in clinic.tenant.settings.management_scopes if it != scope]
    with clinic.vendor_settings(clinic.tenant.settings, management_scopes=scopes):
        yield


@contextmanager
def _no_grant(clinic: Clinic) -> Iterator[None]:
    (grant,) = [
        it for it in clinic.tenant.grants.all() if it["audience"] == clinic.tenant.config.management_audience
    ]
    clinic.tenant.grants.remove(grant["id"])
    try:
        yield
    finally:
        clinic.tenant.grants.put(grant["id"], grant)


@contextmanager
def _denied(clinic: Clinic, *permissions: str) -> Iterator[None]:
    settings = clinic.shop.sandbox.stripe.state.settings
    with (
        clinic.vendor_settings(settings, denied_permissions=list(permissions)),
        _everywhere(clinic, STRIPE_SECRET_KEY=RESTRICTED_KEY),
    ):
        yield


@contextmanager
def _everywhere(clinic: Clinic, **settings: str) -> Iterator[None]:
    """Change settings of the command and of the running store."""
    environment = {**clinic.shop.environment, **settings}
    app = create_app(Settings.from_env(environment))
    try:
        with clinic.set(**settings), clinic.instead(clinic.shop.server, lambda _: app):
            yield
    finally:
        app.extensions["webstore"].close()


@contextmanager
def _nothing_for_sale(clinic: Clinic) -> Iterator[None]:
    prices = clinic.world.prices
    before = list(prices)
    for price in before:
        prices.change(replace(price, active=False))
    try:
        yield
    finally:
        for price in before:
            prices.change(price)


@contextmanager
def _refused_deliveries(clinic: Clinic) -> Iterator[None]:
    """The endpoint has another secret than the store, and something has happened since."""
    with clinic.endpoint(secret="whsec_of_another_endpoint"):
        made = clinic.shop.stripe("POST", "/customers", email="grace@example.com")
        clinic.shop.stripe("POST", f"/customers/{made['id']}", name="Grace")
        (event,) = [it for it in clinic.world.events.about(made["id"]) if it.type == "customer.updated"]
        until(lambda: bool(event.deliveries) and bool(event.deliveries[0].attempts))
        yield
    clinic.shop.sandbox.stripe.redeliver(event.id)
    until(lambda: event.pending_webhooks == 0)
    clinic.shop.stripe("DELETE", f"/customers/{made['id']}")


@contextmanager
def _redis(clinic: Clinic, *options: str) -> Iterator[None]:
    folder = Path(clinic.shop.environment["STATE_DIR"]).parent
    with running_redis(folder, *options) as server, _everywhere(clinic, REDIS_URL=server.url):
        yield


@contextmanager
def _blocked_folder(clinic: Clinic) -> Iterator[None]:
    blocked = Path(clinic.shop.environment["STATE_DIR"]).parent / "blocked"
    with _everywhere(clinic, STATE_DIR=str(blocked)):
        put_file_at(blocked)
        yield
    blocked.unlink()


@contextmanager
def _two_machines(clinic: Clinic) -> Iterator[None]:
    other = Path(clinic.shop.environment["STATE_DIR"]).parent / "other-machine"
    app = create_app(Settings.from_env({**clinic.shop.environment, "STATE_DIR": str(other)}))
    try:
        with clinic.instead(clinic.shop.server, lambda own: _in_turn(own, app)):
            yield
    finally:
        app.extensions["webstore"].close()


def _in_turn(*apps: WSGIApplication) -> WSGIApplication:
    """A load balancer, which keeps a connection at one machine."""
    turns = itertools.cycle(apps)
    machines: dict[str, WSGIApplication] = {}

    def balanced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        port = environ["REMOTE_PORT"]
        if port not in machines:
            machines[port] = next(turns)
        return machines[port](environ, start_response)

    return balanced


def _proxy(clinic: Clinic, **headers: str) -> AbstractContextManager[None]:
    """A proxy in front of the store, which sets these variables of the WSGI environment."""

    def proxied(app: WSGIApplication) -> WSGIApplication:
        def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ.update(headers)
            return app(environ, start_response)

        return serve

    return clinic.instead(clinic.shop.server, proxied)


def _bad_gateway(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("502 Bad Gateway", [("Content-Type", "text/html")])
    return [b"<h1>502 Bad Gateway</h1>"]


@contextmanager
def _auth0_answers(clinic: Clinic, path: str, status: int, body: object) -> Iterator[None]:
    control = clinic.shop.sandbox.auth0.control
    control.add_fault(action="status", status=status, path=path, body=body, times=None)
    try:
        yield
    finally:
        control.clear_faults()


def _at_stripe(clinic: Clinic, **settings: object) -> AbstractContextManager[None]:
    return clinic.vendor_settings(clinic.shop.sandbox.stripe.state.settings, **settings)


def _older(action: Action) -> Action:
    """The Action with the code of another release."""
    version = action.versions[-1]
    content = replace(version.content, code=version.content.code.replace("exports.", "// older\nexports."))
    return replace(action, draft=content, versions=(replace(version, content=content),))


@contextmanager
def _custom_domain(clinic: Clinic) -> Iterator[None]:
    """Shoppers log in under the tenant's custom domain, and AUTH0_MGMT_DOMAIN was forgotten."""
    domain = clinic.shop.environment["AUTH0_DOMAIN"].replace("127.0.0.1", "localhost")
    with (
        clinic.vendor_settings(clinic.tenant.settings, custom_domains=[domain]),
        _everywhere(clinic, AUTH0_DOMAIN=domain, AUTH0_ISSUER=f"http://{domain}/"),
    ):
        yield


@contextmanager
def _tax_not_set_up(clinic: Clinic) -> Iterator[None]:
    with _at_stripe(clinic, tax_settings="pending"), _everywhere(clinic, CHECKOUT_AUTOMATIC_TAX="1"):
        yield


BROKEN: dict[str, tuple[Break, dict[str, str]]] = {
    "a missing setting": (lambda it: it.set(AUTH0_CLIENT_SECRET=None), {"settings": FAILURE}),
    "an issuer without its slash": (
        lambda it: _everywhere(it, AUTH0_ISSUER=it.shop.environment["AUTH0_ISSUER"].rstrip("/")),
        {"issuer": FAILURE},
    ),
    "an unknown application": (
        lambda it: _everywhere(it, AUTH0_CLIENT_ID="nobodyKnowsThisApplication000000"),
        {"client-id": FAILURE},
    ),
    "a wrong client secret": (
        lambda it: _everywhere(it, AUTH0_CLIENT_SECRET="not-the-secret"),
        {"client-secret": FAILURE},
    ),
    "a callback that is not registered": (
        lambda it: it.application(callbacks=["https://other.example/callback"]),
        {"callback-url": FAILURE},
    ),
    "a logout URL that is not registered": (
        lambda it: it.application(allowed_logout_urls=[]),
        {"logout-url": FAILURE},
    ),
    # Nothing is wrong: Auth0 could not call a store on this machine.
    "no back-channel logout": (lambda it: it.application(oidc_logout={}), {}),
    "an application with HS256": (
        lambda it: it.application(jwt_configuration={"alg": "HS256"}),
        {"signing-algorithm": FAILURE},
    ),
    "an application without the grant type": (
        lambda it: it.application(grant_types=["implicit"]),
        {"grant-types": FAILURE},
    ),
    "an application without a secret": (
        lambda it: it.application(token_endpoint_auth_method="none"),
        {"token-endpoint-auth": FAILURE},
    ),
    "an application of another type": (
        lambda it: it.application(app_type="spa"),
        {"application-type": WARNING},
    ),
    "a custom domain as Management audience": (
        _custom_domain,
        {"management-domain": FAILURE},
    ),
    "a wrong secret of the Management application": (
        lambda it: _everywhere(it, AUTH0_MGMT_CLIENT_SECRET="not-the-secret"),
        {"management-token": FAILURE},
    ),
    "a Management application without a grant": (_no_grant, {"management-token": FAILURE}),
    "no right to update app_metadata": (
        lambda it: _missing_scope(it, "update:users_app_metadata"),
        {"management-scopes": FAILURE},
    ),
    "no right to delete users": (
        lambda it: _missing_scope(it, "delete:users"),
        {"management-scopes": WARNING},
    ),
    "an Action that is not deployed": (
        lambda it: it.action(lambda action: replace(action, versions=())),
        {"action": WARNING},
    ),
    "an Action that is not bound": (lambda it: it.unbound_action(), {"action": WARNING}),
    "an Action of another release": (lambda it: it.action(_older), {"action": WARNING}),
    "a revoked Stripe key": (
        lambda it: _everywhere(it, STRIPE_SECRET_KEY="sk_test_that_was_rolled"),
        {"stripe-key": FAILURE},
    ),
    "a key of another account": (
        lambda it: _everywhere(it, STRIPE_SECRET_KEY=OTHER_KEY),
        {"worlds": WARNING},
    ),
    "a restricted key without customers": (
        lambda it: _denied(it, "customer_read", "customer_write"),
        {"stripe-permissions": FAILURE},
    ),
    "a restricted key without credit notes": (
        lambda it: _denied(it, "credit_note_read"),
        {"stripe-permissions": FAILURE},
    ),
    "a restricted key that may not read its account": (
        lambda it: _denied(it, "account_read"),
        {"stripe-account": WARNING},
    ),
    "nothing for sale": (_nothing_for_sale, {"catalogue": WARNING}),
    "a provider that is down": (
        lambda it: _auth0_answers(it, "/.well-known/openid-configuration", 503, ""),
        {"discovery": FAILURE},
    ),
    "a domain where nobody answers": (
        lambda it: _everywhere(it, AUTH0_DOMAIN=NOWHERE, AUTH0_ISSUER=f"http://{NOWHERE}/"),
        {"discovery": FAILURE},
    ),
    "no key for RS256": (
        lambda it: _auth0_answers(it, "/.well-known/jwks.json", 200, {"keys": [{"kty": "EC"}]}),
        {"signing-keys": FAILURE},
    ),
    "Stripe out of reach": (
        lambda it: _everywhere(it, STRIPE_API_BASE=f"http://{NOWHERE}"),
        {"stripe-key": FAILURE},
    ),
    "a shipping rate that does not exist": (
        lambda it: _everywhere(it, CHECKOUT_SHIPPING_RATES="shr_gone"),
        {"shipping-rates": FAILURE},
    ),
    "Stripe Tax that is not set up": (_tax_not_set_up, {"tax": FAILURE}),
    "a portal configuration that does not exist": (
        lambda it: _everywhere(it, STRIPE_PORTAL_CONFIGURATION="bpc_gone"),
        {"portal": WARNING},
    ),
    "the webhook secret of the CLI": (
        lambda it: _everywhere(it, STRIPE_WEBHOOK_SECRET=CLI_SECRET),
        {"webhook-secret": FAILURE},
    ),
    "no webhook secret": (
        lambda it: _everywhere(it, STRIPE_WEBHOOK_SECRET=""),
        {"webhook-secret": FAILURE},
    ),
    "the webhook secret of another endpoint": (_refused_deliveries, {"webhook-deliveries": WARNING}),
    "thin events": (lambda it: it.endpoint(thin=True), {"webhook-payload": WARNING}),
    "no webhook endpoint": (lambda it: it.endpoint(deleted=True), {"webhook-endpoint": FAILURE}),
    "a webhook endpoint at another path": (
        lambda it: it.endpoint(url=f"{it.shop.url}/webhook"),
        {"webhook-endpoint": FAILURE},
    ),
    "a disabled webhook endpoint": (lambda it: it.endpoint(disabled=True), {"webhook-endpoint": FAILURE}),
    "a webhook endpoint for connected accounts": (
        lambda it: it.endpoint(connect=True),
        {"webhook-endpoint": FAILURE},
    ),
    "too few events": (
        lambda it: it.endpoint(enabled_events=["checkout.session.completed"]),
        {"webhook-events": WARNING},
    ),
    "events of an old version": (
        lambda it: it.endpoint(api_version="2024-06-20"),
        {"webhook-version": WARNING},
    ),
    "a clock that is minutes wrong": (
        lambda it: _at_stripe(it, date_ahead_s=-300.0),
        {"clock": FAILURE},
    ),
    "a clock that is seconds wrong": (lambda it: _at_stripe(it, date_ahead_s=20.0), {"clock": WARNING}),
    "a weak APP_SECRET_KEY": (
        lambda it: _everywhere(it, APP_SECRET_KEY="webstore" * 5),
        {"secret-key": WARNING},
    ),
    "a Redis that evicts": (
        lambda it: _redis(it, "--maxmemory-policy", "allkeys-lru"),
        {"redis-eviction": FAILURE},
    ),
    "a Redis that does not run": (
        lambda it: _everywhere(it, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"),
        {"state": FAILURE},
    ),
    "a state folder that cannot be written": (_blocked_folder, {"state": FAILURE}),
    "two machines without Redis": (_two_machines, {"machines": FAILURE}),
    "a store that runs with another APP_SECRET_KEY": (
        lambda it: it.set(APP_SECRET_KEY="another-secret-that-is-long-enough-to-be-one"),
        {"store": FAILURE},
    ),
    "a store that was not restarted": (
        lambda it: it.set(LINK_SETTLE_S="5"),
        {"running-settings": WARNING},
    ),
    "a proxy in front of a dead store": (
        lambda it: it.instead(it.shop.server, lambda _: _bad_gateway),
        {"store": FAILURE},
    ),
    "a proxy that is not counted": (
        lambda it: _proxy(it, HTTP_X_FORWARDED_FOR="203.0.113.7"),
        {"proxy-hops": WARNING},
    ),
    "a proxy that is counted and does not exist": (
        lambda it: _everywhere(it, TRUSTED_PROXY_HOPS="1"),
        {"proxy-hops": WARNING},
    ),
    "a proxy that replaces the host": (
        lambda it: _proxy(it, HTTP_HOST="internal:8080"),
        {"proxy-host": WARNING},
    ),
}
