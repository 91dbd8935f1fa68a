"""Endpoints that read documents: one object by its ID, or a list with filters."""

from collections.abc import Callable, Mapping, Sequence

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.errors import no_such
from webstore.sandbox.stripe.expanding import expanded, expands
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

TableOf = Callable[[World], Documents]


def found(
    call: Call, table_of: TableOf, kind: str, id: str, *, param: str = "id", status: int = 404
) -> Document:
    """The object with this ID. Raises StripeError, with a hint when the other mode has the object."""
    document = table_of(call.world).get(id)
    if document is None:
        other = call.state.other_mode(call.world)
        there = table_of(other).get(id) is not None
        raise no_such(kind, id, param=param, status=status, other_mode=other.mode if there else "")
    return document


def page(
    call: Call,
    table_of: TableOf,
    kind: str,
    url: str,
    *,
    fields: Sequence[str] = (),
    keep: Callable[[Document], bool] = lambda document: True,
) -> dict[str, object]:
    """One page of a list. `fields` names the parameters that filter by an indexed field of the same name.

    `keep` is an additional filter. Raises StripeError for a customer that never existed.
    """
    table = table_of(call.world)
    check_customer(call)
    wanted = {name: str(call.params[name]) for name in fields if name in call.params}

    def fits(document: Document) -> bool:
        return all(document[name] == value for name, value in wanted.items()) and keep(document)

    return list_page(
        table,
        call.params,
        url=url,
        kind=kind,
        keep=fits,
        show=lambda document: expanded(call, document),
        candidates=table.candidates(*next(iter(wanted.items()))) if wanted else None,
    )


def sublist(call: Call, items: Sequence[Document], kind: str, url: str) -> dict[str, object]:
    """One page of the items of another object, in their own order."""
    table = Documents()
    # `list_page` goes from the last position to the first.
    for item in reversed(items):
        table.add(item)
    return list_page(
        table,
        call.params,
        url=url,
        kind=kind,
        keep=lambda item: True,
        show=lambda item: expanded(call, item),
    )


def check_customer(call: Call) -> None:
    """Raise StripeError when a list's `customer` never existed. A deleted customer is allowed."""
    id = call.params.get("customer")
    if id is None or call.world.customers.get(str(id)) is not None:
        return
    other = call.state.other_mode(call.world)
    there = other.customers.get(str(id)) is not None
    raise no_such("customer", str(id), param="customer", status=400, other_mode=other.mode if there else "")


def retrieve_route(path: str, table_of: TableOf, kind: str, permission: str, object_: str) -> Route:
    """The route that returns one object by its ID."""

    def retrieve(call: Call) -> Document:
        return expanded(call, found(call, table_of, kind, call.ids[0]))

    return Route("GET", path, retrieve, permission, {"expand": expands(object_)})


def sublist_params(object_: str) -> params.Schema:
    """The parameters of a list that cannot be filtered by time, as another object's items."""
    return {name: check for name, check in list_params(object_, {}).items() if name != "created"}


def list_params(object_: str, more: Mapping[str, params.Check]) -> params.Schema:
    """The parameters of a list of these objects."""
    return {**LIST_PARAMS, "expand": expands(object_, within="data."), **more}
