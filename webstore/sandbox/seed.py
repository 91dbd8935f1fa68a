"""The command `python -m webstore.sandbox.seed`: fills a running sandbox with users, customers and faults.

All users are replaced, the demo shoppers included; users of the database log in with Password1!. The two
vendors are two servers that know nothing of each other. Each gets the same description.
"""

import argparse
import http.client
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from webstore.sandbox.stripe import ACCOUNT

_TIMEOUT_S = 600.0
_PATH = "/_sandbox/seed"
#: The latest users are this old: a store takes a younger one for one who may be logging in just now.
_YOUNGEST_S = 2 * 86_400


class SeedError(Exception):
    """A vendor refused the description, or cannot be reached."""


def seed_both(auth0_url: str, stripe_url: str, **given: object) -> dict[str, Any]:  # Any: JSON
    """Replace all users at Auth0 and add their customers at Stripe, as `Population.parse` describes them.

    By default they are in test mode of the first account, and name the tenant at `auth0_url`. Returns
    `users`, `customers`, `subscriptions` and `faults`: kind, user ID and customer ID of each. Raises
    SeedError.
    """
    population = {
        "account": ACCOUNT,
        "tenant": urlsplit(auth0_url).netloc,
        "until": int(time.time()) - _YOUNGEST_S,
        **given,
    }
    users, customers = (_post(url, {"population": population}) for url in (auth0_url, stripe_url))
    if users["faults"] != customers["faults"]:
        raise SeedError("The two vendors planted different faults. Are they of the same version?")
    return {**users, **customers}


def _post(url: str, spec: Mapping[str, object]) -> dict[str, Any]:  # Any: JSON
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", _PATH, json.dumps(spec), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise SeedError(f"No answer from {url}{_PATH}. Is the sandbox running there?") from exc
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK or not isinstance(body, dict):
        raise SeedError(f"{url} refused: {body.get('error') if isinstance(body, dict) else answer.status}")
    return body


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: print numbers and faults as JSON, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m webstore.sandbox.seed", description=__doc__)
    parser.add_argument(
        "--auth0", default="http://127.0.0.1:8001", help="Auth0's address (default: %(default)s)"
    )
    parser.add_argument(
        "--stripe", default="http://127.0.0.1:8002", help="Stripe's address (default: %(default)s)"
    )
    parser.add_argument("--users", type=int, default=10_000, help="how many users (default: %(default)s)")
    parser.add_argument("--faults", type=int, default=0, help="how many faults, spread over all kinds")
    parser.add_argument("--subscribed", type=int, default=0, help="how many users have a subscription")
    parser.add_argument("--random", type=int, default=0, help="a number that decides who has which fault")
    parser.add_argument("--live", action="store_true", help="fill Stripe's live mode")
    options = parser.parse_args(arguments)
    try:
        made = seed_both(
            options.auth0,
            options.stripe,
            size=options.users,
            faults=options.faults,
            subscribed=options.subscribed,
            random=options.random,
            livemode=options.live,
        )
    except SeedError as exc:
        print(exc, file=sys.stderr)
        return 1
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
