"""Linking needs nothing of the store: two ports are enough, and no web framework is loaded."""

from __future__ import annotations

import subprocess
import sys

ALONE = """
import sys

from dataclasses import replace

from webstore import linking
from webstore.linking.models import Account, Creation, Customer, User


class Directory:
    def __init__(self):
        self.user = User("auth0|000000000000000000000001", email="ada@example.com", created_at=1000.0)

    def read_user(self, user_id):
        assert user_id == self.user.user_id
        return self.user.with_keys("")

    def write_records(self, user_id, records):
        assert user_id == self.user.user_id
        kept = {name: value for name, value in {**self.user.records, **records}.items() if value is not None}
        self.user = replace(self.user, records=kept)


class Payments:
    def account(self):
        return Account("acct_1", livemode=False)

    def known_account(self):
        return Account(None, livemode=False)

    def create_customer(self, draft, idempotency_key):
        self.made = Customer("cus_1", draft.email, owner=draft.metadata["auth0_user_id"])
        return Creation(self.made, replayed=False)

    def get_customer(self, customer_id):
        assert customer_id == "cus_1"
        return self.made


policy = linking.Policy(tenant="shop.eu.auth0.com", livemode=False)
linker = linking.Linker(Directory(), Payments(), policy, now=lambda: 1000.0)

created = linking.ensure_customer(linker, "auth0|000000000000000000000001")
assert (created.status, created.customer_id) == (linking.LinkStatus.CREATED, "cus_1"), created
again = linking.ensure_customer(linker, "auth0|000000000000000000000001")
assert (again.status, again.customer_id) == (linking.LinkStatus.ALREADY_LINKED, "cus_1"), again
used = linking.verified_customer(linker, "auth0|000000000000000000000001", None)
assert (used.status, used.customer_id) == (linking.LinkStatus.VERIFIED, "cus_1"), used

from webstore.linking import verdicts  # the only part that the package does not load by itself

apart = [["flask"], ["webstore", "shop"], ["webstore", "gateways"], ["webstore", "routes"]]
print(sorted(name for name in sys.modules if any(name.split(".")[: len(parts)] == parts for parts in apart)))
"""


def test_linking_works_with_two_ports_and_loads_nothing_else_of_the_store() -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)
