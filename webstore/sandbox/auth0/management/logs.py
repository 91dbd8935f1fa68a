"""The Management API's logs: https://auth0.com/docs/api/management/v2/logs/get-logs ."""

import re

from flask import Response, jsonify, request

from webstore.sandbox.auth0.api_errors import ApiError, bad_query, not_implemented
from webstore.sandbox.auth0.management.call import Call, checkpoint_page, number, numbered_page
from webstore.sandbox.auth0.records import Record

_TERM = re.compile(r'([\w.]+):(?:"([^"]*)"|([^\s"():*\[\]{}]+))')
_CEILING = 1000


def list_logs(call: Call) -> Response:
    """The newest entries first, or with `from` those after a checkpoint.

    https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api
    """
    entries = call.tenant.logs.all()
    if "from" in request.args:
        response: Response = checkpoint_page("logs", entries, "log_id")
        return jsonify(response.get_json()["logs"])
    if number("page", 0) * number("per_page", 50, 100) >= _CEILING:
        raise ApiError(400, f"You can only page through the first {_CEILING} records.", "invalid_paging")
    found = _matching(entries, request.args.get("q", ""))
    name, _, order = request.args.get("sort", "date:-1").partition(":")
    if order not in ("1", "-1"):
        raise bad_query("String does not match pattern field:order' on property 'sort")
    if name != "date":
        raise not_implemented(f"logs sorted by {name}")
    return numbered_page("logs", found if order == "1" else found[::-1], length=True)


def get_log(call: Call, log_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/logs/get-logs-by-id ."""
    entry = next((it for it in call.tenant.logs.all() if it["log_id"] == log_id), None)
    if entry is None:
        raise ApiError(404, "Log not found.", "inexistent_log")
    return jsonify(entry)


def _matching(entries: list[Record], query: str) -> list[Record]:
    """The entries that match `field:value AND field:"value"`. Raises ApiError for another query."""
    if not query.strip():
        return entries
    wanted = []
    for part in re.split(r"\s+AND\s+", query.strip()):
        term = _TERM.fullmatch(part)
        if term is None:
            raise not_implemented(f"log queries like {part}")
        wanted.append((term[1], term[2] if term[2] is not None else term[3]))
    return [it for it in entries if all(str(it.get(name)) == value for name, value in wanted)]
