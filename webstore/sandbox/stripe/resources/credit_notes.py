"""Credit notes. In the sandbox only controls create them. Source: https://docs.stripe.com/api/credit_notes"""

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Documents
from webstore.sandbox.stripe.resources.reading import (
    found,
    list_params,
    page,
    retrieve_route,
    sublist,
    sublist_params,
)
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/credit_notes", "/v1/credit_notes/{}"


def table(world: World) -> Documents:
    """The table of credit notes."""
    return world.payments.credit_notes


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/credit_notes/list"""
    return page(call, table, "credit_note", _ROOT, fields=("invoice", "customer"))


def list_lines(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/credit_notes/lines"""
    note = found(call, table, "credit_note", call.ids[0])
    return sublist(call, note["lines"]["data"], "credit_note_line_item", note["lines"]["url"])


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "credit_note_read",
        list_params(
            "credit_note",
            {
                "customer": params.exact_text,
                "customer_account": params.not_in_sandbox,
                "invoice": params.exact_text,
            },
        ),
    ),
    retrieve_route(_ONE, table, "credit_note", "credit_note_read", "credit_note"),
    Route("GET", f"{_ONE}/lines", list_lines, "credit_note_read", sublist_params("credit_note_line_item")),
)
