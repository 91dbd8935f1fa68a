"""`flask setup auth0`: shows what the store needs at its Auth0 tenant, and does it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from flask.cli import with_appcontext
from rich.progress import Progress

from webstore import environment
from webstore.dotenv_file import VARIABLE, Variables, read_variables
from webstore.errors import WebstoreError
from webstore.provisioning.env_file import add_to_env_file
from webstore.provisioning.tenant.carry_out import Means, carry_out
from webstore.provisioning.tenant.look import look
from webstore.provisioning.tenant.models import CannotSetUp, Code, Needs, WantedAction
from webstore.provisioning.tenant.plan import Act, Item, Plan, make_plan
from webstore.provisioning.tenant.terraform import terraform

from .action_code import account_id, linking_code
from .auth0_action import STRIPE_PACKAGE, claims_only_action
from .auth0_rights import WAYS, Access, reached
from .terminal import console, document, fail, progress, quietly, store, text

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Show what this store needs at its Auth0 tenant, and with --apply do it.

That is the application for the login, its grant for the Management API, the API for AUTH0_AUDIENCE (if it is
set), the post-login Action, its place in the flow, and the address for back-channel logout. Lists are only
added to. Other applications and Actions are not touched, nothing is deleted, and no secret is printed. It
does no harm to run this again.

AUTH0_DOMAIN and BASE_URL have to be set. Without AUTH0_CLIENT_ID, the application is looked for or created,
and its ID and secret are added to .env.

\b
Auth0 lets this command in with one of:
  AUTH0_SETUP_TOKEN   a token: Auth0 dashboard > Applications > APIs > Auth0 Management API > API Explorer
  AUTH0_SETUP_CLIENT_ID and AUTH0_SETUP_CLIENT_SECRET   a Machine to Machine application
  the auth0 command, if it is installed and logged in

\b
Examples:
  flask --app wsgi setup auth0
  flask --app wsgi setup auth0 --apply
  flask --app wsgi setup auth0 --domain my-shop.eu.auth0.com --via cli --apply
  flask --app wsgi setup auth0 --print-terraform > webstore.tf

Exit code: 0 if it was shown or done, 1 if it cannot be done, 2 for wrong options.
"""
_DOMAIN = "Auth0 dashboard > Settings; or give it with --domain"
_STYLES = {Act.CREATE: "green", Act.CHANGE: "yellow", Act.LEAVE: "dim"}


def _domain(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return environment.domain(value)
    except ValueError as exc:
        raise click.BadParameter(f"{exc}.") from None


@click.command(help=_HELP, short_help="Set up the Auth0 tenant for this store.")
@click.option("--apply", "applies", is_flag=True, help="Do what the plan says.")
@click.option("--domain", callback=_domain, help="The tenant, instead of AUTH0_DOMAIN.")
@click.option("--via", type=click.Choice(WAYS), help="How Auth0 lets this command in.")
@click.option(
    "--claims-only", "variant", flag_value="claims", help="The Action only sets the claims (default)."
)
@click.option(
    "--linking", "variant", flag_value="linking", help="It links users, too, and gets a Stripe key."
)
@click.option("--no-action", "variant", flag_value="none", help="Leave the Actions and the flow alone.")
@click.option("--account", callback=account_id, help="With --linking: the account of the key, acct_...")
@click.option("--renew-secrets", is_flag=True, help="With --linking: send the Stripe key again.")
@click.option("--exact-scopes", is_flag=True, help="Take scopes that the store does not use from its grant.")
@click.option("--print-terraform", is_flag=True, help="Print it for Terraform instead. No call is made.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
@quietly()
def auth0(
    domain: str | None,
    via: str | None,
    variant: str | None,
    account: str | None,
    *,
    applies: bool,
    renew_secrets: bool,
    exact_scopes: bool,
    print_terraform: bool,
    as_json: bool,
) -> None:
    """Set up the tenant. Exits with 0, 1 or 2."""
    if (account or renew_secrets) and variant != "linking":
        raise click.UsageError("--account and --renew-secrets have a use with --linking alone.")
    if print_terraform and (applies or as_json):
        raise click.UsageError("--print-terraform only prints: leave --apply and --json out.")
    read = read_variables()
    variables = read.together()
    try:
        _require_sound(read)
        needs = _needs(variables, domain, renew_secrets=renew_secrets, exact_scopes=exact_scopes)
        namespace = _namespace(variables, needs)
        if variant == "linking":
            needs = replace(needs, action=_linking(namespace, account, variables, as_json=as_json))
        elif variant != "none":
            needs = replace(needs, action=WantedAction(Code(claims_only_action(namespace)), namespace))
        if print_terraform:
            click.echo(terraform(needs), nl=False)
            return
        with reached(via, needs, variables, _wait_for_auth0) as access:
            with progress("reading the tenant"):
                found = look(access.tenant, needs)
            if variant is None and found.action and found.action.links:
                needs = replace(needs, action=_linking(namespace, account, variables, as_json=as_json))
            plan = make_plan(needs, found)
            if not as_json:
                _show(plan, needs, access)
            if applies:
                once = replace(needs, renew_secrets=False)
                with progress("setting up the tenant") as bar:
                    carry_out(access.tenant, needs, found, _means(bar, read.path, domain))
                    _check(make_plan(once, look(access.tenant, once)))
    except WebstoreError as exc:
        fail(str(exc), as_json=as_json)
    if as_json:
        document(_document(plan, needs, access, applied=applies))
    else:
        click.echo(_outcome(plan, applied=applies))
        if applies and needs.keeps_credentials:
            click.echo(f"AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET are in {read.path}.")


def _needs(
    variables: Mapping[str, str],
    domain: str | None,
    *,
    renew_secrets: bool,
    exact_scopes: bool,
) -> Needs:
    """What this store needs besides an Action, from the few settings that say it. Raises `CannotSetUp`."""
    read = environment.Reader(variables)
    base_url = read.origin("BASE_URL", "http://127.0.0.1:8000", "the address shoppers use")
    login_domain = domain or read.required("AUTH0_DOMAIN", _DOMAIN, environment.domain)
    mgmt_domain = read.optional("AUTH0_MGMT_DOMAIN", "", environment.domain)
    client_id = read.optional("AUTH0_CLIENT_ID", "", environment.word) or None
    secret = read.optional("AUTH0_CLIENT_SECRET", "", environment.client_secret)
    mgmt_client_id = read.optional("AUTH0_MGMT_CLIENT_ID", "", environment.word) or None
    audience = read.optional("AUTH0_AUDIENCE", "", environment.word) or None
    read.optional("AUTH0_CLAIM_NAMESPACE", "", environment.word)
    read.optional("AUTH0_ISSUER", "", environment.url)
    if domain and not environment.is_custom_domain(domain):
        mgmt_domain = domain
    if not mgmt_domain and login_domain and environment.is_custom_domain(login_domain):
        read.problems.append(
            f"AUTH0_MGMT_DOMAIN is missing. {login_domain} is a custom domain, and the Management API has "
            "the tenant's own: TENANT.REGION.auth0.com, as the dashboard shows it in its upper left corner."
        )
    if read.problems:
        raise CannotSetUp(
            "\n".join(("These settings are missing or wrong:", *(f"  - {it}" for it in read.problems)))
        )
    return Needs(
        base_url=base_url,
        domain=mgmt_domain or login_domain,
        client_id=client_id,
        mgmt_client_id=mgmt_client_id if mgmt_client_id != client_id else None,
        audience=audience,
        keeps_credentials=not (client_id and secret),
        exact_scopes=exact_scopes,
        renew_secrets=renew_secrets,
    )


def _namespace(variables: Mapping[str, str], needs: Needs) -> str:
    """The prefix of the claims."""
    return (variables.get("AUTH0_CLAIM_NAMESPACE", "").strip() or needs.base_url).rstrip("/")


def _linking(
    namespace: str, account: str | None, variables: Mapping[str, str], *, as_json: bool
) -> WantedAction:
    """The Action that links users. Ends the command if the store's settings are not complete."""
    services = store(as_json=as_json)
    code = linking_code(services, account)
    key = variables.get("AUTH0_ACTION_STRIPE_KEY", "").strip() or services.settings.stripe_secret_key
    return WantedAction(
        Code(code, dependencies={"stripe": STRIPE_PACKAGE}), namespace, {"STRIPE_SECRET_KEY": key}
    )


def _wait_for_auth0(seconds: float) -> None:
    click.echo(f"Auth0 takes no more calls just now: waiting for {seconds:.0f} seconds.", err=True)
    time.sleep(seconds)


def _require_sound(read: Variables) -> None:
    """Raise `CannotSetUp` if something is wrong with `.env`; it may still be made."""
    if read.faults_of_content:
        raise CannotSetUp("\n".join(read.faults_of_content))


def _means(bar: Progress, path: Path | None, domain: str | None) -> Means:
    def keep(client_id: str, secret: str) -> None:
        if path is None:
            raise CannotSetUp(
                f"{VARIABLE} is set to nothing, so client ID and secret cannot be kept. The application is "
                f"there: take them from Auth0 dashboard > Applications > {client_id}."
            )
        values = {"AUTH0_CLIENT_ID": client_id, "AUTH0_CLIENT_SECRET": secret}
        add_to_env_file(path, {"AUTH0_DOMAIN": domain, **values} if domain else values)

    def tell(words: str) -> None:
        bar.update(bar.task_ids[0], description=words)

    return Means(keep=keep, tell=tell, pause=time.sleep)


def _check(left: Plan) -> None:
    """Raise `CannotSetUp` if a second look finds something left to do."""
    if left.changes:
        words = ", ".join(f"{it.kind} {it.name}" for it in left.items if it.act is not Act.LEAVE)
        raise CannotSetUp(f"Auth0 took the changes, but a second look finds some missing: {words}.")


def _show(plan: Plan, needs: Needs, access: Access) -> None:
    out = console()
    out.print(text(f"Tenant {needs.domain}, store {needs.base_url}, through {access.by}"))
    out.print()
    for item in plan.items:
        style = _STYLES[item.act]
        out.print(text(f"{item.act:<7} {item.kind}: {item.name}", style=f"bold {style}"))
        for line in item.lines:
            out.print(text(f"          {line}", style=style if line.startswith("+") else ""))
        for note in item.notes:
            out.print(text(f"          {note}", style="dim"))
    out.print()


def _outcome(plan: Plan, *, applied: bool) -> str:
    if not plan.changes:
        return "The tenant has everything that the store needs. Nothing was changed."
    counts = [(plan.count(act), act) for act in (Act.CREATE, Act.CHANGE)]
    if applied:
        words = " and ".join(f"{number} {act}d" for number, act in counts if number)
        return f"Done: {words}. The tenant was read again, and has everything that the store needs."
    words = " and ".join(f"{number} to {act}" for number, act in counts if number)
    return f"{words}. Nothing was changed: add --apply to do it."


def _document(plan: Plan, needs: Needs, access: Access, *, applied: bool) -> dict[str, object]:
    return {
        "tenant": needs.domain,
        "store": needs.base_url,
        "through": access.by,
        "plan": [_shown(item) for item in plan.items],
        "changes": plan.changes,
        "applied": applied,
    }


def _shown(item: Item) -> dict[str, object]:
    return {
        "kind": item.kind,
        "name": item.name,
        "act": item.act.value,
        "diff": list(item.lines),
        "notes": list(item.notes),
    }
