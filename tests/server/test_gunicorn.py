"""The store under its server: `gunicorn -c gunicorn.conf.py wsgi:app`, with nothing but its environment."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.redis_server import running_redis
from tests.server.under_gunicorn import (
    AMPLE_S,
    COMMAND,
    STORE_COMMAND,
    Store,
    answers,
    running_store,
    start,
)
from tests.support import NO_AUTHORITIES, PASSWORD, held, link_status, shown_customer, until
from webstore.sandbox.vendors import Sandbox

REQUIRED = ("AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "STRIPE_SECRET_KEY", "APP_SECRET_KEY")
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("gunicorn")
    readable_file = folder / "settings.env"
    readable_file.write_text("# all settings are in the environment\n")
    readable_file.chmod(0o644)
    with running_store(folder, WEBSTORE_ENV_FILE=str(readable_file)) as running:
        yield running


def test_a_file_of_settings_that_others_may_read_is_warned_of_once(store: Store) -> None:
    assert store.said().count("settings.env, which has secrets: chmod 600 it") == 1


# Serving


def test_two_workers_serve_logins_with_nothing_but_environment_variables(store: Store) -> None:
    until(lambda: len(store.workers()) == 2, AMPLE_S)
    seen = set()
    for _ in range(3):
        with store.browser() as browser:
            page = browser.log_in("ada@example.com")
            assert (page.status_code, link_status(page)) == (200, "linked")
            seen.add(shown_customer(page))
            assert shown_customer(browser.open("/account")) in seen
    assert len(seen) == 1


def test_a_login_goes_on_when_the_worker_that_began_it_is_gone(store: Store) -> None:
    with store.browser() as browser:
        page = browser.open("/login?next=/account")
        before = store.workers()
        for worker in before:
            os.kill(worker, signal.SIGTERM)
        until(lambda: not before & store.workers() and len(store.workers()) == 2, AMPLE_S)
        account = browser.submit(page, email="grace@example.com", password=PASSWORD)
        assert (account.status_code, link_status(account)) == (200, "linked")
        assert account.url.path == "/account"


def test_the_counters_of_all_workers_add_up(store: Store) -> None:
    name = "webstore_link_outcomes_total{"

    def counted() -> float:
        text = (
            httpx.get(f"{store.url}/metrics", verify=NO_AUTHORITIES, trust_env=False).raise_for_status().text
        )
        lines = [line for line in text.splitlines() if line.startswith(name)]
        # A login's page may verify the link as well, or not if that was done a moment ago.
        return sum(float(line.split()[-1]) for line in lines if 'status="verified"' not in line)

    before = counted()
    for _ in range(4):
        with store.browser() as browser:
            browser.log_in("ada@example.com")
    # The answer does not depend on the worker that is asked.
    assert [counted() for _ in range(4)] == [before + 4] * 4


def test_codes_states_cookies_and_secrets_are_never_logged(store: Store) -> None:
    with store.browser() as browser:
        page = browser.log_in("ada@example.com")
        (callback,) = [seen.url for seen in page.history if seen.url.path == "/callback"]
        private = [callback.params["code"], callback.params["state"]]
        private += [cookie.value for cookie in browser.client.cookies.jar if cookie.value]
        browser.open(f"/callback?{callback.query.decode()}")
        browser.open("/callback?code=wrong-code-hush&state=wrong-state-hush")
    target = "/callback?code=wrong-code-hush&state=wrong-state-hush"
    for request in (
        f"GET {target}\r\nHost: x\r\n\r\n",
        f"GET {target} HTTP/9.9\r\n\r\n",
        f"GET {target} and more HTTP/1.1\r\n\r\n",
        f"G(T {target} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET {target}&long={'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET {target} HTTP/1.1\r\nHost: x\r\nCookie: webstore=cookie-hush\r\nBad header\r\n\r\n",
        f"GET {target} HTTP/1.1\r\nHost: x\r\nReferer: http://x{target}\r\nTransfer-Encoding: bogus\r\n\r\n",
    ):
        send_raw(store.url, request)
    private += [value for name, value in store.environment.items() if re.search("SECRET|KEY", name)]
    assert len(private) >= 6
    said = store.said()
    assert "link user=auth0|" in said, "nothing was logged at all"
    assert [text for text in private if text in said] == []
    assert "hush" not in said
    assert "Traceback" not in said


def test_each_line_of_the_log_is_a_json_object_if_asked_for(tmp_path: Path) -> None:
    with running_store(tmp_path, LOG_FORMAT="json") as store:
        with store.browser() as browser:
            browser.client.headers["X-Request-ID"] = "of-the-proxy"
            browser.log_in("ada@example.com")
        send_raw(store.url, "G(T /callback?code=hush HTTP/1.1\r\nHost: x\r\n\r\n")
        store.stop()
        lines = [json.loads(line) for line in store.said().splitlines()]
    assert all(set(line) >= {"time", "level", "logger", "request", "message"} for line in lines)
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "webstore.linking.attempt"}
    assert {line["request"] for line in lines if line["logger"].startswith("webstore.")} == {"of-the-proxy"}


def test_the_access_log_has_the_id_of_the_request_and_one_line_for_each(tmp_path: Path) -> None:
    with running_store(tmp_path, GUNICORN_CMD_ARGS="--access-logfile -") as store:
        send_raw(store.url, "GET /a%0Aforged%E2%80%A8forged HTTP/1.0\r\nX-Request-ID: of-the-proxy\r\n\r\n")
        store.stop()
        lines = [line for line in store.said().splitlines() if "forged" in line]
    assert len(lines) == 1
    assert lines[0].endswith(" of-the-proxy")


def send_raw(url: str, request: str) -> None:
    """Send what no browser would, and wait for the end of the connection."""
    host, port = httpx.URL(url).host, httpx.URL(url).port
    with socket.create_connection((host, port or 80), timeout=30) as connection:
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while connection.recv(65536):
                pass


# Ending


def terminate(process: subprocess.Popen[bytes]) -> None:
    """What a service manager does."""
    process.send_signal(signal.SIGTERM)


def press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    """What a terminal does: every process of the group gets the signal."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [terminate, press_ctrl_c])
def test_it_ends_cleanly_after_the_request_in_progress(
    tmp_path: Path, stop: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    # A busy machine may need more than the usual 8 seconds.
    ample = running_store(tmp_path, LINK_BUDGET_S="20", GUNICORN_CMD_ARGS="--graceful-timeout 19")
    with ample as store, store.browser() as browser, ThreadPoolExecutor(1) as pool:
        page = browser.open("/login?next=/account")
        browser.client.follow_redirects = False
        answer = browser.submit(page, email="ada@example.com", password=PASSWORD)
        while "/callback" not in (location := answer.headers["Location"]):
            answer = browser.client.get(answer.url.join(location))
        workers = store.workers()
        with held(store.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
            login = pool.submit(browser.client.get, location)
            until(has_come, AMPLE_S)
            stop(store.process)
            # The idle worker ends at once, so the signal has come to both.
            until(lambda: len(store.workers()) == 1, AMPLE_S)
            # A proxy asks the next machine then.
            until(lambda: refuses(store.url), AMPLE_S)
            assert not login.done()
        assert login.result(AMPLE_S).headers["Location"] == "/account"
        assert store.process.wait(AMPLE_S) == 0
        assert [worker for worker in workers if Path(f"/proc/{worker}").exists()] == []
        assert "Traceback" not in store.said()
        assert not list(store.temporary.glob("webstore-metrics-*"))
        assert "outcome=created" in store.said()
        assert "LINK_BUDGET_S=20 is longer than the 19 s that a stop waits for requests" in store.said()


def refuses(url: str) -> bool:
    """Whether the server takes no connection. One that it takes, it has to answer."""
    try:
        with ask_for_health(url) as connection:
            assert connection.recv(len(OK)) == OK
    except ConnectionRefusedError:
        return True
    return False


def ask_for_health(url: str) -> socket.socket:
    """A connection with a request on it."""
    connection = socket.create_connection((httpx.URL(url).host, httpx.URL(url).port or 80), AMPLE_S)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return connection


def test_a_stop_answers_the_connections_that_wait_already(tmp_path: Path) -> None:
    with running_store(tmp_path) as store, ExitStack() as stack:
        until(lambda: len(store.workers()) == 2, AMPLE_S)
        workers = store.workers()
        until(lambda: all(has_own_handlers(worker) for worker in workers), AMPLE_S)
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        waiting = [stack.enter_context(ask_for_health(store.url)) for _ in range(10)]
        terminate(store.process)
        until(lambda: all(is_told_to_end(worker) for worker in workers), AMPLE_S)
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        assert [connection.recv(len(OK)) for connection in waiting] == [OK] * len(waiting)
        assert store.process.wait(AMPLE_S) == 0


def is_told_to_end(pid: int) -> bool:
    """Whether SIGTERM waits for a process that is stopped."""
    return signal.SIGTERM in signals(pid, "ShdPnd")


def has_own_handlers(pid: int) -> bool:
    """Whether a worker has replaced the master's handlers, with which it begins. They lose a SIGTERM."""
    return signal.SIGHUP not in signals(pid, "SigCgt")


def signals(pid: int, kind: str) -> set[int]:
    """The signals in this mask of a process: proc_pid_status(5)."""
    found = re.search(rf"^{kind}:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    mask = int(found[1], 16) if found else 0
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


# Not starting


@dataclass
class Failed:
    """A start that ended by itself."""

    code: int
    said: str
    left_behind: list[Path]


def failed_start(folder: Path, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> Failed:
    process = start(environment, folder / "tmp", folder / "output", command)
    try:
        code = process.wait(AMPLE_S)
    finally:
        process.kill()
        process.wait()
    return Failed(code, (folder / "output").read_text(), list((folder / "tmp").iterdir()))


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A working one, for a free port."""
    with Sandbox(f"http://127.0.0.1:{free_port()}") as sandbox:
        yield sandbox.environment()


def test_without_variables_it_ends_with_the_list_of_them(tmp_path: Path) -> None:
    failed = failed_start(tmp_path, {"BIND": f"127.0.0.1:{free_port()}"})
    assert failed.code == 1
    assert "The store cannot start: 5 settings are missing or wrong." in failed.said
    for name in REQUIRED:
        assert f"  - {name} is missing. Find it: " in failed.said
    assert "Traceback" not in failed.said
    assert failed.left_behind == []


def test_a_wrong_variable_ends_it_with_a_message_and_no_secret(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    failed = failed_start(tmp_path, {**environment, "STRIPE_SECRET_KEY": "pk_test_hush"})
    assert failed.code == 1
    assert "STRIPE_SECRET_KEY is a publishable key" in failed.said
    assert "hush" not in failed.said
    assert "Traceback" not in failed.said


def test_a_port_in_use_ends_it_with_a_line_that_names_it(tmp_path: Path, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        failed = failed_start(tmp_path, {**environment, "BIND": f"127.0.0.1:{port}"})
    assert failed.code == 1
    (line,) = [line for line in failed.said.splitlines() if str(port) in line]
    assert line.startswith(f"Cannot listen on 127.0.0.1:{port}: port {port} is used by another program.")
    assert "Traceback" not in failed.said
    assert failed.left_behind == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BIND", "127.0.0.1:port", "BIND must be host:port"),
        ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY is '0': use a whole number from 1 to 256."),
        ("WEB_THREADS", "8.5", "WEB_THREADS is '8.5': use a whole number from 1 to 256."),
    ],
)
def test_a_wrong_variable_of_the_servers_own_ends_it_with_a_message(
    tmp_path: Path, environment: dict[str, str], name: str, value: str, message: str
) -> None:
    failed = failed_start(tmp_path, {**environment, name: value})
    assert failed.code == 1
    assert f"  - {message}" in failed.said
    assert "Traceback" not in failed.said
    assert failed.left_behind == []


@pytest.mark.parametrize("command", [COMMAND, STORE_COMMAND], ids=["gunicorn", "the store's command"])
def test_everything_that_is_wrong_is_told_in_one_list_and_without_a_traceback(
    tmp_path: Path, environment: dict[str, str], command: Sequence[str]
) -> None:
    no_folder = tmp_path / "a file"
    no_folder.write_text("")
    wrong = {
        # Gunicorn itself reads this one.
        "WEB_CONCURRENCY" if command == STORE_COMMAND else "WEB_THREADS": "many",
        "BIND": "a b",
        "PORT": "http",
        "STRIPE_SECRET_KEY": '"sk_test_hush"',
        "REDIS_URL": "redis://:hush#1@localhost/0",
        "FULFIL": "no_such_module:hook",
        "STATE_DIR": str(no_folder),
    }
    failed = failed_start(tmp_path, {**environment, **wrong}, command)
    assert failed.code == 1
    assert "The store cannot start: 7 settings are missing or wrong." in failed.said
    assert sorted(re.findall(r"^  - (\w+)", failed.said, re.MULTILINE)) == sorted(wrong)
    assert "hush" not in failed.said
    assert "Traceback" not in failed.said


def test_a_hook_and_a_folder_that_cannot_be_used_end_the_start_with_one_message(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    wrong = {"FULFIL": "no_such_module:hook", "STATE_DIR": "/dev/null"}
    failed = failed_start(tmp_path, {**environment, **wrong})
    assert failed.code == 1
    assert sorted(re.findall(r"^  - (\w+)", failed.said, re.MULTILINE)) == sorted(wrong)
    assert failed.said.count("The store cannot start: 2 settings are missing or wrong.") == 1
    assert "Traceback" not in failed.said
    assert failed.left_behind == []


def test_a_redis_that_will_never_do_ends_the_start_with_a_sentence(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with running_redis(tmp_path, "--maxmemory-policy", "allkeys-lru") as redis:
        failed = failed_start(tmp_path, {**environment, "REDIS_URL": redis.url})
    assert failed.code == 1
    assert "  - REDIS_URL: the server's maxmemory-policy is allkeys-lru" in failed.said
    assert "Traceback" not in failed.said
    assert failed.left_behind == []


def test_the_stores_command_serves_on_the_port_of_the_platform(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    port = environment.pop("BIND").rpartition(":")[2]
    given = {**environment, "PORT": port, "WEB_CONCURRENCY": "", "STATE_DIR": str(tmp_path / "state")}
    process = start(given, tmp_path / "tmp", tmp_path / "output", STORE_COMMAND)
    try:
        until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}"), AMPLE_S)
        assert process.poll() is None, (tmp_path / "output").read_text()
        assert f"http://0.0.0.0:{port}" in (tmp_path / "output").read_text()
    finally:
        process.terminate()
        process.wait(AMPLE_S)
