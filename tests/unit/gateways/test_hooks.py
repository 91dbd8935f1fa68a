"""Which functions the setting FULFIL may name."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from tests.unit.offline import offline_settings, offline_store
from webstore import create_app
from webstore.errors import SettingsError
from webstore.gateways.hooks import load_hooks
from webstore.routes import Services

MODULE = """
import functools

class Warehouse:
    @staticmethod
    def ship(event):
        pass

def ship(event):
    pass

def none():
    pass

def two(event, address):
    pass

def some(event, address="here"):
    pass

number = 5

async def later(event):
    pass

async def later_in_parts(event):
    yield

def in_parts(event):
    yield

part = functools.partial(later)

class Later:
    async def __call__(self, event):
        pass

later_too = Later()

class Now:
    def __call__(self, event):
        pass

now = Now()
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules of an operator, on Python's path."""
    (tmp_path / "hooks_of_a_shop.py").write_text(MODULE)
    (tmp_path / "hooks_that_raise.py").write_text("raise RuntimeError('no warehouse')")
    (tmp_path / "hooks_that_exit.py").write_text("raise SystemExit(3)")
    (tmp_path / "hooks_that_stop.py").write_text("raise KeyboardInterrupt")
    (tmp_path / "hooks_on_demand.py").write_text("def __getattr__(name):\n    raise RuntimeError(name)")
    (tmp_path / "hooks_with_a_typo.py").write_text("def f(:")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_functions_are_found_in_their_order() -> None:
    names = tuple(f"hooks_of_a_shop:{name}" for name in ("some", "ship", "Warehouse.ship", "now"))
    shop = load_hooks(names)
    module = sys.modules["hooks_of_a_shop"]
    assert shop == (module.some, module.ship, module.Warehouse.ship, module.now)


def test_every_name_that_cannot_be_used_is_told() -> None:
    faults = {
        "nowhere_to_be_found:ship": "cannot be imported (ModuleNotFoundError",
        "hooks_that_raise:ship": "cannot be imported (RuntimeError: no warehouse)",
        "hooks_that_exit:ship": "cannot be imported (SystemExit: 3)",
        "hooks_that_stop:ship": "cannot be imported (KeyboardInterrupt",
        "hooks_on_demand:ship": "cannot be read (RuntimeError: ship)",
        "hooks_with_a_typo:f": "cannot be imported (SyntaxError",
        "hooks_of_a_shop:missing": "does not exist: hooks_of_a_shop has no missing",
        "hooks_of_a_shop:number": "is not a function",
        "hooks_of_a_shop:Warehouse": "is not a function",
        "hooks_of_a_shop:later": "is an async function or a generator, which would never run",
        "hooks_of_a_shop:later_in_parts": "is an async function or a generator",
        "hooks_of_a_shop:in_parts": "is an async function or a generator",
        "hooks_of_a_shop:part": "is an async function or a generator",
        "hooks_of_a_shop:later_too": "is an async function or a generator",
        "hooks_of_a_shop:none": "must take exactly one argument",
        "hooks_of_a_shop:two": "must take exactly one argument",
    }
    with pytest.raises(SettingsError) as refused:
        load_hooks(("hooks_of_a_shop:ship", *faults))
    assert len(refused.value.problems) == len(faults)
    for problem, (name, fault) in zip(refused.value.problems, faults.items(), strict=True):
        assert problem.startswith(f"FULFIL: {name} ")
        assert fault in problem


@pytest.mark.parametrize("value", ["ship", "hooks:", ":ship", "hooks.ship", "hooks:ship()", "a b:c", "h:1"])
def test_a_malformed_name_stops_the_start(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        offline_settings(tmp_path, FULFIL=f"hooks_of_a_shop:ship,{value}")
    assert refused.value.problems == (f"FULFIL has {value!r}: use package.module:function.",)


def test_a_store_is_built_with_the_hooks_after_its_own(tmp_path: Path) -> None:
    with offline_store(tmp_path, FULFIL="hooks_of_a_shop:ship , hooks_of_a_shop:some") as app:
        services: Services = app.extensions["webstore"]
        module = sys.modules["hooks_of_a_shop"]
        assert services.webhooks.fulfil[1:] == (module.ship, module.some)
        assert services.background_webhooks.fulfil == services.webhooks.fulfil


def test_a_folder_and_a_hook_that_cannot_be_used_are_told_in_one_list(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    settings = offline_settings(tmp_path / "file", FULFIL="hooks_that_raise:ship,hooks_of_a_shop:nothing")
    with pytest.raises(SettingsError) as refused:
        create_app(settings)
    folder, *hooks = refused.value.problems
    assert folder.startswith(
        f"STATE_DIR: the folder {tmp_path / 'file' / settings.fingerprint} cannot be used"
    )
    assert [problem.split()[1] for problem in hooks] == ["hooks_that_raise:ship", "hooks_of_a_shop:nothing"]


def test_a_store_starts_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    settings = offline_settings(tmp_path / "state")
    monkeypatch.setattr(Path, "mkdir", full)
    app = create_app(settings)
    app.extensions["webstore"].close()
    assert not (tmp_path / "state").exists()


def test_a_store_whose_hook_cannot_be_imported_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match="hooks_that_raise:ship"),
        offline_store(tmp_path, FULFIL="hooks_that_raise:ship"),
    ):
        pass
