"""The faults that are planted in a population, by kind, user and customer."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "unlinked_user",
    "customer_not_recorded",
    "back_reference_missing",
    "wrong_back_reference",
    "duplicate_customers",
    "dangling_id",
    "shared_customer",
    "orphan_customer",
    "orphan_subscription",
    "merged_secondary",
    "drift",
    "unpinned",
    "other_tenant",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Kinds that take two people.
PAIRS: frozenset[Kind] = frozenset(("duplicate_customers", "shared_customer", "merged_secondary"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. `customer_id` is None for a user without a customer.

    `user_id` is the user whom it concerns: for a customer without a user, the one that its metadata names;
    for a shared customer, the one whom it does not name; for a merged account, the primary. `customer_id` of
    duplicates is the recorded one.
    """

    kind: Kind
    user_id: str
    customer_id: str | None
