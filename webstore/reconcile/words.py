"""What each kind of finding means, in words for people who know neither the code nor the vendors' terms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .models import Kind


class Weight(StrEnum):
    """How much a kind of finding matters to shoppers and to the business."""

    #: Somebody may be charged, or see data, that is not theirs.
    URGENT = "urgent"
    #: The shopper has to wait, or orders are out of sight, until it is repaired.
    BROKEN = "broken"
    #: Everything works, and something is missing or out of date.
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Words:
    """The plain explanation of a kind: a title, the meaning, and the remedy."""

    weight: Weight
    title: str
    meaning: str
    remedy: str


WORDS = {
    Kind.ORPHAN_SUBSCRIPTION: Words(
        Weight.URGENT,
        "Subscriptions of accounts that are gone",
        "A subscription runs on a customer whose user account no longer exists. Somebody is being charged who"
        " cannot log in to cancel.",
        "A person decides: cancel the subscription in Stripe, or look for a new account of the same person.",
    ),
    Kind.SHARED_CUSTOMER: Words(
        Weight.URGENT,
        "Customers that two accounts use",
        "Two user accounts point to the same customer. The store checks ownership before any payment, so"
        " nobody pays for somebody else, but one of the two accounts is wrong.",
        "A person decides whom the customer belongs to. The other account gets a customer of its own.",
    ),
    Kind.WRONG_BACK_REFERENCE: Words(
        Weight.URGENT,
        "Customers that name somebody else",
        "The account points to a customer, but the customer names another account. The store refuses to use"
        " it.",
        "A person decides which side is right.",
    ),
    Kind.OTHER_TENANT: Words(
        Weight.URGENT,
        "Customers of another Auth0 tenant",
        "The customer names a user of a tenant that this store does not know. The store refuses to use it.",
        "If it is a former domain of this tenant, name it in AUTH0_FORMER_TENANTS, and it is repaired.",
    ),
    Kind.DANGLING_ID: Words(
        Weight.BROKEN,
        "Links to customers that are gone",
        "The account points to a customer that was deleted, or that this Stripe account does not know.",
        "A deleted customer is replaced. If one is missing, a person checks that the key is the right one.",
    ),
    Kind.DUPLICATE_CUSTOMERS: Words(
        Weight.BROKEN,
        "Accounts with several customers",
        "More than one living customer names the same account. The store uses one of them. Orders and"
        " subscriptions on the others are out of the shopper's sight.",
        "A person looks at the others in Stripe. Nothing is deleted by itself.",
    ),
    Kind.MERGED_SECONDARY: Words(
        Weight.BROKEN,
        "Customers of merged accounts",
        "Two accounts were merged in Auth0, and the customer of the one that went is still there.",
        "Its orders are noted for the remaining account. A running subscription on it needs a person.",
    ),
    Kind.BACK_REFERENCE_MISSING: Words(
        Weight.BROKEN,
        "Links with one side only",
        "The account points to a customer that names nobody. Auth0's old Rule and many home-made Actions"
        " write this side only.",
        "The customer gets the account's ID.",
    ),
    Kind.CUSTOMER_NOT_RECORDED: Words(
        Weight.BROKEN,
        "Customers unknown to their account",
        "A customer names an account that points to no customer.",
        "The account gets the customer's ID.",
    ),
    Kind.UNPINNED: Words(
        Weight.MINOR,
        "Links without the Stripe account",
        "Both sides agree, but the account does not say to which Stripe account and mode (test or live) the"
        " customer belongs.",
        "The Stripe account and mode are added.",
    ),
    Kind.DRIFT: Words(
        Weight.MINOR,
        "E-mail or name out of date",
        "The shopper changed the name or the e-mail address, and the customer still has the former one, on"
        " receipts for example.",
        "The customer gets the current name and e-mail address.",
    ),
    Kind.ORPHAN_CUSTOMER: Words(
        Weight.MINOR,
        "Customers of accounts that are gone",
        "The customer names a user account that no longer exists. Its past invoices stay valid.",
        "Nothing has to be done. A person may close it in Stripe.",
    ),
    Kind.UNLINKED_USER: Words(
        Weight.MINOR,
        "Accounts without a customer yet",
        "The user has no customer. One is made at the next login.",
        "With --backfill they are made now.",
    ),
}
