"""A store of two workers under the attack on logouts, with files or with a Redis that may be killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.logouts import Attack, attack, final_tries, log_in
from tests.redis_server import running_redis
from tests.server.under_gunicorn import Store, running_store
from webstore.routes.limits import WINDOW_S

FILES, REDIS, KILLED = "files", "redis", "redis killed"
FORMS = (FILES, REDIS, KILLED)
#: Kills of Redis during one attack.
_KILLS = 3
#: Logins that one address may begin in a window, by default.
LOGIN_LIMIT = 300


def attacked(form: str, folder: Path, *, connections: int, seconds: float, logouts: int) -> Attack:
    """Run one attack. Fails if a logged-out copy was accepted or a logout got no clear answer."""
    if form == FILES:
        with running_store(folder, STATE_DIR=str(folder / "state")) as store:
            return _attacked(store, connections, seconds, logouts)
    # A snapshot of before the last logouts is the worst that a restart can read.
    options = ("--save", "1 1", "--dbfilename", "old.rdb")
    with (
        running_redis(folder, *options) as redis,
        running_store(folder, STATE_DIR=str(folder / "state"), REDIS_URL=redis.url) as store,
    ):

        def kill_and_restart() -> None:
            for _ in range(_KILLS if form == KILLED else 0):
                time.sleep(seconds / (2 * _KILLS))
                redis.kill()
                time.sleep(seconds / (8 * _KILLS))
                redis.start()

        return _attacked(store, connections, seconds, logouts, kill_and_restart)


def _attacked(
    store: Store,
    connections: int,
    seconds: float,
    logouts: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> Attack:
    sessions = log_in(store.url, logouts)
    found = attack(store.url, sessions, connections=connections, seconds=seconds, meanwhile=meanwhile)
    final_tries(store.url, sessions, found)
    assert found.accepted == [], str(found)
    assert found.failed == [], str(found)
    assert found.promised + found.not_promised == logouts
    assert "Traceback" not in store.said()
    return found


def check(form: str, found: Attack, seconds: float) -> None:
    """The limit on logins holds. While nobody kills anything, every logout is promised and no page fails.

    `seconds`: of the attack. In each window a process that cannot use the counters has its share of the limit
    beside what was counted: twice the limit at most. A Redis that is killed forgets what it has counted since
    its snapshot: the limit at most, each time.
    """
    windows = int(seconds // WINDOW_S) + 2
    forgotten = _KILLS if form == KILLED else 0
    assert found.flood.get(302, 0) <= (2 * windows + forgotten) * LOGIN_LIMIT, str(found)
    if form != KILLED:
        assert found.not_promised == 0, str(found)
        assert found.broken == [], str(found)
