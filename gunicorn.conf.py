"""Gunicorn's configuration for the store: `python -m webstore`, or `gunicorn -c gunicorn.conf.py wsgi:app`.

The address, the number of processes and that of their threads are settings of the store: BIND or PORT,
WEB_CONCURRENCY and WEB_THREADS. Gunicorn itself reads WEB_CONCURRENCY before this file and ends with a
traceback if it is no number. `python -m webstore` checks it first.

Source: https://docs.gunicorn.org/en/stable/settings.html
"""

import atexit
import contextlib
import ctypes
import errno
import gc
import logging
import os
import re
import resource
import shutil
import socket
import tempfile

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from webstore.__main__ import settings_or_exit
from webstore.addresses import is_loopback
from webstore.dotenv_file import read_variables, readable_by_others
from webstore.errors import SettingsError
from webstore.logs import formatter

settings = settings_or_exit()

bind = settings.bind
workers = settings.web_concurrency
worker_class = "webstore.worker.Worker"
threads = settings.web_threads


def connections_within(files: int, threads: int) -> int:
    """The most connections of a worker that may have `files` open, with `threads`.

    Each connection is an open file. The shared state, calls to the vendors and the log need files, too.
    """
    most = 1000
    return most if files == resource.RLIM_INFINITY else max(threads + 1, min(most, files - 64 - 8 * threads))


worker_connections = connections_within(resource.getrlimit(resource.RLIMIT_NOFILE)[0], threads)

# glibc gives each thread a pool of its own, which keeps a megabyte or more of freed memory. Under Python's
# lock two pools are enough. A pool keeps half a megabyte of freed memory, and large blocks come from none:
# without these two limits the work of the start would raise them. Other C libraries have no such pools.
# Source: mallopt(3).
_M_ARENA_MAX, _M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -8, -1, -3
with contextlib.suppress(OSError, AttributeError):
    for parameter, value in ((_M_ARENA_MAX, 2), (_M_TRIM_THRESHOLD, 1 << 19), (_M_MMAP_THRESHOLD, 1 << 18)):
        ctypes.CDLL(None).mallopt(parameter, value)

# The application is built in the master: wrong settings end the start instead of respawning workers.
preload_app = True

# Seconds. A worker whose main loop does not respond for this long is replaced. A slow request does not count.
timeout = 30
# Seconds. Shorter than the 10 s after which `docker stop` and `make run` kill the process.
graceful_timeout = 8
# Seconds. Longer than the 60 s of common load balancers, because the load balancer has to close first.
keepalive = 75

# Bytes. Auth0's callback carries code, state and error texts. 8190 is gunicorn's maximum.
limit_request_line = 8190
# Bytes. The Cookie header is one field: login, cart and five login transactions exceed the usual 8190.
limit_request_field_size = 16380
limit_request_fields = 64

# The store counts its proxies itself, so gunicorn must not trust forwarded headers.
forwarded_allow_ips = ""

# Workers touch a file as their heartbeat. In memory this cannot block on a slow disk.
memory = "/dev/shm"  # noqa: S108 (gunicorn creates its files there by mkstemp and unlinks them at once)
worker_tmp_dir = memory if os.access(memory, os.W_OK) else None
# The store does not use gunicorn's control socket, which would be a file in the home directory.
control_socket_disable = True
proc_name = "webstore"

# The access log is off; `--access-logfile -` turns it on. It must not contain query strings or referrers.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(M)sms %({x-request-id}o)s'


def without_query(record: logging.LogRecord) -> bool:
    """Remove query strings from a log record."""
    record.msg, record.args = re.sub(r"\?[^\s'\"]*", "?...", record.getMessage()), None
    return True


class PrivateLogger(Logger):
    """Gunicorn's logger in the form of the store's log, without query strings.

    Query strings contain the codes and states of logins. Gunicorn logs the whole address of a request that is
    malformed or raises an exception.
    """

    def __init__(self, cfg: Config) -> None:
        super().__init__(cfg)
        self.error_log.addFilter(without_query)
        self.access_log.addFilter(without_query)
        for logger in (self.error_log, self.access_log):
            for handler in logger.handlers:
                handler.setFormatter(formatter(settings.log_format))


logger_class = PrivateLogger


def make_counters() -> str | None:
    """Make the folder in which the workers keep their counters, one for each start. None if it fails."""
    try:
        return tempfile.mkdtemp(prefix="webstore-metrics-")
    except OSError:
        return None


def remove_counters(folder: str, master: int) -> None:
    """Delete the folder of the counters when the master ends. Workers inherit the call but do nothing."""
    if os.getpid() == master:
        shutil.rmtree(folder, ignore_errors=True)


counters = make_counters()
if counters is not None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters
    atexit.register(remove_counters, counters, os.getpid())


def child_exit(_: Arbiter, worker: Worker) -> None:
    """Delete the metrics that are valid only while their worker process lives."""
    if counters is None or not os.path.isdir(counters):  # noqa: PTH112 (one look)
        return
    # Not at the top: the package reads PROMETHEUS_MULTIPROC_DIR when it is imported.
    from prometheus_client import multiprocess  # noqa: PLC0415

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the package has no types


def on_starting(server: Arbiter) -> None:
    """Refuse a start that cannot work with one line, say what may be wrong, and let Ctrl-C wait for requests.

    A start ends if an address is in use, for which gunicorn alone would retry for five seconds, or if Redis
    is not fit for the store.
    """
    inherited = server.master_pid or "LISTEN_FDS" in os.environ
    for address in server.address:
        if isinstance(address, tuple) and not inherited:
            require_free(*address)
    if settings.redis_url:
        # Not at the top, as in `child_exit`: the store's own modules import prometheus_client.
        from webstore.gateways.redis_check import require_usable  # noqa: PLC0415

        try:
            require_usable(settings.redis_url)
        except SettingsError as problem:
            raise SystemExit(str(problem)) from None
    # Ctrl-C goes to the whole group of processes. Like SIGTERM, it waits for the requests in progress.
    server.handle_int = server.handle_term  # type: ignore[method-assign]  # gunicorn looks handlers up by name
    hosts = [address[0] for address in server.address if isinstance(address, tuple)]
    found = hints(hosts, server.cfg.graceful_timeout, settings.link_budget_s)
    if exposed := readable_by_others(read_variables().path):
        found.append(exposed)
    if counters is None:
        found.append("No temporary folder can be written: /metrics has the counters of one worker")
    for hint in found:
        server.log.warning(hint)  # type: ignore[union-attr]  # it is there from the start on


def when_ready(_: Arbiter) -> None:
    """Take what was loaded so far out of the garbage collection, before workers are forked.

    Collecting it makes the end of each worker take seconds, and copies memory that the workers share.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def hints(hosts: list[str], stop_s: float, budget_s: float) -> list[str]:
    """What an operator may have overlooked. `stop_s`: how long a stop waits for requests (seconds)."""
    found = [
        f"Other machines may reach {host}. Put a proxy in front that buffers requests and answers, such as "
        "nginx: without one, slow clients can stop the server. See docs/reliability.md"
        for host in hosts
        if not is_loopback(host)
    ]
    if budget_s > stop_s:
        found.append(
            f"LINK_BUDGET_S={budget_s:g} is longer than the {stop_s:g} s that a stop waits for requests: it "
            "would cut off logins. Lower it, or raise gunicorn's --graceful-timeout and the time after which "
            "the process is killed"
        )
    return found


def require_free(host: str, port: int) -> None:
    """Exit with code 1 and a message if the server cannot listen on `host` and `port`."""
    shown = f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As in gunicorn: connections of an earlier server in TIME_WAIT do not block the port.
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
