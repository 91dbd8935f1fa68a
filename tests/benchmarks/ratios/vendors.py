"""Both vendors in a process of their own: `python -m tests.benchmarks.ratios.vendors STORE_URL...`.

`python -m webstore.sandbox` knows one store; these know several. They print the first store's environment as
JSON, and run until their stdin is closed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from tests.support import NO_AUTHORITIES
from webstore.sandbox.vendors import Sandbox

from .hammer import TOP

Vendor = Literal["auth0", "stripe"]
#: What a store calls during a login. Not the login pages, which are the browser's.
CALLED: dict[Vendor, str] = {"auth0": r"/(oauth/token|api/v2/.*|\.well-known/.*)", "stripe": "/v1/.*"}


@dataclass
class Vendors:
    """The running vendors."""

    #: That of the first store, as the sandbox gives it.
    environment: dict[str, str]
    http: httpx.Client

    def url(self, vendor: Vendor) -> str:
        """The origin of the vendor."""
        if vendor == "stripe":
            return self.environment["STRIPE_API_BASE"]
        return self.environment["AUTH0_ISSUER"].rstrip("/")

    def keep_away(self, seconds: float) -> None:
        """Let each call of a store take so much longer, as the way to a vendor's machines does."""
        for vendor, path in CALLED.items():
            self.http.delete(f"{self.url(vendor)}/_sandbox/faults").raise_for_status()
            if seconds:
                fault = {"action": "latency", "path": path, "times": None, "seconds": seconds}
                self.http.post(f"{self.url(vendor)}/_sandbox/faults", json=fault).raise_for_status()

    def claim(self, *, given: bool) -> None:
        """Whether ID tokens have the claim with the customer's ID."""
        settings = {"claim_action": given}
        self.http.patch(f"{self.url('auth0')}/_sandbox/settings", json=settings).raise_for_status()

    def calls(self) -> list[tuple[Vendor, str, str]]:
        """Vendor, method and path of every call of a store since `forget_calls`."""
        return [
            (vendor, seen["method"], seen["path"])
            for vendor in CALLED
            for seen in self._requests(vendor)
            if not seen["path"].startswith(("/authorize", "/u/"))
        ]

    def forget_calls(self) -> None:
        """Empty both request logs."""
        for vendor in CALLED:
            self.http.delete(f"{self.url(vendor)}/_sandbox/requests").raise_for_status()

    def fill_catalogue(self, products: int) -> None:
        """Have so many products, by copies of those of the demo catalogue, through Stripe's API."""
        listed = self._stripe("GET", "/products", {"active": "true", "limit": "100"})["data"]
        for number in range(products - len(listed)):
            model = listed[number % len(listed)]
            product = self._stripe(
                "POST",
                "/products",
                {
                    "name": f"{model['name']}, second choice",
                    "description": model["description"],
                    "images[0]": model["images"][0],
                },
            )
            price = {
                "currency": "eur",
                "unit_amount": str(700 + 150 * number),
                "product": product["id"],
            }
            made = self._stripe("POST", "/prices", price)
            self._stripe("POST", f"/products/{product['id']}", {"default_price": made["id"]})

    def _requests(self, vendor: Vendor) -> list[dict[str, Any]]:
        listed = self.http.get(f"{self.url(vendor)}/_sandbox/requests").raise_for_status().json()
        found: list[dict[str, Any]] = listed["requests"]
        return found

    def _stripe(self, method: str, path: str, form: dict[str, str]) -> Any:  # Any: Stripe's documents
        key = self.environment["STRIPE_SECRET_KEY"]
        url = f"{self.url('stripe')}/v1{path}"
        given: dict[str, Any] = {"params": form} if method == "GET" else {"data": form}
        answer = self.http.request(method, url, headers={"Authorization": f"Bearer {key}"}, **given)
        return answer.raise_for_status().json()


@contextmanager
def running_vendors(*store_urls: str) -> Iterator[Vendors]:
    """Both vendors for the stores at these addresses, with the demo catalogue."""
    command = [sys.executable, "-m", "tests.benchmarks.ratios.vendors", *store_urls]
    process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 (ourselves)
    try:
        assert process.stdout is not None
        environment = json.loads(process.stdout.readline())
        with httpx.Client(timeout=30, verify=NO_AUTHORITIES, trust_env=False) as http:
            yield Vendors(environment, http)
    finally:
        process.communicate()


def main() -> None:
    """Run the command line."""
    with Sandbox(*sys.argv[1:]) as sandbox:
        sandbox.open_shop()
        sys.stdout.write(json.dumps(sandbox.environment()) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
