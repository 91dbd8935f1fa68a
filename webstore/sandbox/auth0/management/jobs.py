"""The Management API's export jobs: https://auth0.com/docs/api/management/v2/jobs ."""

from flask import Response, jsonify

from webstore.sandbox.auth0.api_errors import ApiError, bad_body
from webstore.sandbox.auth0.connections import connection_name
from webstore.sandbox.auth0.management.bodies import Shape, body_of, checked
from webstore.sandbox.auth0.management.call import Call

_PROPERTIES: Shape = {"connection_id": str, "format": str, "limit": int, "fields": list}
_FIELD: Shape = {"name": str, "export_as": str}
_MOST_CSV_FIELDS = 30


def export_users(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/jobs/post-users-exports ."""
    body = body_of(_PROPERTIES, empty=True)
    form = body.setdefault("format", "json")
    if form not in ("json", "csv"):
        raise bad_body(f"No enum match for: {form}' on property 'format")
    if body.get("limit", 1) < 1:
        raise bad_body(f"Value {body['limit']} is less than minimum 1' on property 'limit")
    for number, field in enumerate(body.get("fields", ())):
        name = checked(field, _FIELD, required=["name"], within=f"fields[{number}]")["name"]
        if not name.strip(".[]"):
            raise bad_body(f"String is too short' on property 'fields[{number}].name")
    if form == "csv" and len(body.get("fields", ())) > _MOST_CSV_FIELDS:
        raise bad_body(f"Array is too long, maximum {_MOST_CSV_FIELDS}' on property 'fields")
    connection = None
    if "connection_id" in body:
        connection = connection_name(body["connection_id"])
        if connection is None:
            raise ApiError(404, "The connection does not exist", "inexistent_connection")
        body["connection"] = connection
    return jsonify(call.tenant.exports.start(body, connection))


def get_job(call: Call, job_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/jobs/get-jobs-by-id ."""
    job = call.tenant.exports.get(job_id)
    if job is None:
        raise ApiError(404, "The job does not exist", "inexistent_job")
    return jsonify(job)
