"""The composition root: what it imports when, and how it shares the server's threads out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from webstore.application import Threads


def test_importing_the_package_imports_neither_flask_nor_the_application() -> None:
    code = (
        "import sys, webstore; assert callable(webstore.create_app);"
        "print([name for name in sys.modules if name == 'flask' or name.startswith('webstore.')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("threads", [5, 8, 16, 256])
def test_a_thread_is_left_for_pages_while_vendors_hang(threads: int) -> None:
    shares = Threads.of_server(threads)
    one_more_that_waits = 1
    assert shares.linking + shares.pages + one_more_that_waits < threads
    assert shares.provider + one_more_that_waits < threads


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_a_server_with_few_threads_can_still_call_everybody(threads: int) -> None:
    shares = Threads.of_server(threads)
    assert min(shares.linking, shares.pages, shares.provider) >= 1
