"""`flask customers`: users, their customers in Stripe, and the links between them."""

from __future__ import annotations

import click

from webstore.cli.terminal import escape_foreign_characters

from .link import link
from .listing import list_command
from .opening import open_pages
from .reconcile import reconcile
from .relink import relink
from .show import show
from .unlink import unlink


@click.group(short_help="Look at and change the links of users and customers.")
def customers() -> None:
    """Users, their customers in Stripe, and the links between them."""
    escape_foreign_characters()


for _command in (list_command, show, open_pages, link, unlink, relink, reconcile):
    customers.add_command(_command)
