"""What a server imports at its start: nothing that only commands or other set-ups need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
LISTING = """
import sys
from pathlib import Path

from webstore import create_app
# After the store, as it imports more itself.
from tests.unit.offline import offline_settings

create_app(offline_settings(Path(sys.argv[1])))
print(*sys.modules)
"""


def test_a_server_imports_no_command_and_no_package_that_it_does_not_use(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", LISTING, str(tmp_path)], cwd=TOP, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert {"webstore.application", "stripe", "auth0.management.users.client"} <= imported
    unused = {"redis", "rich", "pygments", "yaml", "webstore.cli.commands", "webstore.gateways.stripe.setup"}
    assert imported & unused == set()
