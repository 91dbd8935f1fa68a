"""Puts the doctor's probes together: one wire for each service, and only what the settings allow to ask."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx

from webstore.composition import policy_of, shop_texts
from webstore.doctor.check import GROUPS, wrong_settings
from webstore.doctor.facts import (
    Expected,
    Facts,
    LoginFacts,
    SiteFacts,
    StateFacts,
    StripeAccount,
    StripeFacts,
    TenantFacts,
)
from webstore.doctor.gather import gather
from webstore.gateways.probes.asking import Asker
from webstore.gateways.probes.login import read_login
from webstore.gateways.probes.payments import read_stripe
from webstore.gateways.probes.site import read_site
from webstore.gateways.probes.state import read_folder, read_redis
from webstore.gateways.probes.tenant import read_tenant
from webstore.gateways.redis_state import RedisState
from webstore.gateways.state import FileState
from webstore.gateways.stripe import API_VERSION
from webstore.gateways.wire import Wire
from webstore.linking.models import Account
from webstore.provisioning.tenant.models import STORE_SCOPES
from webstore.settings import Settings
from webstore.shared_state import folder_of, notices_in, redis_prefix
from webstore.shop.event_effects import HANDLED

from .auth0_action import claims_only_action, linking_action

T = TypeVar("T")

#: Seconds that one call may take.
_CALL_S = 5.0
#: The settings without which a probe has nothing to ask.
_NEEDED = {
    "login": ("AUTH0_DOMAIN", "AUTH0_ISSUER"),
    "tenant": (
        "AUTH0_DOMAIN",
        "AUTH0_MGMT_DOMAIN",
        "AUTH0_CLIENT_ID",
        "AUTH0_CLIENT_SECRET",
        "AUTH0_MGMT_CLIENT_ID",
        "AUTH0_MGMT_CLIENT_SECRET",
    ),
    "stripe": ("STRIPE_SECRET_KEY", "STRIPE_API_BASE", "STRIPE_ACCOUNT"),
    "state": ("REDIS_URL", "STATE_DIR"),
    "site": ("BASE_URL", "APP_SECRET_KEY"),
}
PROBES = tuple(_NEEDED)
#: The settings that the name of the shared state is made of.
_FINGERPRINT = ("AUTH0_DOMAIN", "AUTH0_ISSUER", "AUTH0_CLIENT_ID", "STRIPE_SECRET_KEY", "STRIPE_API_BASE")


def facts_of(
    settings: Settings,
    problems: tuple[str, ...],
    *,
    only: Collection[str] = (),
    setup_token: str = "",
    done: Callable[[str], object] = lambda name: None,
    now: Callable[[], float] = time.time,
) -> Facts:
    """Ask everything that the groups in `only` look at; all of it if that is empty.

    `setup_token`: an access token of the Management API with more rights than the store has. `now`: this
    machine's clock. `done`: called with the name of each probe that has ended.
    """
    gaps = {name: len(text.gaps) for name, text in shop_texts().items()}
    facts = Facts(settings, Expected(API_VERSION, HANDLED, STORE_SCOPES), problems, gaps)
    wrong = wrong_settings(facts)
    with ExitStack() as opened:
        tls = httpx.create_ssl_context()

        def ask(service: str, *, plain_http: bool = False) -> Asker:
            wire = Wire(service, total_s=_CALL_S, tls=tls, plain_http=plain_http)
            opened.callback(wire.close)
            return Asker(wire, now)

        probes: Mapping[str, Callable[[], object]] = {
            "login": partial(read_login, ask("The login provider"), settings),
            "tenant": partial(read_tenant, ask("The Management API"), settings, setup_token),
            "stripe": partial(read_stripe, ask("Stripe"), settings, API_VERSION, now),
            "state": partial(_read_state, settings, named=wrong.isdisjoint(_FINGERPRINT)),
            "site": partial(read_site, ask("The store", plain_http=True), settings),
        }
        wanted = {it for group in only or GROUPS for it in GROUPS[group]}
        asked = {
            name: probe
            for name, probe in probes.items()
            if name in wanted and wrong.isdisjoint(_NEEDED[name])
        }
        found, lost = gather(asked, done)
    facts = replace(
        facts,
        login=_one(found.values(), LoginFacts),
        tenant=_one(found.values(), TenantFacts),
        stripe=_one(found.values(), StripeFacts),
        state=_one(found.values(), StateFacts),
        site=_one(found.values(), SiteFacts),
        lost=lost,
    )
    return _with_actions(facts)


def _one(found: Iterable[object], kind: type[T]) -> T | None:
    return next((it for it in found if isinstance(it, kind)), None)


def _read_state(settings: Settings, *, named: bool) -> StateFacts:
    """`named`: whether the settings that the state's name is made of are right."""
    if settings.redis_url:
        return read_redis(settings.redis_url, RedisState(settings.redis_url, redis_prefix(settings)))
    folder = folder_of(settings)
    if named and folder is not None:
        return read_folder(folder, FileState(folder), notices_in(folder))
    base = settings.state_dir or Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    try:
        with tempfile.TemporaryDirectory(prefix="webstore-doctor-", dir=base) as name:
            return replace(read_folder(Path(name), FileState(Path(name))), place=str(base))
    except OSError as exc:
        return StateFacts(str(base), problem=f"{type(exc).__name__}: {exc.strerror}")


def _with_actions(facts: Facts) -> Facts:
    """The facts with the code of the store's Actions, which depends on the account of the key."""
    settings = facts.settings
    actions = {"claims only": claims_only_action(settings.auth0_claim_namespace)}
    account = facts.stripe.account if facts.stripe else None
    if isinstance(account, StripeAccount):
        actions["linking"] = linking_action(
            policy_of(settings),
            Account(account.id, settings.stripe_livemode),
            namespace=settings.auth0_claim_namespace,
            time_limit_s=settings.link_budget_s,
            stripe_api_version=API_VERSION,
        )
    return replace(facts, expected=replace(facts.expected, actions=actions))
