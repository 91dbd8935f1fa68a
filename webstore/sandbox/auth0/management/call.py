"""One call of the Management API: its route, its token, and its query parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, jsonify, request

from webstore.sandbox.auth0.api_errors import bad_query
from webstore.sandbox.auth0.keys import Claims
from webstore.sandbox.auth0.records import Record
from webstore.sandbox.auth0.tenant import Tenant

MAX_PER_PAGE = 100
#: The query parameters that select fields.
FIELDS = ("fields", "include_fields")
#: The query parameters of a list with numbered pages.
PAGES = ("page", "per_page", "include_totals")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Call:
    """A call with a valid token. `scopes` are the token's."""

    tenant: Tenant
    claims: Claims
    scopes: frozenset[str]


@dataclass(frozen=True)
class Route:
    """A method and path of the API, the scopes of which a token needs one, and the function that answers.

    Each `{}` in the path is an ID, which `handler` gets as an argument. `query` names the query parameters;
    None lets all through. `lacking` are those that Auth0 takes and the sandbox does not (501).
    """

    method: str
    path: str
    scopes: tuple[str, ...]
    handler: Callable[..., Response]
    query: tuple[str, ...] | None = ()
    lacking: tuple[str, ...] = ()

    def match(self, method: str, parts: Sequence[str]) -> tuple[str, ...] | None:
        """The IDs in the path of a request, or None if the request is for another route."""
        wanted = self.path.split("/")
        if method != self.method or len(parts) != len(wanted):
            return None
        pairs = list(zip(wanted, parts, strict=True))
        if any(want not in ("{}", part) for want, part in pairs):
            return None
        return tuple(part for want, part in pairs if want == "{}")


def number(name: str, default: int, highest: int | None = None, *, lowest: int = 0) -> int:
    """A whole number in the query. Raises ApiError."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise bad_query(f"Expected type integer but found type string' on property '{name}")
    if highest is not None and int(text) > highest:
        raise bad_query(f"Value {text} is greater than maximum {highest}' on property '{name}")
    if int(text) < lowest:
        raise bad_query(f"Value {text} is less than minimum {lowest}' on property '{name}")
    return int(text)


def flag(name: str, *, default: bool = False) -> bool:
    """A truth value in the query. Raises ApiError."""
    return bool(_flag(name, default))


def optional_flag(name: str) -> bool | None:
    """A truth value in the query, or None if it is not there. Raises ApiError."""
    return _flag(name, None)


def _flag(name: str, default: bool | None) -> bool | None:
    text = request.args.get(name)
    if text is None:
        return default
    if text not in _TRUTH:
        raise bad_query(f"Expected type boolean but found type string' on property '{name}")
    return _TRUTH[text]


def shown(record: Record) -> dict[str, Any]:  # Any: JSON
    """The record with the fields that the parameters `fields` and `include_fields` select."""
    fields = request.args.get("fields")
    if not fields:
        return dict(record)
    named = set(fields.split(","))
    include = flag("include_fields", default=True)
    return {name: value for name, value in record.items() if (name in named) is include}


def numbered_page(name: str, records: Sequence[Record], *, length: bool = False) -> Response:
    """A page of a list with `page`, `per_page` and `include_totals`: an array, or an object with totals."""
    page, per_page = number("page", 0), number("per_page", 50, MAX_PER_PAGE)
    start = page * per_page
    found = [shown(record) for record in records[start : start + per_page]]
    if not flag("include_totals"):
        return jsonify(found)
    totals: Mapping[str, int] = {"start": start, "limit": per_page, "total": len(records)}
    return jsonify({**totals, **({"length": len(found)} if length else {}), name: found})


def checkpoint_page(name: str, records: Sequence[Record], id_field: str = "id") -> Response:
    """A page of a list with `from` and `take`. `next` is in the answer only if there are more.

    https://auth0.com/docs/product-lifecycle/deprecations-and-migrations/migrate-to-checkpoint-pagination
    """
    take, after = number("take", 50, MAX_PER_PAGE, lowest=1), request.args.get("from")
    start = 0
    if after is not None:
        ids = [record[id_field] for record in records]
        if after not in ids:
            raise bad_query(f"Invalid checkpoint: {after}' on property 'from")
        start = ids.index(after) + 1
    found = records[start : start + take]
    more = {"next": found[-1][id_field]} if start + take < len(records) else {}
    return jsonify({name: [shown(record) for record in found], **more})


def actions_page(name: str, records: Sequence[Record]) -> Response:
    """A page of a list of the Actions API. Its answers leave out a `total` and a `page` that are 0."""
    page, per_page = number("page", 0), number("per_page", 20, MAX_PER_PAGE, lowest=1)
    found = records[page * per_page : (page + 1) * per_page]
    paging = {"total": len(records), "page": page, "per_page": per_page}
    return jsonify({name: [dict(it) for it in found], **{key: it for key, it in paging.items() if it}})


def created(record: Record, status: int = 201) -> Response:
    """The record as the answer to a request that made it."""
    response = jsonify(dict(record))
    response.status_code = status
    return response


def nothing() -> Response:
    """The answer without a body (204)."""
    return Response(status=204)
