"""Auth0's user search syntax (Lucene), as far as the sandbox supports it.

https://auth0.com/docs/manage-users/user-search/user-search-query-syntax

    query   = all { OR all }
    all     = one { AND one }
    one     = [NOT | -] one | ( query ) | _exists_ : field | field : value
    value   = "quoted" | bare* | *bare | [from TO to]     (braces exclude a bound)
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from webstore.sandbox.auth0.user import User, identities_of, timestamp
from webstore.sandbox.auth0.users import Users

_CASELESS = frozenset({"email", "name", "given_name", "family_name", "nickname"})
_TIMES = frozenset({"created_at", "updated_at", "last_login"})
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<paren>[()])
      | (?P<minus>-)
      | (?P<word>AND|OR|NOT)(?=[\s()]|$)
      | (?P<field>[A-Za-z_][\w.\-]*)\s*:
    )""",
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""\s*(?:
        "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<open>[\[{])\s*(?P<low>[^\s\]}]+)\s+TO\s+(?P<high>[^\s\]}]+)\s*(?P<close>[\]}])
      | (?P<bare>(?:[^\s()"\[\]{}:\\]|\\.)+)
    )""",
    re.VERBOSE,
)

Predicate = Callable[[User], bool]


class QueryError(Exception):
    """The query is malformed, or Auth0 refuses it."""


class NotSupported(Exception):
    """Auth0 accepts the query, but the sandbox does not support it."""


@dataclass(frozen=True)
class Query:
    """A parsed query. `matches` tests a user. `ids` gives the IDs of possible hits, or None when unknown."""

    matches: Predicate
    ids: Callable[[Users], Iterable[str] | None]


def parse(text: str) -> Query:
    """Parse a query. Raises QueryError and NotSupported."""
    parser = _Parser(text)
    query = parser.any_of()
    if parser.rest():
        raise NotSupported(f"the sandbox's user search stops at: {parser.rest()}")
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def rest(self) -> str:
        return self._text[self._at :].strip()

    def any_of(self) -> Query:
        query = self._all_of()
        while self._take("word", "OR"):
            query = _either(query, self._all_of())
        return query

    def _all_of(self) -> Query:
        query = self._one()
        while self._take("word", "AND"):
            query = _both(query, self._one())
        return query

    def _one(self) -> Query:
        if self._take("word", "NOT") or self._take("minus", "-"):
            return _not(self._one())
        if self._take("paren", "("):
            query = self.any_of()
            if not self._take("paren", ")"):
                raise QueryError("a parenthesis is not closed")
            return query
        field = self._take("field")
        if field is None:
            if not self.rest():
                raise QueryError("the query ends too early")
            raise NotSupported("the sandbox's user search takes terms with a field name only")
        return self._term(field)

    def _term(self, field: str) -> Query:
        value = _VALUE.match(self._text, self._at)
        if value is None:
            if self._text[self._at :].lstrip().startswith("("):
                raise NotSupported("the sandbox's user search has no field:(a OR b)")
            raise QueryError(f"no value, or one that is not closed, after {field}:")
        self._at = value.end()
        if field == "_exists_":
            name = _unescape(value["bare"] or value["quoted"] or "")
            return _filter(lambda user: any(True for _ in _values(user, name)))
        if value["open"]:
            return _range(field, value)
        if value["quoted"] is not None:
            return _equals(field, _unescape(value["quoted"]))
        return (
            _wildcard(field, value["bare"])
            if "*" in value["bare"]
            else _equals(field, _unescape(value["bare"]))
        )

    def _take(self, kind: str, wanted: str | None = None) -> str | None:
        token = _TOKEN.match(self._text, self._at)
        if token is None or token[kind] is None or (wanted is not None and token[kind] != wanted):
            return None
        self._at = token.end()
        return token[kind]


def _filter(matches: Predicate) -> Query:
    return Query(matches, lambda users: None)


def _not(query: Query) -> Query:
    return _filter(lambda user: not query.matches(user))


def _either(left: Query, right: Query) -> Query:
    def ids(users: Users) -> Iterable[str] | None:
        lefts, rights = left.ids(users), right.ids(users)
        return None if lefts is None or rights is None else [*lefts, *rights]

    return Query(lambda user: left.matches(user) or right.matches(user), ids)


def _both(left: Query, right: Query) -> Query:
    def ids(users: Users) -> Iterable[str] | None:
        lefts = left.ids(users)
        return lefts if lefts is not None else right.ids(users)

    return Query(lambda user: left.matches(user) and right.matches(user), ids)


def _equals(field: str, wanted: str) -> Query:
    name, fold = _field(field)
    expected = fold(wanted)
    query = _filter(lambda user: any(_same(fold, value, expected) for value in _values(user, name)))
    if field == "user_id":
        return Query(query.matches, lambda users: [wanted])
    if name == "email":
        return Query(query.matches, lambda users: users.ids_with_email(wanted))
    return query


def _wildcard(field: str, pattern: str) -> Query:
    name, fold = _field(field)
    if name.startswith("user_metadata."):
        raise QueryError("user_metadata cannot be searched with wildcards")
    if pattern.startswith("*") and len(pattern.strip("*")) < 3:
        raise QueryError("a leading wildcard needs three characters after it")
    parts = (re.escape(fold(_unescape(part))) for part in pattern.split("*"))
    expression = re.compile(".*".join(parts), re.DOTALL)
    return _filter(
        lambda user: any(isinstance(v, str) and expression.fullmatch(fold(v)) for v in _values(user, name))
    )


def _range(field: str, bounds: re.Match[str]) -> Query:
    if field not in _TIMES and field != "logins_count":
        raise NotSupported(f"the sandbox's user search has no ranges on {field}")
    low, high = bounds["low"].strip('"'), bounds["high"].strip('"')
    open_low, open_high = bounds["open"] == "{", bounds["close"] == "}"
    if field == "logins_count" and not all(re.fullmatch(r"\*|\d+", bound) for bound in (low, high)):
        raise QueryError("logins_count is a number")

    def inside(value: Any) -> bool:  # Any: a number of log-ins or a time in ISO 8601
        if isinstance(value, str):
            # A bound like 2026-01-31 covers the whole day, so only that many characters are compared.
            above = low == "*" or (value > low if open_low else value[: len(low)] >= low)
            below = high == "*" or (value < high if open_high else value[: len(high)] <= high)
            return above and below
        above = low == "*" or (value > float(low) if open_low else value >= float(low))
        below = high == "*" or (value < float(high) if open_high else value <= float(high))
        return above and below

    return _filter(lambda user: any(inside(value) for value in _values(user, field)))


def _field(field: str) -> tuple[str, Callable[[str], str]]:
    """The field's path, and the function that folds the case of its values before a comparison."""
    if field.endswith(".raw"):
        return field.removesuffix(".raw"), str
    return field, (str.casefold if field in _CASELESS or field == "email.domain" else str)


def _same(fold: Callable[[str], str], value: Any, expected: str) -> bool:  # Any: a JSON scalar
    if isinstance(value, bool):
        return expected == str(value).lower()
    if isinstance(value, int | float):
        return expected == str(value)
    return isinstance(value, str) and fold(value) == expected


def _values(user: User, path: str) -> Iterable[Any]:  # Any: JSON scalars
    """The indexed values at a path. Each item of an array counts. Null and empty objects are not indexed."""
    root, _, inner = path.partition(".")
    if root in ("app_metadata", "user_metadata"):
        metadata = getattr(user, root)
        return () if metadata is None else _leaves(metadata, inner.split(".") if inner else [])
    if root == "identities":
        return _leaves(identities_of(user), inner.split("."))
    if path == "email.domain":
        return () if user.email is None else (user.email.rpartition("@")[2],)
    if path in _TIMES:
        moment = getattr(user, path)
        return () if moment is None else (timestamp(moment),)
    if path not in _PLAIN:
        return ()
    value = getattr(user, path)
    never = value is None or (path == "logins_count" and value == 0)
    return () if never else (value,)


_PLAIN = _CASELESS | {"user_id", "email_verified", "blocked", "logins_count", "last_ip", "picture"}


def _leaves(value: Any, path: list[str]) -> Iterable[Any]:  # Any: JSON
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from _leaves(value[path[0]], path[1:])
    elif isinstance(value, dict):
        if value:
            yield value
    elif value is not None:
        yield value


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
