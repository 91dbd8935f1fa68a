"""The probes run at the same time, under one time limit."""

from __future__ import annotations

import threading

from webstore import deadline
from webstore.doctor.gather import gather


def test_probes_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)

    def meet() -> int:
        return both.wait()

    found, lost = gather({"one": meet, "other": meet})
    assert sorted(map(str, found.values())) == ["0", "1"]
    assert lost == {}


def test_each_probe_has_a_deadline() -> None:
    found, _ = gather({"one": deadline.left}, probes_s=5.0)
    assert 0 < float(str(found["one"])) <= 5.0


def test_one_that_hangs_is_named_and_does_not_hold_the_others() -> None:
    released, done = threading.Event(), list[str]()
    try:
        probes = {"hangs": lambda: released.wait(60), "answers": lambda: "yes"}
        found, lost = gather(probes, done.append, run_s=0.2)
    finally:
        released.set()
    assert (found, lost, done) == ({"answers": "yes"}, {"hangs": "its time ran out"}, ["answers"])


def test_a_defect_of_a_probe_does_not_hide_what_the_others_found() -> None:
    def fail() -> None:
        raise ZeroDivisionError("a secret")

    found, lost = gather({"one": fail, "other": lambda: "yes"})
    assert found == {"other": "yes"}
    assert lost == {"one": "the doctor itself failed (ZeroDivisionError)"}
