"""`flask setup stripe`: the webhook endpoint, the customer portal and, if wanted, a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask.cli import with_appcontext

from webstore.addresses import is_loopback
from webstore.dotenv_file import VARIABLE, read_variables
from webstore.errors import EnvFileError, PaymentsError, PaymentsRefused
from webstore.gateways.stripe import API_VERSION, stripe_client
from webstore.gateways.stripe.setup import StripeSetup
from webstore.gateways.wire import Wire
from webstore.linking.models import Account
from webstore.provisioning.account.carry_out import carry_out, read
from webstore.provisioning.account.catalogue_file import CatalogueFileError, read_catalogue
from webstore.provisioning.account.models import Action, CatalogueProduct, Plan, Step, Wanted
from webstore.provisioning.account.plan import listen_command, plan
from webstore.provisioning.env_file import add_to_env_file
from webstore.routes import Services
from webstore.settings import Settings
from webstore.shop.event_effects import HANDLED

from .terminal import console, document, fail, quietly, store, text

#: Seconds that each call to Stripe may take; nobody waits for a page here.
_CALL_S = 20.0

_STYLES = {Action.CREATE: "green", Action.CHANGE: "yellow", Action.LEAVE: "dim"}

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Set the Stripe account up for this store: webhook endpoint, customer portal, catalogue.

Without --apply, only the plan is shown. It does no harm to run this again: objects that exist are left
alone. Nothing is deleted, other webhook endpoints and portal configurations are not touched, and no secret is
printed: the endpoint's signing secret and the portal configuration's ID go to .env, where nothing is
overwritten.

\b
Examples:
  flask --app wsgi setup stripe
  flask --app wsgi setup stripe --apply
  flask --app wsgi setup stripe --apply --catalogue docs/examples/catalogue.yaml
  flask --app wsgi setup stripe --print

Stripe cannot reach a store on your own machine. There, --print prints the command of Stripe's CLI that
forwards the events.

A restricted key needs write access to Webhook Endpoints and the Customer portal, and for a catalogue to
Products and Prices.

Exit code: 0 if the plan was shown or done, 1 if Stripe refused or something is left to do, 2 for wrong
options or a faulty catalogue.
"""


def _catalogue(
    _ctx: click.Context, _param: click.Parameter, value: Path | None
) -> tuple[CatalogueProduct, ...]:
    if value is None:
        return ()
    try:
        return read_catalogue(value.read_text("utf-8"), str(value))
    except OSError as exc:
        raise click.BadParameter(f"{value} cannot be read: {exc.strerror}.") from None
    except UnicodeDecodeError:
        raise click.BadParameter(f"{value} is not a text in UTF-8.") from None
    except CatalogueFileError as exc:
        raise click.BadParameter("\n" + "\n".join(f"  {problem}" for problem in exc.problems)) from None


@click.command(help=_HELP, short_help="Set up the webhook endpoint, the portal and a catalogue at Stripe.")
@click.option("--apply", is_flag=True, help="Do what the plan says.")
@click.option(
    "--catalogue",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    callback=_catalogue,
    help="Create the products and prices of this YAML file that are missing.",
)
@click.option(
    "--print", "print_command", is_flag=True, help="Print the command that forwards events to this machine."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
def stripe(
    catalogue: tuple[CatalogueProduct, ...], *, apply: bool, print_command: bool, as_json: bool
) -> None:
    """Set the Stripe account up. Exits with 0, 1 or 2."""
    services = store(as_json=as_json)
    wanted = wanted_by(services.settings, catalogue)
    if print_command:
        if apply or catalogue:
            raise click.UsageError("--print calls nobody: leave out --apply and --catalogue.")
        command = listen_command(wanted.webhook_url, wanted.events)
        if as_json:
            document({"command": command})
        else:
            click.echo(command)
        return
    with quietly(), _account(services.settings) as account:
        _run(services, account, wanted, apply=apply, as_json=as_json)


def _run(services: Services, account: StripeSetup, wanted: Wanted, *, apply: bool, as_json: bool) -> None:
    done: list[Step] = []
    left: list[str] = []
    try:
        owner = services.linker.payments.account()
        planned = plan(wanted, read(account, wanted))
        if not as_json:
            _show(owner, planned)
        for step, words in carry_out(account, wanted, planned, _keep) if apply else ():
            done.append(step)
            left += [words] if words else []
    except PaymentsError as exc:
        fail("\n".join([*left, _words(exc, len(done))]), as_json=as_json)
    if as_json:
        document(_document(owner, planned, applied=apply, left=left))
    else:
        _show_end(planned, applied=apply, left=left)
    if left:
        raise SystemExit(1)


def wanted_by(settings: Settings, catalogue: tuple[CatalogueProduct, ...]) -> Wanted:
    """What the store needs at Stripe."""
    local_api = is_loopback(urlsplit(settings.stripe_api_base).hostname)
    return Wanted(
        base_url=settings.base_url,
        events=tuple(sorted(HANDLED)),
        api_version=API_VERSION,
        reachable=local_api or not is_loopback(urlsplit(settings.base_url).hostname),
        has_secret=bool(settings.stripe_webhook_secrets),
        portal_configuration=settings.stripe_portal_configuration,
        automatic_tax=settings.checkout.automatic_tax,
        terms=settings.checkout.terms,
        dashboard=settings.stripe_dashboard_url,
        catalogue=catalogue,
    )


@contextmanager
def _account(settings: Settings) -> Iterator[StripeSetup]:
    """The account of the store's key."""
    wire = Wire("Stripe", total_s=_CALL_S)
    client = stripe_client(
        wire,
        api_key=settings.stripe_secret_key,
        api_base=settings.stripe_api_base,
        account=settings.stripe_account,
    )
    try:
        yield StripeSetup(client, settings.base_url)
    finally:
        wire.close()


def _keep(values: Mapping[str, str]) -> None:
    """Add settings to `.env`. Raises `EnvFileError`."""
    path = read_variables().path
    if path is None:
        raise EnvFileError(f"{VARIABLE} is set to nothing, so no file can be written.")
    add_to_env_file(path, values)


def _words(exc: PaymentsError, done: int) -> str:
    before = f" {done} of the steps above were done before." if done else " Nothing was changed."
    if isinstance(exc, PaymentsRefused):
        return f"{exc}.{before}"
    return f"It could not be finished: {exc}.{before} Run the command again: it continues there."


def _show(owner: Account, planned: Plan) -> None:
    """The plan: one line a step, and one for the values that each field gets or loses."""
    _line(f"Stripe account {owner.id or '(the key may not read its ID)'}, {owner.mode} mode")
    for step in planned.steps:
        known = f" {step.id}" if step.id and step.id not in step.what else ""
        _line(f"  {step.action:<8}{step.what}{known}", _STYLES[step.action])
        for difference in step.differences:
            for sign, values in (("-", difference.removed), ("+", difference.added)):
                if values:
                    _line(f"          {sign} {difference.field}: {', '.join(values)}")
        if step.note:
            _line(f"          ({step.note})")


def _show_end(planned: Plan, *, applied: bool, left: list[str]) -> None:
    for words in (*planned.hints, *left):
        _line(f"Note: {words}")
    count = len(planned.changes)
    if not count:
        _line("Everything is set up already. Nothing was changed.")
    elif applied:
        _line(f"Done: {count} {'change' if count == 1 else 'changes'}.")
    else:
        _line("Nothing was changed. Add --apply to do this.")


def _line(words: str, style: str = "") -> None:
    out = console()
    for line in words.splitlines():
        out.print(text(line, style))


def _document(owner: Account, planned: Plan, *, applied: bool, left: list[str]) -> dict[str, object]:
    return {
        "account": owner.id,
        "mode": owner.mode,
        "applied": applied,
        "changes": len(planned.changes),
        "steps": [
            {
                "action": step.action,
                "what": step.what,
                "id": step.id,
                "differences": [
                    {"field": it.field, "before": list(it.before), "after": list(it.after)}
                    for it in step.differences
                ],
                "note": step.note,
            }
            for step in planned.steps
        ],
        "notes": list(planned.hints),
        "left_to_do": left,
    }
