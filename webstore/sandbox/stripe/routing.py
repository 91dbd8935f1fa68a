"""Routes of the API, which each resource's file lists, and the call that an endpoint receives."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.state import State, World


@dataclass(frozen=True, slots=True)
class Call:
    """One API request as an endpoint receives it, with checked parameters.

    `now` is in Unix seconds of the sandbox's clock. `ids` are the variable parts of the path. `api_key` is
    empty for a call that the sandbox makes itself.
    """

    state: State
    world: World
    now: float
    path: str
    ids: tuple[str, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None
    api_key: str = ""


Endpoint = Callable[[Call], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of the API with its endpoint.

    `path` has `{}` for each ID. `permission` is the permission that a restricted key needs.
    """

    method: str
    path: str
    endpoint: Endpoint
    permission: str
    schema: params.Schema = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The IDs in a percent-encoded path, or None when this route does not answer the path."""
        ours, theirs = self.path.split("/"), path.split("/")
        if self.method != method or len(ours) != len(theirs):
            return None
        pairs = list(zip(ours, theirs, strict=True))
        if any(their == "" or our not in ("{}", their) for our, their in pairs[1:]):
            return None
        return tuple(unquote(their) for our, their in pairs if our == "{}")

    def check(self, given: Mapping[str, Value]) -> dict[str, object]:
        """Check the parameters and return them. Raises StripeError."""
        return params.check_all(given, self.schema, required=self.required)


def find(routes: Iterable[Route], method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The first route that answers a request, with the IDs in the path; None when no route does."""
    for route in routes:
        ids = route.match(method, path)
        if ids is not None:
            return route, ids
    return None


def expandable(*names: str, within: str = "") -> params.Check:
    """The check for the parameter `expand`, which may name these properties (in lists below `within`).

    Source: https://docs.stripe.com/api/expanding_objects
    """
    allowed = {within + name for name in names}

    def check(value: Value, name: str) -> list[str]:
        wanted = cast(list[str], params.list_of(params.exact_text)(value, name))
        for item in wanted:
            if item not in allowed:
                raise StripeError(400, f"This property cannot be expanded ({item}).", param=name)
        return [item.removeprefix(within) for item in wanted]

    return check
