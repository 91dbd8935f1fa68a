"""Several machines behind nginx, which gives each request to the next of them, as load balancers do.

They are in the process of the test. `tests/server/machines.py` starts machines with processes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.nginx_server import running_nginx
from tests.support import Shop, until
from webstore import create_app
from webstore.sandbox.server import Server
from webstore.settings import Settings


@contextmanager
def more_machines(shop: Shop, folder: Path, number: int) -> Iterator[None]:
    """Put so many machines beside the store, each with a state of its own, for as long as the block lasts.

    nginx takes the store's address.
    """
    more = [
        create_app(Settings.from_env({**shop.environment, "STATE_DIR": str(folder / f"machine-{which}")}))
        for which in range(number)
    ]
    for app in more:
        # Otherwise a machine may still be reading the catalogue when it is closed.
        until(lambda app=app: app.test_client().get("/readyz").status_code == 200)  # type: ignore[misc]
    shop.server.stop()
    try:
        with ExitStack() as running:
            servers = [running.enter_context(Server(app)) for app in (*more, shop.app)]
            addresses = [f"{server.host}:{server.port}" for server in servers]
            keep_host = "proxy_set_header Host $host;"
            running.enter_context(
                running_nginx(folder / "nginx", shop.server.port, *addresses, directives=keep_host)
            )
            yield
    finally:
        shop.server.start()
        for app in more:
            app.extensions["webstore"].close()
