"""What an operator sees and does at both vendors, over their own HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any
from urllib.parse import quote

import httpx

from tests.support import NO_AUTHORITIES


class Office:
    """The two dashboards and the two APIs; safe to use from several threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment`: the store's settings, which name the vendors and their keys."""
        self._environment = environment
        self._http = httpx.Client(timeout=30, verify=NO_AUTHORITIES, trust_env=False)
        self._token = ""
        #: By type of event, the ID of the newest one that was read.
        self._newest: dict[str, str] = {}
        self._made_by: dict[str, str] = {}
        self._relabelled: list[tuple[str, str, str]] = []

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def make_customer(self, user_id: str, email: str) -> str:
        """Make a customer that names the user, as the store does; gives its ID."""
        metadata = {
            "metadata[auth0_user_id]": user_id,
            "metadata[auth0_tenant]": self._environment["AUTH0_DOMAIN"],
        }
        answer = self._stripe("POST", "/customers", {"email": email, **metadata})
        return str(answer.raise_for_status().json()["id"])

    def delete_customer(self, customer_id: str) -> None:
        """Press the button on the dashboard's page."""
        url = f"{self._environment['STRIPE_DASHBOARD_URL']}/customers/{customer_id}/delete"
        self._http.post(url, follow_redirects=True)

    def customers(self) -> Iterator[dict[str, Any]]:
        """Every living customer, the newest first."""
        yield from self._listed("/customers", {})

    def read_events(self) -> None:
        """Read the events since the last time, before 30 days pass: then Stripe forgets them."""
        for event in self._new_events("customer.created"):
            self._made_by[str(event["data"]["object"]["id"])] = str(event["request"]["id"])
        for event in self._new_events("customer.updated"):
            before = event["data"]["previous_attributes"].get("metadata", {}).get("auth0_user_id")
            if before is not None:
                customer = event["data"]["object"]
                after = customer["metadata"].get("auth0_user_id", "")
                self._relabelled.append((str(customer["id"]), before, after))

    def _new_events(self, kind: str) -> list[dict[str, Any]]:
        known = self._newest.get(kind)
        fresh = list(takewhile(lambda event: event["id"] != known, self._listed("/events", {"type": kind})))
        if fresh:
            self._newest[kind] = str(fresh[0]["id"])
        return fresh

    def relabelled(self) -> Sequence[tuple[str, str, str]]:
        """Customers that once named a user and were then made to name another one, or nobody: ID, users."""
        return self._relabelled

    def made_by(self) -> Mapping[str, str]:
        """Each customer that was ever made, with the ID of the request that made it."""
        return self._made_by

    def app_metadata(self, user_id: str) -> dict[str, Any]:
        """What Auth0 records about the user."""
        while True:
            answer = self._management("GET", f"users/{quote(user_id, safe='')}")
            if answer.status_code == 401:
                # It expired when the clock was moved on.
                self._token = ""
            elif answer.status_code == 429:
                # Thousands of users are read at once; the limit fills up again by itself.
                time.sleep(1)
            else:
                found: dict[str, Any] = answer.raise_for_status().json().get("app_metadata", {})
                return found

    def merge(self, user_id: str, secondary: str) -> None:
        """Merge the second account into the first one. A fault may strike this call like any other."""
        provider, _, account = secondary.partition("|")
        path = f"users/{quote(user_id, safe='')}/identities"
        self._try("POST", path, {"provider": provider, "user_id": account})

    def split(self, user_id: str, secondary: str) -> None:
        """Make the second account a user of its own again. A fault may strike this call like any other."""
        provider, _, account = secondary.partition("|")
        self._try(
            "DELETE", f"users/{quote(user_id, safe='')}/identities/{provider}/{quote(account, safe='')}"
        )

    def _try(self, method: str, path: str, body: Mapping[str, str] | None = None) -> None:
        with suppress(httpx.TransportError, httpx.DecodingError):
            if self._management(method, path, body).status_code == 401:
                self._token = ""

    def _management(self, method: str, path: str, body: Mapping[str, str] | None = None) -> httpx.Response:
        self._token = self._token or self._fresh_token()
        url = f"{self._environment['AUTH0_ISSUER']}api/v2/{path}"
        return self._http.request(method, url, json=body, headers={"Authorization": f"Bearer {self._token}"})

    def _fresh_token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._environment["AUTH0_MGMT_CLIENT_ID"],
            "client_secret": self._environment["AUTH0_MGMT_CLIENT_SECRET"],
            "audience": f"https://{self._environment['AUTH0_DOMAIN']}/api/v2/",
        }
        answer = self._http.post(f"{self._environment['AUTH0_ISSUER']}oauth/token", data=form)
        return str(answer.raise_for_status().json()["access_token"])

    def _stripe(self, method: str, path: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        url = f"{self._environment['STRIPE_API_BASE']}/v1{path}"
        headers = {"Authorization": f"Bearer {self._environment['STRIPE_SECRET_KEY']}"}
        if method == "GET":
            return self._http.get(url, params=form, headers=headers)
        return self._http.request(method, url, data=form, headers=headers)

    def _listed(self, path: str, form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            page = self._stripe("GET", path, {**form, "limit": "100", **cursor}).raise_for_status().json()
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}
