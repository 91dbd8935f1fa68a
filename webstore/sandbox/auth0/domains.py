"""The tenant's host names: its own, and its custom domains.

https://auth0.com/docs/customize/custom-domains
"""

from flask import has_request_context, request

from webstore.sandbox.auth0.config import Auth0Config, Settings


def issuer_here(config: Auth0Config, settings: Settings) -> str:
    """The issuer for the request that is being served: the name that it was sent to."""
    if has_request_context() and request.host in settings.custom_domains:
        return _issuer(request.host)
    return config.issuer


def issuers(config: Auth0Config, settings: Settings) -> list[str]:
    """The issuers of all tokens that the tenant may have issued."""
    return [config.issuer, *(_issuer(domain) for domain in settings.custom_domains)]


def _issuer(domain: str) -> str:
    return f"http://{domain}/"
