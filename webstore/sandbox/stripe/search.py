"""Stripe's search query language for customers. Source: https://docs.stripe.com/search

A query is a list of clauses that are joined by AND (or a space) or by OR, never by both. Examples of
clauses: `email:"a@example.com"`, `-metadata['key']:'value'`, `name~"ada"`, `created>1700000000`,
`phone:null`. Comparisons of text ignore case. This module only tests customers; the caller applies the
index's lag and renders the hits.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.customer_table import CustomerTable
from webstore.sandbox.stripe.errors import StripeError

MAX_CLAUSES = 10
_TEXT_FIELDS = ("email", "name", "phone")
_NUMERIC_FIELDS = ("created",)
_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_CLAUSE = re.compile(
    rf"(?P<minus>-)?(?P<field>[A-Za-z_.]+)(?:\[(?P<key>{_QUOTED})\])?\s*"
    rf"(?P<operator>:|~|>=|<=|>|<|=)\s*(?P<value>{_QUOTED}|[^\s\"']+)",
    re.DOTALL,
)
_JOINER = re.compile(r"\s+(?:(AND|OR)\s+)?", re.IGNORECASE)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ":": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a query. `field` is a name like `email`, or `metadata.` and a key. None means null."""

    field: str
    operator: str
    value: str | float | None
    negated: bool

    def holds(self, customer: Customer) -> bool:
        """Whether the condition is true for a customer."""
        return self._holds(customer) != self.negated

    def _holds(self, customer: Customer) -> bool:
        actual = _actual(customer, self.field)
        if self.value is None:
            return actual is None
        if actual is None:
            return False
        if isinstance(self.value, float):
            return _COMPARE[self.operator](float(actual), self.value)
        wanted, text = self.value.casefold(), str(actual).casefold()
        return wanted in text if self.operator == "~" else wanted == text


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. A hit fulfils all clauses, or with `any_of` at least one."""

    clauses: tuple[Clause, ...]
    any_of: bool

    def holds(self, customer: Customer) -> bool:
        """Whether a customer is a hit."""
        results = (clause.holds(customer) for clause in self.clauses)
        return any(results) if self.any_of else all(results)

    def candidates(self, customers: CustomerTable) -> Sequence[int]:
        """The positions of possible hits, in ascending order."""
        if not self.any_of or len(self.clauses) == 1:
            for clause in self.clauses:
                exact = clause.operator == ":" and not clause.negated and isinstance(clause.value, str)
                if exact and (clause.field == "email" or clause.field.startswith("metadata.")):
                    return customers.candidates(clause.field, str(clause.value))
        return range(len(customers))


def parse(query: str) -> Query:
    """Parse a query. Raises StripeError 400 for a query that Stripe rejects."""
    text = query.strip()
    clauses: list[Clause] = []
    joiners: set[str] = set()
    position = 0
    while True:
        match = _CLAUSE.match(text, position)
        if match is None:
            raise _malformed()
        clauses.append(_clause(match))
        position = match.end()
        if position == len(text):
            break
        joiner = _JOINER.match(text, position)
        if joiner is None:
            raise _malformed()
        joiners.add((joiner[1] or "AND").upper())
        position = joiner.end()
    if len(joiners) > 1:
        raise StripeError(
            400, "We were unable to parse your search query. AND and OR cannot be combined.", param="query"
        )
    if len(clauses) > MAX_CLAUSES:
        raise StripeError(400, f"Search queries can have up to {MAX_CLAUSES} clauses.", param="query")
    return Query(tuple(clauses), any_of="OR" in joiners)


def _clause(match: re.Match[str]) -> Clause:
    name, key, sign, raw = match["field"], match["key"], match["operator"], match["value"]
    negated = match["minus"] is not None
    if name == "metadata" and key is not None:
        field = f"metadata.{_unquoted(key)}"
    elif key is None and name in (*_TEXT_FIELDS, *_NUMERIC_FIELDS):
        field = name
    else:
        raise StripeError(
            400, f"Field `{name}` is an unsupported search field for resource `customers`.", param="query"
        )
    if raw.casefold() == "null" and sign == ":":
        return Clause(field, sign, None, negated)
    if field in _NUMERIC_FIELDS:
        return Clause(field, sign, _number(field, sign, raw), negated)
    if sign not in (":", "~") or not raw.startswith(('"', "'")):
        raise _malformed()
    value = _unquoted(raw)
    if sign == "~":
        _check_substring(field, value)
    return Clause(field, sign, value, negated)


def _number(field: str, sign: str, raw: str) -> float:
    digits = _unquoted(raw) if raw.startswith(('"', "'")) else raw
    if sign == "~" or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", digits):
        raise StripeError(400, f"Field `{field}` takes a number to compare with.", param="query")
    return float(digits)


def _check_substring(field: str, value: str) -> None:
    if field not in _TEXT_FIELDS:
        raise StripeError(
            400, f"Field `{field}` does not support the substring match operator `~`.", param="query"
        )
    if len(value) < 3:
        raise StripeError(400, "Substring search needs at least 3 characters to search for.", param="query")


def _unquoted(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)


def _actual(customer: Customer, field: str) -> str | int | None:
    if field.startswith("metadata."):
        return customer.metadata.get(field.removeprefix("metadata."))
    return {
        "email": customer.email,
        "name": customer.name,
        "phone": customer.phone,
        "created": customer.created,
    }[field]


def _malformed() -> StripeError:
    return StripeError(
        400,
        'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query'
        ' for metadata or key:"value" to query for other fields.',
        param="query",
    )
