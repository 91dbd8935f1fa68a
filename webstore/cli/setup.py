"""`flask setup`: what an operator sets up at the vendors."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from webstore.environment import stripe_account
from webstore.errors import PaymentsError
from webstore.gateways.stripe import API_VERSION
from webstore.linking import Linker
from webstore.linking.models import Account

from .auth0_action import claims_only_action, linking_action
from .setup_stripe import stripe
from .terminal import store

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Print the post-login Action that links users at Auth0, for this store's tenant and Stripe account.

The Action gives new users of the tenant a Stripe customer, whichever application they log in to, and puts
the customer into the tokens. Its comment explains how to install it; docs/auth0-action.md says when one
wants it. Nothing secret is printed. Stripe is asked once for the account of the store's key, unless
--account says it.

\b
Examples:
  flask --app wsgi setup action > action.js
  flask --app wsgi setup action --account acct_1ABCdef
  flask --app wsgi setup action --claims-only

Exit code: 0 if it was printed, 1 if this store cannot have it or Stripe cannot be read, 2 for wrong options.
"""


def _account_id(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return stripe_account(value)
    except ValueError as exc:
        raise click.BadParameter(f"{value!r} {exc}.") from None


@click.group(short_help="Set the vendors up for the store.")
def setup() -> None:
    """Set the vendors up for the store."""


setup.add_command(stripe)


@setup.command(help=_HELP, short_help="Print the Auth0 Action that links users at their login.")
@click.option(
    "--claims-only",
    is_flag=True,
    help="Print the variant that needs no Stripe key: it copies links into the tokens and links nobody.",
)
@click.option(
    "--account", "given", callback=_account_id, help="The account of the store's Stripe key, acct_..."
)
@with_appcontext
def action(given: str | None, *, claims_only: bool) -> None:
    """Print the Action. Exits with 0, 1 or 2."""
    settings, linker = store().settings, store().linker
    namespace = settings.auth0_claim_namespace
    if claims_only:
        if given is not None:
            raise click.UsageError("--account has no use with --claims-only.")
        click.echo(claims_only_action(namespace), nl=False)
        return
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
    printed = linking_action(
        linker.policy,
        account,
        namespace=namespace,
        time_limit_s=settings.link_budget_s,
        stripe_api_version=API_VERSION,
    )
    click.echo(printed, nl=False)


def _account(linker: Linker, account_id: str | None) -> Account:
    """The account and mode of the store's key. It is read only if it is not given."""
    if account_id is not None:
        return Account(account_id, linker.policy.livemode)
    try:
        return linker.payments.account()
    except PaymentsError as exc:
        raise click.ClickException(
            f"The account of the Stripe key cannot be read: {exc}. Try again, or give it: --account acct_..."
        ) from exc
