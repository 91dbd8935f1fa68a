"""An nginx that a test runs for itself, in front of one or several stores."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection

import pytest

from tests.support import until

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream store {{ {servers} {keepalive} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://store;
      {directives}
    }}
  }}
}}
"""


def nginx() -> str:
    """The path of the program. Without it the test is skipped, and fails if CI is set."""
    executable = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if executable is None:
        if "CI" in os.environ:
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    return executable


@contextmanager
def running_nginx(
    folder: Path, port: int, *stores: str, directives: str = "", keepalive: int = 0
) -> Iterator[None]:
    """An nginx on `port` that passes each request on to the next of the `stores`.

    `stores`: host and port of each, with parameters of nginx after them.
    `directives`: more lines of the location. Without any, nginx sends the Host header "store".
    `keepalive`: idle connections to the stores that stay open; the directives must then send HTTP/1.1.
    Source: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#upstream (weighted round-robin)
    """
    executable = nginx()
    folder.mkdir()
    file = folder / "nginx.conf"
    servers = " ".join(f"server {store};" for store in stores)
    kept = f"keepalive {keepalive};" if keepalive else ""
    values = {"folder": folder, "port": port, "servers": servers, "keepalive": kept, "directives": directives}
    file.write_text(_CONFIGURATION.format(**values))
    command = [executable, "-c", str(file), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 (from the PATH)
    try:
        until(lambda: process.poll() is not None or _listens(port), within_s=60)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with suppress(OSError), create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
