"""Stripe's error responses.

Sources: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes
"""


class StripeError(Exception):
    """An error response of Stripe: HTTP status, type and message, with code and param if present."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.headers = headers or {}

    def to_json(self) -> dict[str, object]:
        """The JSON object under `error`, without the fields that depend on the request."""
        error: dict[str, object] = {"message": self.message, "type": self.type}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return error


class NotInSandbox(StripeError):
    """The error for a feature of Stripe that the sandbox lacks (501, which Stripe itself never sends)."""

    def __init__(self, what: str, *, param: str | None = None) -> None:
        super().__init__(501, f"The sandbox does not implement {what}.", type="api_error", param=param)


def no_such(kind: str, id: str, *, param: str = "id", status: int = 404, other_mode: str = "") -> StripeError:
    """The error `resource_missing`. `other_mode` is the mode ("test" or "live") in which the ID exists."""
    message = f"No such {kind}: '{id}'"
    if other_mode:
        own = "live" if other_mode == "test" else "test"
        message += f"; a similar object exists in {other_mode} mode, but a {own} mode key was used"
        message += " to make this request."
    return StripeError(status, message, code="resource_missing", param=param)


def unrecognized_url(method: str, path: str) -> StripeError:
    """The error for a URL that Stripe does not have."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at"
        " https://support.stripe.com/.",
    )


def masked(key: str) -> str:
    """An API key as Stripe shows it in messages: only its prefix and its last four characters."""
    words = 3 if key.startswith("sk_org_") else 2
    kind = "_".join(key.split("_")[:words]) + "_" if key.startswith(("sk_", "rk_")) else ""
    hidden = key[len(kind) :]
    return kind + "*" * max(len(hidden) - 4, 0) + hidden[-4:]
