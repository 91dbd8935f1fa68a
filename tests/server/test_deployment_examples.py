"""The files of docs/examples for a deployment: the program that each is for reads it, if it is installed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import redis

from tests.gateways.test_redis_check import self_signed
from tests.nginx_server import nginx
from tests.ports import free_port, free_ports
from tests.redis_server import redis_server, running_redis
from tests.server.under_gunicorn import AMPLE_S, ROOT, STORE_COMMAND
from tests.support import NO_AUTHORITIES, Browser, link_status, until
from webstore.gateways.redis_check import require_usable
from webstore.gateways.redis_state import RedisState
from webstore.state import SERVER_RUN

EXAMPLES = ROOT / "docs" / "examples"
PASSWORD = "change-this-password"


# nginx, systemd, platforms


def test_nginx_accepts_the_example(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    text = (EXAMPLES / "nginx" / "webstore.conf").read_text()
    for name, here in {
        "/etc/ssl/shop.example.com/fullchain.pem": certificate,
        "/etc/ssl/shop.example.com/privkey.pem": key,
        "/etc/nginx/webstore-locations.conf": EXAMPLES / "nginx" / "webstore-locations.conf",
        "/var/cache/nginx/webstore": tmp_path / "cache",
        "/var/log/nginx/webstore.log": tmp_path / "access.log",
        "listen 80;": f"listen {free_port()};",
        "listen [::]:80;": "",
        "listen 443 ssl;": f"listen {free_port()} ssl;",
        "listen [::]:443 ssl;": "",
    }.items():
        assert name in text
        text = text.replace(name, str(here))
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/nginx.pid;\nevents {{ }}\nhttp {{\n{text}\n}}\n")
    command = [nginx(), "-t", "-c", str(file), "-e", str(tmp_path / "errors.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AMPLE_S)  # noqa: S603
    assert (done.returncode, "test is successful" in done.stderr) == (0, True), done.stderr


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "webstore.service"
    text = (EXAMPLES / "webstore.service").read_text()
    assert "ExecStart=/opt/webstore/.venv/bin/python -m webstore\n" in text
    # systemd wants the program to exist.
    unit.write_text(text.replace("/opt/webstore/.venv/bin/python", sys.executable))
    command = [program, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AMPLE_S)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")


def test_platforms_and_containers_start_the_stores_own_command() -> None:
    command = " ".join(["python", *STORE_COMMAND[1:]])
    assert (EXAMPLES / "Procfile").read_text() == f"web: {command}\n"
    container = (EXAMPLES / "Containerfile").read_text()
    quoted = ", ".join(f'"{word}"' for word in command.split())
    assert container.endswith(f"CMD [{quoted}]\n")
    copied = re.findall(r"^COPY (.+) \S+$", container, re.MULTILINE)
    assert {name for names in copied for name in names.split()} == {
        *("requirements.txt", "gunicorn.conf.py", "wsgi.py"),
        *("webstore", "templates", "static"),
    }


# Redis


@contextmanager
def example_redis(folder: Path) -> Iterator[str]:
    """A Redis with the example's configuration, but for the places. Gives its URL, with TLS."""
    certificate, key = self_signed(folder)
    shutil.copy(EXAMPLES / "redis" / "webstore.acl", folder / "webstore.acl")
    shutil.copy(EXAMPLES / "redis" / "webstore.conf", folder / "webstore.conf")
    port = free_port()
    places = {"tls-port": port, "tls-cert-file": certificate, "tls-key-file": key}
    options = [word for name, value in places.items() for word in (f"--{name}", str(value))]
    options += ["--aclfile", str(folder / "webstore.acl")]
    with running_redis(folder, *options, configuration=folder / "webstore.conf"):
        # A busy machine may need longer than the store waits.
        ample = f"socket_timeout={AMPLE_S:g}&socket_connect_timeout={AMPLE_S:g}"
        yield f"rediss://webstore:{PASSWORD}@localhost:{port}/0?ssl_ca_certs={certificate}&{ample}"


def test_the_example_redis_lets_the_store_do_what_it_needs_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with example_redis(tmp_path) as url:
        require_usable(url)
        assert caplog.messages == []
        state = RedisState(url, "webstore:of-a-test:")
        state.set("a", "1", 60)
        assert state.get_many(["a", "b", SERVER_RUN]).keys() == {"a", SERVER_RUN}
        assert (state.add("a", "2", 60), state.add("c", "2", 60)) == (False, True)
        assert (state.count("d", 60), state.count("d", 60)) == (1, 2)
        state.delete("a")
        assert state.get("a") is None
        with redis.Redis.from_url(url) as client:
            for command in (
                ("GET", "another:key"),
                ("SET", "another:key", "1"),
                ("KEYS", "*"),
                ("FLUSHALL",),
                ("CONFIG", "GET", "*"),
                ("ACL", "LIST"),
                ("EVAL", "return 1", "0"),
            ):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.execute_command(*command)
        without_password = url.replace(f"webstore:{PASSWORD}@", "")
        with redis.Redis.from_url(without_password) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


# make cluster


def test_a_cluster_serves_by_both_stores_keeps_static_files_in_nginx_and_ends_with_ctrl_c(
    tmp_path: Path,
) -> None:
    nginx()
    redis_server()
    port = free_ports(6)
    command = [sys.executable, "-m", "webstore.sandbox", f"--port={port + 1}", f"--store-port={port}"]
    command += ["--", sys.executable, "-m", "tests.cluster", f"--port={port}"]
    output, url = tmp_path / "output", f"http://127.0.0.1:{port}"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "WEB_CONCURRENCY": "1"}
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 (ourselves)
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            process_group=0,
        )
    try:
        until(lambda: process.poll() is not None or "Ctrl-C stops everything" in output.read_text(), AMPLE_S)
        assert process.poll() is None, output.read_text()
        with httpx.Client(
            base_url=url, follow_redirects=True, timeout=30, verify=NO_AUTHORITIES, trust_env=False
        ) as client:
            browser = Browser(client)
            page = browser.log_in()
            assert (page.status_code, link_status(page)) == (200, "linked")
            (stylesheet,) = re.findall(r'"(/static/css/[^"]+)"', page.text)
            answers = [client.get(stylesheet, headers={"Accept-Encoding": "br"}) for _ in range(2)]
        kept = next(tmp_path.glob("webstore-cluster-*/nginx.log"))
        asked = re.compile(rf"{re.escape(stylesheet)} 200 upstream=(\S+)\n")
        # nginx writes a line after the answer has been sent.
        until(lambda: len(asked.findall(kept.read_text())) == len(answers), AMPLE_S)
        log = kept.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        code = process.wait(AMPLE_S)
    assert [it.headers["Content-Encoding"] for it in answers] == ["br", "br"]
    assert answers[0].headers["X-Request-ID"] != answers[1].headers["X-Request-ID"]
    assert [it == "-" for it in asked.findall(log)] == [False, True]
    both = {f"127.0.0.1:{port + 4}", f"127.0.0.1:{port + 5}"}
    assert set(re.findall(r"upstream=(\S+)$", log, re.MULTILINE)) == {*both, "-"}
    assert code == 0
    assert "Traceback" not in output.read_text()
    assert not list(tmp_path.glob("webstore-*"))
