"""The types of events and the versions of the API that a webhook endpoint may name.

`event_types.txt` and `api_versions.txt` list them as Stripe's SDK for Python does:
https://github.com/stripe/stripe-python
"""

from pathlib import Path

_FOLDER = Path(__file__).parent


def _words(file: str) -> tuple[str, ...]:
    return tuple((_FOLDER / file).read_text(encoding="ascii").split())


EVENT_TYPES = _words("event_types.txt")
#: From the oldest to the newest.
API_VERSIONS = _words("api_versions.txt")
