"""The dashboard's event pages: the list, and one event with its webhook deliveries."""

from fnmatch import fnmatchcase

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.dashboard_tools import PAGE_SIZE, DashboardPages
from webstore.sandbox.stripe.events import Event
from webstore.sandbox.stripe.state import World


def add_event_pages(dashboard: DashboardPages) -> None:
    """Add the list of events and the page of one event."""
    state = dashboard.state

    @dashboard.page("/events")
    def list_events(livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world, wanted = dashboard.world(account, livemode), request.args.get("q", "").strip()
        with state.lock:
            state.catch_up()
            below = request.args.get("below", len(world.events), int)
            found, older = _page(world, below, wanted)
            endpoints = list(world.webhook_endpoints)
        return render_template(
            "stripe/events.html",
            world=world,
            found=found,
            wanted=wanted,
            older=older,
            endpoints=endpoints,
        )

    @dashboard.page("/events/<id>")
    def show_event(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        with state.lock:
            state.catch_up()
            event = world.events.get(id)
            wanted = event is not None and any(
                endpoint.wants(event.type) for endpoint in world.webhook_endpoints
            )
        if event is None:
            abort(404)
        return render_template("stripe/event.html", world=world, event=event, wanted=wanted)

    @dashboard.page("/events/<id>/resend", "POST")
    def resend(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        try:
            state.redeliver(id)
        except LookupError:
            abort(404)
        return redirect(dashboard.address(world, id, of="events"), 303)


def _page(world: World, below: int, wanted: str) -> tuple[list[Event], int | None]:
    """One page of the events below a position, newest first, and the position of the next page or None.

    `wanted` is a type, an event ID or an object ID, and may have wildcards (`price.*`).
    """
    found: list[Event] = []
    for position in range(min(below, len(world.events)) - 1, -1, -1):
        event = world.events.at(position)
        names = (event.type, event.id, str(event.data.get("id")))
        if wanted and not any(fnmatchcase(name, wanted) for name in names):
            continue
        if len(found) == PAGE_SIZE:
            return found, position + 1
        found.append(event)
    return found, None
