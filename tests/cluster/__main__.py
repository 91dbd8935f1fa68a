"""The command `python -m tests.cluster`: runs a cluster until Ctrl-C or SIGTERM.

`make cluster` starts it beside the sandbox, whose environment points the stores at the two vendors.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.cluster.processes import Cluster, Missing

_POLL_S = 0.2


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument(
        "--port", type=int, required=True, help="nginx's; Redis and the stores get PORT+3 to PORT+5"
    )
    port = parser.parse_args().port
    if port > 65530:
        print("The stores need ports up to PORT+5, and ports go up to 65535.", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="webstore-cluster-") as folder:
        try:
            cluster = Cluster(Path(folder), os.environ, port, [port + 3, port + 4, port + 5])
        except Missing as problem:
            print(problem, file=sys.stderr)
            return 1
        return _run(cluster, stop)


def _run(cluster: Cluster, stop: threading.Event) -> int:
    try:
        cluster.start(stop.is_set)
        if not stop.is_set():
            print(_summary(cluster), flush=True)
        while not stop.wait(_POLL_S) and not cluster.nginx.has_ended():
            for it in (cluster.redis, *cluster.stores):
                if it.has_ended():
                    print(f"{it.name} has ended. Starting it again.", flush=True)
                    it.start(stop.is_set)
    except Missing as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        cluster.stop()
    return 0


def _summary(cluster: Cluster) -> str:
    lines = [
        f"{it.name:<14}http://{address}   kill -9 {it.process.pid if it.process else ''}"
        for it, address in zip(cluster.stores, cluster.addresses, strict=True)
    ]
    pid = cluster.redis.process.pid if cluster.redis.process else ""
    return "\n".join(
        (
            f"{'nginx':<14}{cluster.url}   gives each request to the next store",
            *lines,
            f"{'Redis':<14}{cluster.redis_url}   kill -9 {pid}",
            f"{'logs':<14}{cluster.folder}",
            "A store or Redis that is killed is started again.",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
