"""The tenant's two connections: the database and the social provider. Every application has both.

https://auth0.com/docs/authenticate/identity-providers
"""

from webstore.sandbox.auth0.config import DATABASE, SOCIAL
from webstore.sandbox.auth0.records import Record

CONNECTIONS: list[Record] = [
    {
        "id": "con_sandboxDatabase0",
        "name": DATABASE,
        "strategy": "auth0",
        "options": {"brute_force_protection": True, "disable_signup": False},
        "is_domain_connection": False,
        "realms": [DATABASE],
    },
    {
        "id": "con_sandboxSocial000",
        "name": SOCIAL,
        "strategy": "google-oauth2",
        "options": {"email": True, "profile": True, "scope": ["email", "profile"]},
        "is_domain_connection": False,
        "realms": [SOCIAL],
    },
]


def connection_name(connection_id: str) -> str | None:
    """The name of the connection with this ID, or None."""
    return next((str(it["name"]) for it in CONNECTIONS if it["id"] == connection_id), None)
