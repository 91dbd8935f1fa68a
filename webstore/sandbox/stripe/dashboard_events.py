"""The dashboard's pages of events: the list, and one event with where it was sent and what came back."""

from fnmatch import fnmatchcase

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.dashboard_tools import PAGE_SIZE, Desk
from webstore.sandbox.stripe.events import Event
from webstore.sandbox.stripe.state import World


def add_event_pages(desk: Desk) -> None:
    """Add the list and the page of one event."""
    state = desk.state

    @desk.page("/events")
    def list_events(livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world, wanted = desk.world(account, livemode), request.args.get("q", "").strip()
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

    @desk.page("/events/<id>")
    def show_event(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = desk.world(account, livemode)
        with state.lock:
            state.catch_up()
            event = world.events.get(id)
            wanted = event is not None and any(
                endpoint.wants(event.type) for endpoint in world.webhook_endpoints
            )
        if event is None:
            abort(404)
        return render_template("stripe/event.html", world=world, event=event, wanted=wanted)

    @desk.page("/events/<id>/resend", "POST")
    def resend(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = desk.world(account, livemode)
        try:
            state.redeliver(id)
        except LookupError:
            abort(404)
        return redirect(desk.address(world, id, of="events"), 303)


def _page(world: World, below: int, wanted: str) -> tuple[list[Event], int | None]:
    """The newest events below a position of a type (`price.*`) or about an object, and where older go on."""
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
