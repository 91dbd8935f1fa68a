"""Asks all probes at the same time, within one time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from webstore import deadline

#: Seconds that the probes may take, and that the whole run may take if one of them hangs nevertheless.
PROBES_S, RUN_S = 15.0, 20.0
_LATE = "its time ran out"


def gather(
    probes: Mapping[str, Callable[[], object]],
    done: Callable[[str], object] = lambda name: None,
    *,
    probes_s: float = PROBES_S,
    run_s: float = RUN_S,
) -> tuple[dict[str, object], dict[str, str]]:
    """What the probes found out, by their names, and why the others did not find out anything.

    `done`: called with each name when its probe has ended.
    """
    found: dict[str, object] = {}
    lost = dict.fromkeys(probes, _LATE)
    over = threading.Event()

    def ask(name: str, probe: Callable[[], object]) -> None:
        try:
            with deadline.within(probes_s):
                answer = probe()
        except Exception as exc:  # noqa: BLE001 (a defect of one probe must not hide what the others found)
            lost[name] = f"the doctor itself failed ({type(exc).__name__})"
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
    return found, {name: why for name, why in lost.items() if name not in found}
