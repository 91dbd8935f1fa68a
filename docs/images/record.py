"""Records commands at a terminal, against the sandbox, as pictures for the documentation: `make pictures`."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

from webstore.sandbox.vendors import Sandbox

HERE = Path(__file__).parent
TOP = HERE.parents[1]
COLUMNS = 100


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run one of the store's commands at a terminal, and return what it printed."""
    terminal, inside = pty.openpty()
    process = subprocess.Popen(  # noqa: S603  # made of constants
        [sys.executable, "-m", "flask", "--app", "wsgi", *command],
        cwd=TOP,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=inside,
        stderr=subprocess.DEVNULL,
    )
    os.close(inside)
    printed = bytearray()
    while True:
        try:
            printed += os.read(terminal, 65536)
        except OSError:  # the command has ended
            break
    process.wait()
    return printed.decode().replace("\r\n", "\n")


def save(name: str, command: list[str], printed: str) -> None:
    """Draw the terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ flask --app wsgi {' '.join(command)}", style="bold"))
    console.print(Text.from_ansi(printed.strip("\n")))
    drawn = console.export_svg(title="webstore")
    # The picture needs no font of another host.
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    (HERE / f"{name}.svg").write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n")
    sys.stdout.write(printed)


def break_it(tenant: str, token: str) -> None:
    """Register another callback, and take the scope away with which links are recorded."""
    with httpx.Client(
        base_url=f"{tenant}/api/v2/", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    ) as api:
        grant = next(it for it in api.get("client-grants").json() if it["audience"].endswith("/api/v2/"))
        left = [scope for scope in grant["scope"] if scope != "update:users_app_metadata"]
        api.patch(f"client-grants/{grant['id']}", json={"scope": left}).raise_for_status()
        changed = {"callbacks": ["https://shop.example.com/callback"]}
        api.patch(f"clients/{grant['client_id']}", json=changed).raise_for_status()


def main() -> None:
    """Set a store up in an empty tenant and account, and record what three of the commands print."""
    url = "http://127.0.0.1:8000"
    with Sandbox(url) as sandbox, tempfile.TemporaryDirectory() as folder:
        tenant = sandbox.auth0_server.url
        sandbox.auth0.control.reset(empty=True)
        answer = httpx.post(f"{tenant}/_sandbox/auth0/token", json={}, trust_env=False)
        token = answer.raise_for_status().json()["access_token"]
        demo = {
            **sandbox.environment(url),
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "COLUMNS": str(COLUMNS),
            "STATE_DIR": f"{folder}/state",
            "WEBSTORE_ENV_FILE": f"{folder}/.env",
            "AUTH0_SETUP_TOKEN": token,
        }
        given = ("AUTH0_CLIENT_", "AUTH0_MGMT_", "APP_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
        new = {name: value for name, value in demo.items() if not name.startswith(given)}
        run(["setup", "env", "--from-environment"], new)
        plan = ["setup", "auth0"]
        save("setup-auth0", plan, run(plan, new))
        run([*plan, "--apply"], new)
        run(["setup", "stripe", "--apply", "--catalogue", "docs/examples/catalogue.yaml"], new)
        break_it(tenant, token)
        # A secret as `stripe listen` prints it.
        doctor = ["doctor"]
        save("doctor", doctor, run(doctor, {**new, "STRIPE_WEBHOOK_SECRET": f"whsec_{'5e' * 32}"}))
        sandbox.auth0.control.reset()
        run(["customers", "link", "ada@example.com"], demo)
        show = ["customers", "show", "ada@example.com"]
        save("customers-show", show, run(show, demo))


if __name__ == "__main__":
    main()
