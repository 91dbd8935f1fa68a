"""Helpers for tests of the sandbox's Auth0: a tenant over HTTP, a browser, and an application's requests."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from auth0.management.client import Auth0 as ManagementClient
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet
from pydantic import BaseModel

from tests.ports import free_port
from webstore.sandbox.auth0 import Auth0, Auth0Config, create_auth0
from webstore.sandbox.server import Server

# Nothing listens at this URL. The tests read the redirect and do not follow it.
CALLBACK = "http://127.0.0.1:9/callback"
AFTER_LOGOUT = "http://127.0.0.1:9/logged-out"
API = "https://api.store.example"
PASSWORD = "Password1!"
ADA = "auth0|000000000000000000000001"
GRACE = "auth0|000000000000000000000002"
# The sandbox does not use TLS, and loading the certificate authorities for each client is slow.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_USUALLY_TYPED = {"email": "ada@example.com", "password": PASSWORD}


@dataclass
class Tenant:
    """A running tenant, with an HTTP client that has no cookies."""

    auth0: Auth0
    server: Server
    http: httpx.Client

    @property
    def config(self) -> Auth0Config:
        return self.auth0.state.config

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self, **changes: object) -> None:
        """Change settings through the control endpoint."""
        self.http.patch("/_sandbox/settings", json=changes).raise_for_status()

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward by `seconds`."""
        self.http.post("/_sandbox/clock", json={"advance": seconds}).raise_for_status()

    def management_token(self, **changes: str) -> str:
        """Request an access token for the Management API."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.config.mgmt_client_id,
            "client_secret": self.config.mgmt_client_secret,
            "audience": self.config.management_audience,
        }
        answer = self.http.post("/oauth/token", data=form | changes)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def explorer_token(self, *scopes: str) -> str:
        """A Management API token as the dashboard gives it, with these scopes, or with all."""
        sent = {"scopes": list(scopes)} if scopes else {}
        answer = self.http.post("/_sandbox/auth0/token", json=sent)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def management(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send one request to the Management API, with a new token unless `headers` are given."""
        headers = request.pop("headers", None) or {"Authorization": f"Bearer {self.management_token()}"}
        return self.http.request(method, f"/api/v2{path}", headers=headers, **request)

    def exchange(self, login: "Login", **changes: str) -> httpx.Response:
        """Exchange a code for tokens, as the store's application does."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.config.client_id,
            "client_secret": self.config.client_secret,
            "code": login.answer.get("code", ""),
            "redirect_uri": CALLBACK,
            "code_verifier": login.verifier,
        }
        sent = {name: value for name, value in (form | changes).items() if value}
        return self.http.post("/oauth/token", data=sent)

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token. Checks its signature with the published keys."""
        keys = KeySet.import_key_set(self.http.get("/.well-known/jwks.json").json())
        return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)


@dataclass
class Login:
    """A response at the callback, with the PKCE verifier of its request."""

    answer: dict[str, str]
    verifier: str = ""


class Browser:
    """A browser with cookies. It follows redirects, but not those that leave the tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.http = httpx.Client(base_url=tenant.url, verify=NO_AUTHORITIES)
        self.verifier = generate_token(48)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.http.close()

    def authorize(self, **changes: str | None) -> httpx.Response:
        """Open `/authorize`, and return the tenant's page or the redirect to the application."""
        asked: dict[str, str | None] = {
            "client_id": self.tenant.config.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid profile email",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        parameters = {name: value for name, value in (asked | changes).items() if value is not None}
        return self.follow(self.http.get(f"/authorize?{urlencode(parameters)}"))

    def follow(self, response: httpx.Response) -> httpx.Response:
        """Follow redirects within the tenant."""
        own = (self.tenant.url, self.tenant.config.social_origin)
        while response.next_request is not None and str(response.next_request.url).startswith(own):
            response = self.http.send(response.next_request)
        return response

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in and submit the first form of a page."""
        action = re.search(r'<form[^>]* action="([^"]+)"', page.text)
        assert action is not None, page.text
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        return self.follow(self.http.post(page.url.join(action[1]), data=hidden | fields))

    def log_in(self, **changes: str | None) -> Login:
        """Log in, from `/authorize` to the callback, through the login page if it is shown.

        `email` and `password` go into the login page. The other changes are parameters of the request.
        """
        typed = {name: changes.pop(name, None) or usual for name, usual in _USUALLY_TYPED.items()}
        page = self.authorize(**changes)
        if page.next_request is None:
            page = self.submit(page, **typed)
        return self.arrived(page)

    def arrived(self, response: httpx.Response) -> Login:
        """The parameters that a redirect to the callback carries."""
        assert response.next_request is not None, response.text
        url = str(response.next_request.url)
        assert url.startswith(CALLBACK)
        return Login(query(url), self.verifier)

    def tokens(self, **changes: str | None) -> dict[str, Any]:
        """Log in and exchange the code. Returns the token endpoint's response."""
        answer = self.tenant.exchange(self.log_in(**changes))
        answer.raise_for_status()
        return dict(answer.json())

    def id_token(self, **changes: str | None) -> dict[str, Any]:
        """Log in and return the claims of the ID token."""
        return self.tenant.claims(self.tokens(**changes)["id_token"])


@contextmanager
def sdk_of(tenant: Tenant, **changes: str) -> Iterator[ManagementClient]:
    """Auth0's SDK for the Management API, without retries."""
    with sdk_with(tenant, tenant.management_token(**changes)) as sdk:
        yield sdk


@contextmanager
def sdk_with(tenant: Tenant, token: str) -> Iterator[ManagementClient]:
    """Auth0's SDK for the Management API with this token, without retries."""
    with httpx.Client(verify=NO_AUTHORITIES) as http:
        yield ManagementClient(base_url=f"{tenant.url}/api/v2", token=token, max_retries=0, httpx_client=http)


def undeclared(answer: object, *known: str) -> list[str]:
    """The fields of an answer, at any depth, that the SDK's models do not declare; `known` ones aside."""
    if isinstance(answer, BaseModel):
        extra = [name for name in answer.model_extra or {} if name not in known]
        fields = [getattr(answer, name) for name in type(answer).model_fields]
        return extra + [name for field in fields for name in undeclared(field, *known)]
    if isinstance(answer, list):
        return [name for item in answer for name in undeclared(item, *known)]
    return []


def query(url: str) -> dict[str, str]:
    """The query parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query))


@contextmanager
def running_tenant(**changes: Any) -> Iterator[Tenant]:
    """A tenant on a free port, configured for these tests."""
    port = free_port()
    config: dict[str, Any] = {
        "domain": f"127.0.0.1:{port}",
        "callback_urls": (CALLBACK, f"{CALLBACK}?from=query"),
        "logout_urls": (AFTER_LOGOUT,),
        "audiences": {API: ("read:orders",)},
        "claim_namespace": "https://store.example",
    }
    auth0 = create_auth0(Auth0Config(**(config | changes)))
    with (
        Server(auth0.app, port=port) as server,
        httpx.Client(base_url=server.url, verify=NO_AUTHORITIES) as http,
    ):
        try:
            yield Tenant(auth0, server, http)
        finally:
            auth0.stop()
