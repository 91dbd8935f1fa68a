"""Errors of the Management API, with Auth0's response bodies."""

from flask import Response, jsonify

_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class ApiError(Exception):
    """Ends a request to the Management API with an error response."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def response(self) -> Response:
        """The error as JSON: https://auth0.com/docs/api/management/v2 ."""
        body = {"statusCode": self.status, "error": _REASONS[self.status], "message": self.message}
        if self.code is not None:
            body["errorCode"] = self.code
        if self.status == 401:
            body["attributes"] = {"error": self.message}
        response = jsonify(body)
        response.status_code = self.status
        return response


def bad_query(message: str) -> ApiError:
    """The error for an invalid query parameter (400)."""
    return ApiError(400, f"Query validation error: '{message}'", "invalid_query_string")


def bad_body(message: str) -> ApiError:
    """The error for an invalid body (400)."""
    return ApiError(400, f"Payload validation error: '{message}'", "invalid_body")


def no_such_user() -> ApiError:
    """The error for a user who does not exist (404)."""
    return ApiError(404, "The user does not exist.", "inexistent_user")


def not_implemented(what: str) -> ApiError:
    """The error for a feature of Auth0 that the sandbox lacks (501, which Auth0 itself never sends)."""
    return ApiError(501, f"The sandbox does not implement {what}.", "sandbox_not_implemented")
