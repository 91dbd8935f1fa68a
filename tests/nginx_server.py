"""An nginx that a test runs for itself, in front of a store."""

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
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream store {{ server {store}; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://store;
      {directives}
    }}
  }}
}}
"""


@contextmanager
def running_nginx(folder: Path, port: int, store: str, directives: str = "") -> Iterator[None]:
    """An nginx on `port` that passes everything on to the `store` (host and port).

    `directives`: more lines of the location. Without any, nginx sends the Host header "store".
    """
    executable = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if executable is None:
        if "CI" in os.environ:
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    folder.mkdir()
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, port=port, store=store, directives=directives))
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
