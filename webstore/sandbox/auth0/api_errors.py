"""Errors of the Management API, with the bodies that Auth0 gives them."""

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
    """Ends a request to the Management API."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def response(self) -> Response:
        """`{"statusCode", "error", "message", "errorCode"}`: https://auth0.com/docs/api/management/v2 ."""
        body = {"statusCode": self.status, "error": _REASONS[self.status], "message": self.message}
        if self.code is not None:
            body["errorCode"] = self.code
        if self.status == 401:
            body["attributes"] = {"error": self.message}
        response = jsonify(body)
        response.status_code = self.status
        return response


def bad_query(message: str) -> ApiError:
    """A query parameter that Auth0 refuses."""
    return ApiError(400, f"Query validation error: '{message}'", "invalid_query_string")


def bad_body(message: str) -> ApiError:
    """A body that Auth0 refuses."""
    return ApiError(400, f"Payload validation error: '{message}'", "invalid_body")


def no_such_user() -> ApiError:
    """404."""
    return ApiError(404, "The user does not exist.", "inexistent_user")


def not_implemented(what: str) -> ApiError:
    """The sandbox's own answer to what it does not act out."""
    return ApiError(501, f"The sandbox does not implement {what}.", "sandbox_not_implemented")
