"""`flask setup`: asks for the settings, sets up the vendors, and prints what an operator installs there."""

from __future__ import annotations

from urllib.parse import urlsplit

import click
from flask.cli import with_appcontext

from webstore.addresses import is_loopback

from .action_code import account_id, linking_code
from .auth0_action import claims_only_action
from .setup_auth0 import auth0
from .setup_env import env
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


@click.group(short_help="Set up the store: its settings, and what it needs at the vendors.")
def setup() -> None:
    """The store's settings, and what it needs at the vendors."""


@setup.command(help=_HELP, short_help="Print the Auth0 Action that links users at their login.")
@click.option(
    "--claims-only",
    is_flag=True,
    help="Print the variant that needs no Stripe key: it copies links into the tokens and links nobody.",
)
@click.option(
    "--account", "given", callback=account_id, help="The account of the store's Stripe key, acct_..."
)
@with_appcontext
def action(given: str | None, *, claims_only: bool) -> None:
    """Print the Action. Exits with 0, 1 or 2."""
    namespace = store().settings.auth0_claim_namespace
    if claims_only and given is not None:
        raise click.UsageError("--account has no use with --claims-only.")
    if is_loopback(urlsplit(namespace).hostname):
        click.echo(
            f"Warning: the claim namespace is {namespace}, an address of this machine, because neither "
            "AUTH0_CLAIM_NAMESPACE nor a public BASE_URL is set. A store with another namespace does not "
            "read these claims. Run this with the settings of the store that the Action is for.",
            err=True,
        )
    if claims_only:
        click.echo(claims_only_action(namespace), nl=False)
        return
    click.echo(linking_code(store(), given), nl=False)


setup.add_command(auth0)
setup.add_command(env)
setup.add_command(stripe)
