"""`flask setup env`: asks for the settings that are missing, and writes them to `.env`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing

import click
import httpx
from rich.status import Status

from webstore.dotenv_file import VARIABLE, Variables, read_variables, readable_by_others
from webstore.errors import EnvFileError
from webstore.gateways.auth0_tokens import request_token
from webstore.gateways.http_clients import HttpxTransport
from webstore.gateways.oidc.provider import Provider
from webstore.gateways.stripe import account_of_key, stripe_client
from webstore.gateways.wire import Wire
from webstore.logs import printable
from webstore.provisioning.env_file import add_to_env_file
from webstore.provisioning.env_questions import (
    APPLICATION,
    GENERATED,
    Question,
    Vendors,
    converse,
    faults,
    judge_all,
    missing,
    new_secret,
)
from webstore.settings import Settings, described

from .terminal import console, document, fail, quietly

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Ask for the settings that are missing, and write them to .env, which the store reads.

Each answer is checked at once, by its form and then at the vendor: the domain and the application at Auth0,
the key at Stripe. Secrets are not shown while you type, and APP_SECRET_KEY is generated. What is in .env
already is never overwritten, and only your user may read the file.

Without a terminal, the command asks nothing and lists the settings that are missing.

\b
Examples:
  flask --app wsgi setup env
  flask --app wsgi setup env --offline
  flask --app wsgi setup env --json
  AUTH0_DOMAIN=my-shop.eu.auth0.com flask --app wsgi setup env --from-environment

Exit code: 0 if nothing is missing (except the application at Auth0, which `setup auth0 --apply` makes), 1 if
something is missing or wrong, 2 for wrong options.
"""
_AUTH0 = "flask --app wsgi setup auth0 --apply"


@click.command(help=_HELP, short_help="Ask for missing settings, and write them to .env.")
@click.option("--offline", is_flag=True, help="Check the form of the answers alone, and ask no vendor.")
@click.option(
    "--from-environment", is_flag=True, help="Ask nothing: write the settings that the environment has."
)
@click.option("--json", "as_json", is_flag=True, help="Ask nothing, and print one JSON document.")
def env(*, offline: bool, from_environment: bool, as_json: bool) -> None:
    """Ask for the missing settings and write them. Exits with 0, 1 or 2."""
    variables = read_variables()
    path, known = variables.path, variables.together()
    if path is None:
        fail(f"{VARIABLE} is set to nothing: then there is no file to write to.", as_json=as_json)
    _require_sound(variables, known, as_json=as_json)
    vendors = None if offline else _AtVendors()
    asks = sys.stdin.isatty() and not (from_environment or as_json)
    if from_environment:
        new = _of_environment(variables)
        with quietly():
            _require_accepted(new, known, vendors, as_json=as_json)
    else:
        new = _answers(known, vendors) if asks else {}
    complete = not missing({**known, **new})
    written: tuple[str, ...] = ()
    if complete or asks or from_environment:
        if not known.get(GENERATED, "").strip():
            new[GENERATED] = new_secret()
        try:
            written = add_to_env_file(path, new)
        except EnvFileError as exc:
            fail(str(exc), as_json=as_json)
    lacking = missing({**known, **new})
    if as_json:
        document(_document(read_variables(), written))
    else:
        _report(read_variables(), written, lacking)
    left_to_setup = set(lacking) == set(APPLICATION) and (asks or from_environment)
    sys.exit(1 if lacking and not left_to_setup else 0)


def _require_sound(variables: Variables, known: Mapping[str, str], *, as_json: bool) -> None:
    """End the command if a line of the file or a setting is wrong: neither is ever overwritten."""
    wrong = [*variables.faults_of_content, *faults(known)]
    if wrong:
        lines = "\n".join(f"  - {it}" for it in wrong)
        fail(f"Correct this first, in the environment or in {variables.path}:\n{lines}", as_json=as_json)


def _of_environment(variables: Variables) -> dict[str, str]:
    names = dict.fromkeys(described().names)
    given = {name: variables.environment.get(name, "") for name in names}
    return {name: value for name, value in given.items() if value.strip()}


def _require_accepted(
    new: Mapping[str, str], known: Mapping[str, str], vendors: Vendors | None, *, as_json: bool
) -> None:
    """End the command if a vendor does not accept a setting, or cannot be asked."""
    for name, verdict in judge_all(new, known, vendors) if vendors else ():
        if not verdict.right:
            hint = "" if verdict.right is False else " With --offline, no vendor is asked."
            fail(f"{name}: {verdict.words}{hint} Nothing was written.", as_json=as_json)
        if not as_json:
            click.echo(printable(verdict.words))


def _answers(known: Mapping[str, str], vendors: Vendors | None) -> dict[str, str]:
    """Ask the operator. Ends the command if they do not go on."""
    try:
        with quietly():
            return converse(
                known,
                vendors,
                ask=_ask,
                say=lambda words: click.echo(f"  {printable(words)}"),
                keep_unchecked=lambda: click.confirm("  Take it all the same?"),
            )
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nNothing was written.", err=True)
        sys.exit(1)


def _ask(question: Question) -> str:
    click.echo(f"\n{question.where}.")
    answer: str = click.prompt(
        f"{question.name} (not shown)" if question.hidden else question.name,
        default=question.default or "",
        show_default=bool(question.default),
        hide_input=question.hidden,
    )
    return answer


def _report(variables: Variables, written: tuple[str, ...], lacking: Mapping[str, str]) -> None:
    if written:
        click.echo(f"\nWritten to {variables.path}: {', '.join(written)}.")
    else:
        click.echo("Nothing was written.")
    if exposed := readable_by_others(variables.path):
        click.echo(f"Warning: {exposed}.", err=True)
    application = {name for name in APPLICATION if set(lacking) >= set(APPLICATION)}
    for name, where in lacking.items():
        if name not in application:
            click.echo(f"{name} is missing. Find it: {where}.", err=True)
    if application:
        click.echo(
            f"{' and '.join(APPLICATION)} are missing: `{_AUTH0}` makes the application and adds them."
        )
    elif not lacking:
        click.echo("Nothing is missing. `flask --app wsgi doctor` checks the whole set-up.")


def _document(variables: Variables, written: tuple[str, ...]) -> dict[str, object]:
    """Names alone, and where they are set."""
    known = variables.together()
    lacking = [name for name in described().needed if not known.get(name, "").strip()]
    return {
        "file": str(variables.path),
        "written": list(written),
        "set": {
            name: "environment" if variables.environment.get(name, "").strip() else "file"
            for name in dict.fromkeys(described().names)
            if known.get(name, "").strip()
        },
        "missing": list(dict.fromkeys([*lacking, *missing(known)])),
    }


def _asking(vendor: str) -> Status:
    """A sign on the terminal that an answer is awaited; nothing in a pipe."""
    return console(err=True).status(f"Asking {vendor}")


class _AtVendors:
    """Asks Auth0 and Stripe, each for at most a few seconds."""

    def domain(self, settings: Settings) -> str:
        with _asking("Auth0"), closing(Wire("the login provider")) as wire:
            Provider(wire, settings.auth0_issuer).metadata()
        return f"Auth0 answers at {settings.auth0_issuer}"

    def application(self, settings: Settings) -> str:
        with _asking("Auth0"), closing(Wire("Auth0")) as wire:
            request_token(
                httpx.Client(transport=HttpxTransport(wire)),
                base_url=settings.auth0_mgmt_url,
                domain=settings.auth0_mgmt_domain,
                client_id=settings.auth0_client_id,
                client_secret=settings.auth0_client_secret,
            )
        return "Auth0 knows this application, and gives it tokens for the Management API."

    def key(self, settings: Settings) -> str:
        with _asking("Stripe"), closing(Wire("Stripe")) as wire:
            client = stripe_client(
                wire,
                api_key=settings.stripe_secret_key,
                api_base=settings.stripe_api_base,
                account=settings.stripe_account,
            )
            account = account_of_key(client)
        mode = "live mode: payments are real" if settings.stripe_livemode else "test mode"
        if account is None:
            return f"Stripe knows this key, which may not read its own account ({mode})."
        return f"Stripe knows this key: {account.name or 'an account without a name'}, {account.id}, {mode}."
