"""Asks all probes at the same time, within one time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from webstore import deadline

#: Seconds that the probes may take, and that the whole run may take if one of them hangs nevertheless.
PROBES_S, RUN_S = 15.0, 20.0


def gather(
    probes: Mapping[str, Callable[[], object]],
    done: Callable[[str], object] = lambda name: None,
    *,
    probes_s: float = PROBES_S,
    run_s: float = RUN_S,
) -> tuple[dict[str, object], frozenset[str]]:
    """What the probes found out, by their names, and the names of those that did not end in time.

    `done`: called with each name when its probe has ended. An unexpected error of a probe is raised.
    """
    found: dict[str, object] = {}
    errors: list[BaseException] = []
    over = threading.Event()

    def ask(name: str, probe: Callable[[], object]) -> None:
        try:
            with deadline.within(probes_s):
                answer = probe()
        except BaseException as exc:  # noqa: BLE001 (raised below, in the command's own thread)
            errors.append(exc)
            return
        if not over.is_set():
            found[name] = answer
            done(name)

    threads = {
        name: threading.Thread(target=ask, args=(name, probe), name=f"doctor-{name}", daemon=True)
        for name, probe in probes.items()
    }
    for thread in threads.values():
        thread.start()
    with deadline.within(run_s):
        for thread in threads.values():
            thread.join(deadline.left())
    over.set()
    if errors:
        raise errors[0]
    return found, frozenset(name for name in probes if name not in found)
