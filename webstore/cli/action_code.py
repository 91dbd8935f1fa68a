"""The code of the store's Actions at Auth0, with the words for an operator when it cannot be made."""

from __future__ import annotations

import click

from webstore.environment import stripe_account
from webstore.errors import PaymentsError
from webstore.gateways.stripe import API_VERSION
from webstore.linking import Linker
from webstore.linking.models import Account
from webstore.routes import Services

from .auth0_action import linking_action


def account_id(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """The value of the option --account."""
    if value is None:
        return None
    try:
        return stripe_account(value)
    except ValueError as exc:
        raise click.BadParameter(f"{value!r} {exc}.") from None


def linking_code(services: Services, given: str | None) -> str:
    """The Action that links users; `given`: the account of the Stripe key. Raises `ClickException`."""
    settings, linker = services.settings, services.linker
    if linker.policy.looks_up_everyone:
        raise click.ClickException(
            "With LINK_LOOKUP=always, LINK_EXISTING_BY_EMAIL=1 or AUTH0_FORMER_TENANTS, the store looks for "
            "an existing customer of every new user first. The Action cannot, and would make a second one. "
            "Use --claims-only."
        )
    if given and settings.stripe_account and given != settings.stripe_account:
        raise click.UsageError(f"--account is {given}, but STRIPE_ACCOUNT is {settings.stripe_account}.")
    account = _account(linker, given or settings.stripe_account)
    if account.id is None:
        click.echo(
            "The Stripe key may not read its account. The Action records links without an account, as the "
            "store does, and tells only test and live mode apart. Give the account with --account.",
            err=True,
        )
    return linking_action(
        linker.policy,
        account,
        namespace=settings.auth0_claim_namespace,
        time_limit_s=settings.link_budget_s,
        stripe_api_version=API_VERSION,
    )


def _account(linker: Linker, given: str | None) -> Account:
    """The account and mode of the store's key. It is read only if it is not given."""
    if given is not None:
        return Account(given, linker.policy.livemode)
    try:
        return linker.payments.account()
    except PaymentsError as exc:
        raise click.ClickException(
            f"The account of the Stripe key cannot be read: {exc}. Try again, or give it: --account acct_..."
        ) from exc
