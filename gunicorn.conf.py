"""How gunicorn serves the store: `gunicorn -c gunicorn.conf.py wsgi:app`.

Environment, all optional:

- BIND: where to listen, `host:port`, `[ipv6]:port` or `unix:path`; default 127.0.0.1:8000.
- WEB_CONCURRENCY: worker processes; default 2. (Gunicorn reads it before this file: text that is no
  number ends the start with gunicorn's own ValueError.)
- WEB_THREADS: threads of each worker, so requests that it answers at a time; default 8.

Source: https://docs.gunicorn.org/en/stable/settings.html
"""

import atexit
import errno
import logging
import os
import re
import shutil
import socket
import tempfile

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.util import parse_address
from gunicorn.workers.base import Worker

problems: list[str] = []


def whole_number(name: str, default: int, most: int) -> int:
    """Give the number from 1 to `most` that the environment holds under `name`, noting a bad one."""
    text = os.environ.get(name, "").strip() or str(default)
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= most:
        return int(text)
    problems.append(f"{name} must be a whole number from 1 to {most}, but is {text!r}.")
    return default


def listen_address(default: str) -> str:
    """Give the address in BIND, noting one that gunicorn could not read."""
    text = os.environ.get("BIND", "").strip() or default
    try:
        address = parse_address(text)
    except RuntimeError:  # a port that is no number
        address = ("", -1)
    if isinstance(address, tuple) and not 0 <= address[1] <= 65535:
        problems.append(f"BIND must be host:port with a port up to 65535, or unix:path, but is {text!r}.")
    return text


bind = listen_address("127.0.0.1:8000")
workers = whole_number("WEB_CONCURRENCY", 2, most=256)
worker_class = "gthread"
threads = whole_number("WEB_THREADS", 8, most=256)

if problems:
    raise SystemExit("The server cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))

# The application is made in the master: wrong settings end the start instead of respawning workers.
preload_app = True

# Seconds. A worker whose main loop is silent that long is replaced; a slow request alone is not.
timeout = 30
# Shorter than the 10 s that `docker stop` and `make run` wait before they kill.
graceful_timeout = 8
# Longer than the 60 s of common load balancers: the one that closes first must not be this server.
keepalive = 75

# Bytes. Auth0's callback carries code, state and error texts; 8190 is the most that gunicorn allows.
limit_request_line = 8190
# The Cookie header is one field: login, cart and up to five login transactions outgrow the usual 8190.
limit_request_field_size = 16380
limit_request_fields = 64

# The store counts its proxies itself; gunicorn must not believe a forwarded header on its own.
forwarded_allow_ips = ""

# Workers touch a file as their heartbeat; in memory it cannot block on a slow disk.
memory = "/dev/shm"  # noqa: S108 (gunicorn makes its files there by mkstemp and unlinks them at once)
worker_tmp_dir = memory if os.access(memory, os.W_OK) else None
# Nothing here is steered at run time, and the socket would be a file in the home directory.
control_socket_disable = True
proc_name = "webstore"

# The access log is off; `--access-logfile -` turns it on. Neither query string nor referrer may be in it.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(M)sms'


def without_query(record: logging.LogRecord) -> bool:
    """Cut query strings out of a log record."""
    record.msg, record.args = re.sub(r"\?[^\s'\"]*", "?...", record.getMessage()), None
    return True


def on_one_line(record: logging.LogRecord) -> bool:
    """Escape a log record's control characters: a path with %0A in it must not add a line of its own."""
    message = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"%{ord(found[0]):02X}", record.getMessage())
    record.msg, record.args = message, None
    return True


class PrivateLogger(Logger):
    """Gunicorn's logger without query strings: the codes and states of logins travel in them.

    Gunicorn writes a request's whole address where it is malformed or an exception escapes.
    """

    def __init__(self, cfg: Config) -> None:
        super().__init__(cfg)
        self.error_log.addFilter(without_query)
        self.access_log.addFilter(without_query)
        self.access_log.addFilter(on_one_line)


logger_class = PrivateLogger


# The workers' counters add up in files, in a folder made anew for each start.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="webstore-metrics-")


def remove_counters(folder: str, master: int) -> None:
    """Take the counters' folder away when the master ends; its workers inherit this and do nothing."""
    if os.getpid() == master:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(remove_counters, os.environ["PROMETHEUS_MULTIPROC_DIR"], os.getpid())


def child_exit(_: Arbiter, worker: Worker) -> None:
    """Let go of what an ended worker kept for its process alone."""
    # Not at the top: the package decides when it is imported whether there are many processes.
    from prometheus_client import multiprocess  # noqa: PLC0415

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # untyped in the package


def on_starting(server: Arbiter) -> None:
    """End the start with one line when an address is taken; gunicorn alone would try for five seconds."""
    inherited = server.master_pid or "LISTEN_FDS" in os.environ
    for address in server.address:
        if isinstance(address, tuple) and not inherited:
            require_free(*address)


def require_free(host: str, port: int) -> None:
    """Leave with exit code 1 and a message unless one can listen on `host` and `port`."""
    shown = f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As gunicorn does: connections that a former server left in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            taken = exc.errno == errno.EADDRINUSE
            reason = f"port {port} is used by another program" if taken else exc.strerror
            other = f"{shown}:{port + 10}" if taken and port <= 65525 else "127.0.0.1:8000"
            raise SystemExit(
                f"Cannot listen on {shown}:{port}: {reason}. Choose another address, such as BIND={other}"
            ) from None
