"""The command `python -m webstore.sandbox`: runs a local Auth0 and Stripe, alone or with a store."""

import argparse
import contextlib
import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from webstore.sandbox.vendors import Sandbox, auth0_config, environment

HOST = "127.0.0.1"
# After this time without an answer, the command says so. The store's own output then shows the reason.
STORE_START_S = 30.0
CHILD_STOP_S = 10.0
_POLL_S = 0.1
# A store on the sandbox must not get the settings of a real tenant or account from the shell or from `.env`.
_VENDORS_OWN = ("AUTH0_", "STRIPE_")
_NO_ENV_FILE = {"WEBSTORE_ENV_FILE": ""}

_DESCRIPTION = """\
Start a local Auth0 and a local Stripe on 127.0.0.1, with two shoppers and a dozen products.
Nothing is real: the data is made up, stays on this machine and is lost when the sandbox stops.

With a COMMAND after --, also run that command. Its environment points a store at the local Auth0 and
Stripe. The sandbox stops when the command ends. Ctrl-C stops everything.
"""
_EXAMPLES = """\
examples:
  python -m webstore.sandbox
      start Auth0 and Stripe only
  eval "$(python -m webstore.sandbox --env)"
      set the environment of a store that you start yourself
  python -m webstore.sandbox -- gunicorn -c gunicorn.conf.py wsgi:app
      start Auth0, Stripe and the store together
"""


class _Refused(Exception):
    """The command cannot go on. The message is one line for the person who started it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    store_url = f"http://{HOST}:{options.store_port}"
    ports = {"Auth0": options.port, "Stripe": options.port + 1, "the store": options.store_port}
    try:
        _check_numbers(ports)
        if options.env:
            _print_environment(
                f"http://{HOST}:{options.port}", f"http://{HOST}:{options.port + 1}", store_url
            )
            return 0
        with _stop_signals() as stop:
            return _run(options.command, ports, store_url, stop)
    except _Refused as refusal:
        print(refusal, file=sys.stderr, flush=True)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m webstore.sandbox",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=8001, help="Auth0's port; Stripe gets the next one (default: %(default)s)"
    )
    parser.add_argument(
        "--store-port",
        type=int,
        default=8000,
        help="the store's port, used in its callback and logout URLs (default: %(default)s)",
    )
    parser.add_argument(
        "--env", action="store_true", help="print the store's environment as shell exports, and exit"
    )
    parser.add_argument(
        "command", nargs="*", metavar="-- COMMAND ARGS", help="the command to run, usually the store"
    )
    return parser


def _check_numbers(ports: Mapping[str, int]) -> None:
    for who, port in ports.items():
        if not 1 <= port <= 65535:
            raise _Refused(f"{who} cannot have port {port}: ports go from 1 to 65535.")
    if len(set(ports.values())) < len(ports):
        raise _Refused("Auth0, Stripe and the store need three different ports: see --port and --store-port.")


def _print_environment(auth0_url: str, stripe_url: str, store_url: str) -> None:
    store = environment(auth0_config(auth0_url, store_url), stripe_url, store_url)
    for name, value in {**store, **_NO_ENV_FILE}.items():
        print(f"export {name}={shlex.quote(value)}", flush=True)


def _run(command: Sequence[str], ports: Mapping[str, int], store_url: str, stop: threading.Event) -> int:
    for who, port in ports.items():
        if command or who != "the store":
            _check_free(port, who)
    try:
        sandbox = Sandbox(store_url, auth0_port=ports["Auth0"], stripe_port=ports["Stripe"])
        sandbox.start()
    except OSError as exc:
        raise _Refused(f"The sandbox cannot start: {exc.strerror}. {_other_ports()}") from exc
    with sandbox:
        sandbox.open_shop()
        sandbox.send_webhooks()
        if not command:
            print(_summary_without_store(sandbox, store_url), flush=True)
            stop.wait()
            return 0
        # A key for this run: the sessions of an earlier run name users and customers that are gone.
        store = {**sandbox.environment(), "APP_SECRET_KEY": secrets.token_urlsafe(48)}
        with _environment_file(store) as path, _child(command, store) as child:
            if _wait_for_store(ports["the store"], child, stop):
                print(_summary(sandbox, store_url, path), flush=True)
            while child.poll() is None and not stop.wait(_POLL_S):
                pass
            code = child.poll()
    if code is None:
        print("\nStopped.", flush=True)
        return 0
    return code if code >= 0 else 128 - code


def _check_free(port: int, who: str) -> None:
    """Check that this user can listen on the port. Raises _Refused when the port is in use or forbidden."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            probe.listen()
    except PermissionError as exc:
        raise _Refused(f"Port {port} for {who} needs more rights. {_other_ports()}") from exc
    except OSError as exc:
        raise _Refused(f"Port {port} for {who} is in use. {_other_ports()}") from exc


def _other_ports() -> str:
    return "Choose other ports with: make run PORT=9000"


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, SIGTERM or a closed terminal, so that the command ends cleanly."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _environment_file(store: Mapping[str, str]) -> Iterator[Path | None]:
    """A file with the store's environment, for commands in another terminal. None if none can be written."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="webstore-")
    except OSError:
        yield None
        return
    with folder as name:  # the user's own: nobody else may open its files
        path = Path(name) / "env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key}={shlex.quote(value)}\n" for key, value in store.items()))
        yield path


@contextlib.contextmanager
def _child(command: Sequence[str], store: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a running process in its own process group. The group is stopped with the block."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_VENDORS_OWN)}
    no_proxy = ",".join(filter(None, (inherited.get("NO_PROXY") or inherited.get("no_proxy"), HOST)))
    env = {**inherited, "NO_PROXY": no_proxy, "no_proxy": no_proxy, **_NO_ENV_FILE, **store}
    try:
        # The person at the keyboard chose the command.
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603
    except OSError as exc:
        raise _Refused(f"{command[0]} cannot be started: {exc.strerror}.") from exc
    try:
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the process, wait for it, then kill the rest of its process group."""
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(CHILD_STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _wait_for_store(port: int, child: subprocess.Popen[bytes], stop: threading.Event) -> bool:
    """Wait for the store's first answer. False when it exits, the user stops it, or time runs out first."""
    deadline = time.monotonic() + STORE_START_S
    while time.monotonic() < deadline:
        if child.poll() is not None or stop.is_set():
            return False
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, port, timeout=1)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse()
                return True
            finally:
                connection.close()
        stop.wait(_POLL_S)
    print(f"Nothing answers at http://{HOST}:{port}/healthz yet; still waiting.", file=sys.stderr, flush=True)
    return False


def _summary(sandbox: Sandbox, store_url: str, environment_file: Path | None) -> str:
    flask = f"WEBSTORE_ENV_FILE={shlex.quote(str(environment_file))} .venv/bin/flask --app wsgi"
    commands = (
        f"\n\nIn another terminal, in this folder\n  {flask} doctor\n  {flask} customers show ada@example.com"
    )
    return (
        f"\nThe store           {store_url}"
        f"\n{_pages(sandbox)}"
        "\n\nWhat to try"
        "\n  1. Log in at the store as one of the shoppers, or sign up: the page shows a new customer's ID."
        f"\n  2. Compare the Auth0 user and the Stripe customer, field by field: {store_url}/account/link"
        "\n  3. Log out and in again: it is still the same customer."
        "\n  4. Add a product to the cart, pay with the card 4242 4242 4242 4242, and see it under Orders."
        "\n  5. Delete the customer at Stripe and buy again: a new customer, and the old order stays."
        f"{commands if environment_file else ''}"
        "\n\nCtrl-C stops everything."
    )


def _summary_without_store(sandbox: Sandbox, store_url: str) -> str:
    return (
        f"\n{_pages(sandbox)}\n"
        f"\nPrint the environment for a store at {store_url} with: python -m webstore.sandbox --env"
        "\nCtrl-C stops everything."
    )


def _pages(sandbox: Sandbox) -> str:
    auth0, stripe = sandbox.auth0_server.url, sandbox.stripe_server.url
    return (
        f"Auth0's users       {auth0}/dashboard/users"
        f"\nStripe's customers  {stripe}/test/customers"
        f"\nStripe's products   {stripe}/test/products"
        f"\nStripe's events     {stripe}/test/events"
        f"\nShoppers            {_shoppers()}"
    )


def _shoppers() -> str:
    return "ada@example.com and grace@example.com, password Password1!"


if __name__ == "__main__":
    sys.exit(main())
