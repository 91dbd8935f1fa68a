"""The command `python -m webstore.sandbox`, run in a process as a person runs it."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port, free_ports
from webstore.sandbox.vendors import Sandbox

# A minimal store: it prints settings from its environment, answers on its port, and ends on SIGTERM.
STORE = """
import http.server, os, signal, sys
class Store(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
print("issuer", os.environ["AUTH0_ISSUER"], "left over", os.environ.get("AUTH0_MGMT_DOMAIN"), flush=True)
print("key", os.environ["APP_SECRET_KEY"], flush=True)
signal.signal(signal.SIGTERM, lambda *_: (print("the store was asked to end", flush=True), sys.exit(0)))
host, port = os.environ["BIND"].split(":")
http.server.HTTPServer((host, int(port)), Store).serve_forever()
"""
STUBBORN = STORE.replace("sys.exit(0)", "None")
TOP = Path(__file__).parents[2]
#: What `make run` starts beside the sandbox.
RUN = re.findall(r"-- \$\(PY\) (-m gunicorn .*)", (TOP / "Makefile").read_text())[0].split()


def _free_ports() -> tuple[int, int]:
    """Two free ports. The port after the first is free, too."""
    return free_ports(2), free_port()


def _arguments(port: int, store_port: int, *more: str) -> list[str]:
    ports = ["--port", str(port), "--store-port", str(store_port)]
    return [sys.executable, "-m", "webstore.sandbox", *ports, *more]


def _finish(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 (ourselves)


@contextmanager
def _running(output: Path, *command: str) -> Iterator[tuple["subprocess.Popen[bytes]", int, int]]:
    """Run the sandbox, with a command or alone. Yields its process and the ports of Auth0 and the store."""
    port, store_port = _free_ports()
    more = ["--", *command] if command else []
    environment = {**os.environ, "AUTH0_MGMT_DOMAIN": "real-tenant.example.com"}
    with output.open("wb") as sink:
        sandbox = subprocess.Popen(  # noqa: S603 (ourselves)
            _arguments(port, store_port, *more),
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            yield sandbox, port, store_port
        finally:
            sandbox.kill()
            sandbox.wait()


def _until(output: Path, text: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while text not in output.read_text():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_help_says_what_it_is_and_how_to_use_it() -> None:
    done = _finish(sys.executable, "-m", "webstore.sandbox", "--help")
    assert done.returncode == 0
    assert "Nothing is real" in done.stdout
    assert "python -m webstore.sandbox -- gunicorn" in done.stdout


def test_env_prints_what_a_shell_can_evaluate() -> None:
    printed = _finish(*_arguments(9001, 9000, "--env"))
    assert printed.returncode == 0
    shown = _finish("/bin/sh", "-c", f"{printed.stdout}\nenv")
    environment = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
    assert (
        environment.items()
        >= {
            "BASE_URL": "http://127.0.0.1:9000",
            "BIND": "127.0.0.1:9000",
            "AUTH0_DOMAIN": "127.0.0.1:9001",
            "AUTH0_ISSUER": "http://127.0.0.1:9001/",
            "AUTH0_DASHBOARD_URL": "http://127.0.0.1:9001/dashboard",
            "STRIPE_API_BASE": "http://127.0.0.1:9002",
            "STRIPE_DASHBOARD_URL": "http://127.0.0.1:9002/test",
        }.items()
    )
    names = {shlex.split(line)[1].partition("=")[0] for line in printed.stdout.splitlines()}
    assert names >= {
        "APP_SECRET_KEY",
        "AUTH0_CLIENT_ID",
        "AUTH0_CLIENT_SECRET",
        "AUTH0_MGMT_CLIENT_ID",
        "AUTH0_MGMT_CLIENT_SECRET",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
    }
    assert environment["STRIPE_SECRET_KEY"].startswith("sk_test_")
    assert _finish(*_arguments(9001, 9000, "--env")).stdout == printed.stdout


def test_a_store_of_another_run_does_not_know_the_sessions_of_the_last_one() -> None:
    command = ("--", sys.executable, "-c", "import os; print('key', os.environ['APP_SECRET_KEY'])")
    first, second = (_finish(*_arguments(*_free_ports(), *command)).stdout for _ in range(2))
    keys = [re.findall("^key (.{32,})$", output, re.MULTILINE) for output in (first, second)]
    assert [len(found) for found in keys] == [1, 1]
    assert keys[0] != keys[1]


def test_the_two_vendors_run_alone_until_ctrl_c(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with _running(output) as (sandbox, port, _):
        _until(output, "Ctrl-C stops everything.")
        discovery = httpx.get(f"http://127.0.0.1:{port}/.well-known/openid-configuration", trust_env=False)
        assert discovery.json()["issuer"] == f"http://127.0.0.1:{port}/"
        assert httpx.get(f"http://127.0.0.1:{port + 1}/test/customers", trust_env=False).status_code == 200
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(20) == 0
        assert not _is_open(port)
    assert "Traceback" not in output.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_store_runs_with_them_and_ends_with_them(tmp_path: Path, number: signal.Signals) -> None:
    output = tmp_path / "output"
    with _running(output, sys.executable, "-c", STORE) as (sandbox, port, store_port):
        _until(output, "Ctrl-C stops everything.")
        text = output.read_text()
        assert f"issuer http://127.0.0.1:{port}/ left over None" in text
        for address in (
            f"http://127.0.0.1:{store_port}\n",
            f"http://127.0.0.1:{port}/dashboard/users",
            f"http://127.0.0.1:{port + 1}/test/customers",
            "ada@example.com",
            "Password1!",
        ):
            assert address in text
        sandbox.send_signal(number)
        assert sandbox.wait(20) == 0
        assert not any(map(_is_open, (port, port + 1, store_port)))
    assert "the store was asked to end" in output.read_text()
    assert "Traceback" not in output.read_text()


def test_make_run_never_reads_a_developers_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSTORE_ENV_FILE", "/developers/own.env")
    command = ("--", sys.executable, "-c", "import os; print('file', repr(os.environ['WEBSTORE_ENV_FILE']))")
    assert _finish(*_arguments(*_free_ports(), *command)).stdout == "file ''\n"
    assert "export WEBSTORE_ENV_FILE=''\n" in _finish(*_arguments(9001, 9000, "--env")).stdout


def test_commands_of_the_summary_work_against_this_run_until_it_ends(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with _running(output, sys.executable, "-c", STORE) as (sandbox, port, _):
        _until(output, "Ctrl-C stops everything.")
        text = output.read_text()
        commands = re.findall(
            r"^  WEBSTORE_ENV_FILE=(\S+) (\.venv/bin/flask --app wsgi .*)$", text, re.MULTILINE
        )
        assert [command.removeprefix(".venv/bin/flask --app wsgi ") for _, command in commands] == [
            "doctor",
            "customers show ada@example.com",
        ]
        ((path,), key) = {Path(it) for it, _ in commands}, re.findall("^key (.{32,})$", text, re.MULTILINE)[0]
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert f"APP_SECRET_KEY={shlex.quote(key)}\n" in path.read_text()
        # A command of the store that needs settings alone.
        flask = [sys.executable, "-m", "flask", "--app", "wsgi", "setup", "action", "--account", "acct_1A"]
        variables = {"PATH": os.environ["PATH"], "WEBSTORE_ENV_FILE": str(path)}
        done = subprocess.run(flask, cwd=TOP, env=variables, capture_output=True, text=True, check=True)  # noqa: S603
        assert f'TENANT = "127.0.0.1:{port}"' in done.stdout
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(20) == 0
    assert not path.parent.exists()


def test_nothing_of_the_server_follows_or_interrupts_the_summary(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with _running(output, sys.executable, *RUN) as (sandbox, _, _):
        _until(output, "Ctrl-C stops everything.", 100)
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(60) == 0
    before, _, after = output.read_text().partition("\nThe store  ")
    assert before == ""
    assert after.endswith("\nCtrl-C stops everything.\n\nStopped.\n")
    assert "gunicorn" not in after
    assert after.count("/account/link") == 1


def test_a_store_that_will_not_end_is_made_to(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with _running(output, sys.executable, "-c", STUBBORN) as (sandbox, _, store_port):
        _until(output, "Ctrl-C stops everything.")
        began = time.monotonic()
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(30) == 0
        assert time.monotonic() - began >= 9
        assert not _is_open(store_port)


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("exit 0", 0), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_stores(script: str, code: int) -> None:
    done = _finish(*_arguments(*_free_ports(), "--", "/bin/sh", "-c", script))
    assert (done.returncode, done.stderr) == (code, "")


def test_a_command_that_does_not_exist_is_one_line() -> None:
    done = _finish(*_arguments(*_free_ports(), "--", "no-such-command"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no-such-command cannot be started: No such file or directory.\n"


@pytest.mark.parametrize(("offset", "who"), [(0, "Auth0"), (1, "Stripe"), (None, "the store")])
def test_a_port_in_use_is_one_line_that_names_it(offset: int | None, who: str) -> None:
    port, store_port = _free_ports()
    busy = store_port if offset is None else port + offset
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", busy))
        occupant.listen()
        done = _finish(*_arguments(port, store_port, "--", "/bin/sh", "-c", "echo started"))
    assert (done.returncode, done.stdout) == (1, "")
    line = f"Port {busy} for {who} is in use. Choose other ports with: make run PORT=9000\n"
    assert done.stderr == line


@pytest.mark.parametrize(
    ("ports", "message"),
    [((65535, 8000), "ports go from 1 to 65535"), ((8001, 8002), "three different ports")],
)
def test_impossible_ports_are_refused(ports: tuple[int, int], message: str) -> None:
    done = _finish(*_arguments(*ports))
    assert done.returncode == 1
    assert message in done.stderr


def test_there_is_no_other_host_than_loopback() -> None:
    done = _finish(*_arguments(8001, 8000, "--host", "0.0.0.0"))  # noqa: S104 (this is what must be refused)
    assert done.returncode == 2
    assert "unrecognized arguments: --host" in done.stderr


def test_the_sandbox_serves_tests_in_the_same_process() -> None:
    with Sandbox("http://127.0.0.1:9000", "http://127.0.0.1:9100") as sandbox:
        first, second = sandbox.environment(), sandbox.environment("http://127.0.0.1:9100")
        assert (first["BASE_URL"], second["BASE_URL"]) == ("http://127.0.0.1:9000", "http://127.0.0.1:9100")
        assert first["AUTH0_DOMAIN"] == sandbox.auth0_server.url.removeprefix("http://")
        answer = httpx.get(
            f"{first['STRIPE_API_BASE']}/v1/customers", auth=(first["STRIPE_SECRET_KEY"], ""), trust_env=False
        )
        assert answer.json()["data"] == []
        assert [entry.path for entry in sandbox.stripe.control.requests()] == ["/v1/customers"]
        assert sandbox.auth0.control.requests() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(first["STRIPE_API_BASE"], trust_env=False)
