"""A hostile OpenID provider over HTTP: it knows its user already and answers as a test wants it to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.ports import free_port
from tests.server.under_gunicorn import start
from tests.support import ADA, NO_AUTHORITIES, Browser, Shop, running_shop, until
from webstore.sandbox.server import Server

CLIENT_ID = "the-store"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
NEVER_LOGGED = "token-of-the-liar"


@cache
def rsa(number: int) -> RSAKey:
    """One of a few RSA keys, made when first needed: making one takes a noticeable part of a second."""
    return RSAKey.generate_key(2048, {"kid": f"rsa{number or ''}", "use": "sig"})


@cache
def curve() -> ECKey:
    """A key that the store cannot use."""
    return ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})


def published(key: RSAKey | ECKey, *without: str) -> dict[str, Any]:
    """The key as a JWK set holds it, without these members."""
    return {name: value for name, value in key.as_dict(private=False).items() if name not in without}


@dataclass
class Liar:
    """An OpenID provider for one client."""

    url: str
    client_secret: str
    client_id: str = CLIENT_ID
    #: What signs by default.
    key: RSAKey = field(default_factory=lambda: rsa(0))
    #: The way in which the client has to send its secret.
    registered: str = "client_secret_basic"
    #: The ways in which it did.
    sent_by: list[str] = field(default_factory=list)
    #: The keys that are published.
    keys: list[dict[str, Any]] = field(default_factory=lambda: [published(rsa(0)), published(curve())])
    #: Body and status that the keys' address answers instead.
    keys_fail: tuple[str, int] | None = None
    #: Fields of the discovery document that differ; None leaves one out.
    metadata: dict[str, Any] = field(default_factory=dict)
    #: Parameters of the callback besides code and state.
    callback: dict[str, str] = field(default_factory=dict)
    #: Claims that differ from the right ones; a duration counts from now, None leaves one out.
    claims: dict[str, Any] = field(default_factory=dict)
    #: Makes the ID token; None signs as it should be.
    sign: Callable[[dict[str, Any]], str] | None = None
    #: Fields of the token response that differ; None leaves one out.
    response: dict[str, Any] = field(default_factory=dict)
    #: The whole token response, as it goes out.
    raw_response: bytes | None = None
    #: What the userinfo endpoint says, with its status; None closes the connection without an answer.
    userinfo: Mapping[str, Any] | list[Any] | bytes | None = None
    userinfo_status: int = 200
    #: Called when the code has come, before the ID token is signed.
    before_signing: Callable[[], None] = lambda: None
    #: Method and path of each request, with the query's or form's parameters.
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)
    _begun: dict[str, dict[str, str]] = field(default_factory=dict)

    def tell_the_truth(self) -> None:
        """No more lies, and nothing remembered."""
        honest = Liar(self.url, self.client_secret, self.client_id)
        for name in vars(honest):
            setattr(self, name, getattr(honest, name))

    def app(self) -> Flask:
        """The application at `url`."""
        app = Flask(__name__)
        app.add_url_rule("/.well-known/openid-configuration", "discovery", self._discovery)
        app.add_url_rule("/keys", "keys", self._keys)
        app.add_url_rule("/authorize", "authorize", self._authorize)
        app.add_url_rule("/token", "token", self._token, methods=["POST"])
        app.add_url_rule("/userinfo", "userinfo", self._userinfo)
        app.add_url_rule("/end", "end", self._end)
        app.before_request(lambda: self.asked.append((request.path, request.values.to_dict())))
        return app

    def times(self, path: str) -> int:
        """How often this path was asked for."""
        return sum(asked == path for asked, _ in self.asked)

    def _discovery(self) -> ResponseReturnValue:
        right = {
            "issuer": f"{self.url}/",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "ES256", "none"],
        }
        return {name: value for name, value in {**right, **self.metadata}.items() if value is not None}

    def _keys(self) -> ResponseReturnValue:
        return self.keys_fail or {"keys": self.keys}

    def _authorize(self) -> ResponseReturnValue:
        asked = request.args.to_dict()
        self.issued.append(code := f"code-{len(self.issued)}-of-the-liar")
        self._begun[code] = asked
        answer = {"code": code, "state": asked["state"], **self.callback}
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")

    def _end(self) -> ResponseReturnValue:
        return redirect(request.args["post_logout_redirect_uri"])

    def _token(self) -> ResponseReturnValue:
        if not self._is_client():
            return {"error": "invalid_client"}, 401
        begun = self._begun.pop(request.form["code"], {})
        challenge = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != begun.get("code_challenge"):
            return {"error": "invalid_grant"}, 400
        self.before_signing()
        if self.raw_response is not None:
            return self.raw_response, {"Content-Type": "application/json"}
        claims = self._claims(begun["nonce"])
        token = self.sign(claims) if self.sign else self.right(claims)
        answer = {"access_token": NEVER_LOGGED, "token_type": "Bearer", "id_token": token, **self.response}
        self.issued += [token, NEVER_LOGGED]
        return {name: value for name, value in answer.items() if value is not None}

    def _is_client(self) -> bool:
        """Whether the client's ID and secret came in the way that the client is registered for."""
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            sent = "client_secret_basic"
            pair = base64.b64decode(header.removeprefix("Basic ")).decode("ascii").partition(":")[::2]
            client_id, secret = (unquote_plus(part) for part in pair)
        else:
            sent = "client_secret_post"
            client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
        self.sent_by.append(sent)
        return (sent, client_id, secret) == (self.registered, self.client_id, self.client_secret)

    def _claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        right = {
            "iss": f"{self.url}/",
            "aud": self.client_id,
            "sub": ADA,
            "iat": now,
            "exp": now + 3600,
            "nonce": nonce,
            "email": "ada@example.com",
        }
        return _without_none({**right, **self.claims}, now)

    def _userinfo(self) -> ResponseReturnValue:
        if request.headers.get("Authorization") != f"Bearer {NEVER_LOGGED}":
            return {"error": "invalid_token"}, 401
        shown = {"sub": ADA, "name": "Ada of Userinfo"} if self.userinfo is None else self.userinfo
        body = shown if isinstance(shown, bytes) else json.dumps(shown)
        return body, self.userinfo_status, {"Content-Type": "application/json"}

    def right(self, claims: Mapping[str, Any], **header: object) -> str:
        """Signed with the key, which is named unless `header` says otherwise (None names none)."""
        named = {"alg": "RS256", "kid": self.key.kid, **header}
        return jwt.encode({k: v for k, v in named.items() if v is not None}, dict(claims), self.key)

    def logout_token(self, sign: Callable[[dict[str, Any]], str] | None = None, **changes: Any) -> str:
        """A logout token; `changes`: as in `claims`."""
        now = int(time.time())
        right = {
            "iss": f"{self.url}/",
            "aud": self.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": base64.urlsafe_b64encode(os.urandom(9)).decode(),
            "events": {LOGOUT_EVENT: {}},
            "sub": ADA,
        }
        claims = _without_none({**right, **changes}, now)
        return sign(claims) if sign else self.right(claims, typ="logout+jwt")


def _without_none(claims: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The claims that are there, with durations counted from now."""
    return {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in claims.items()
        if value is not None
    }


def by_hand(header: Mapping[str, object], claims: Mapping[str, Any], key: bytes | None) -> str:
    """A compact JWT that no library would make: unsigned, or with a MAC under `key`."""
    signed = _to_sign(header, claims)
    return f"{signed}.{_base64(b'' if key is None else hmac.digest(key, signed.encode(), 'sha256'))}"


def signed_by_hand(header: Mapping[str, object], claims: Mapping[str, Any], key: RSAKey) -> str:
    """A compact JWT with a right RS256 signature and a header that no library would make."""
    signed = _to_sign(header, claims)
    assert key.private_key is not None
    return f"{signed}.{_base64(key.private_key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _to_sign(header: Mapping[str, object], claims: Mapping[str, Any]) -> str:
    return ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def a_lying_shop(folder: Path, **environment: str) -> Iterator[tuple[Liar, Shop]]:
    """A store whose login provider is a liar; the other vendors are the sandbox's."""
    server = Server()
    issuer = {"AUTH0_ISSUER": f"{server.url}/", "AUTH0_CLIENT_ID": CLIENT_ID}
    with running_shop(folder / "state", **issuer, **environment) as shop:
        liar = Liar(server.url, shop.environment["AUTH0_CLIENT_SECRET"])
        server.app = liar.app()
        with server:
            yield liar, shop


@dataclass
class Workers:
    """The same store once more under gunicorn, with two processes."""

    url: str
    process: subprocess.Popen[bytes]

    def ids(self) -> list[int]:
        """The process IDs of the workers."""
        master = self.process.pid
        return [int(n) for n in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def ready(self) -> bool:
        """Whether they answer."""
        try:
            answer = httpx.get(f"{self.url}/healthz", timeout=5, verify=NO_AUTHORITIES, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and len(self.ids()) == 2


@contextmanager
def two_workers(shop: Shop, folder: Path) -> Iterator[Workers]:
    """Start them on a port of their own; they share the state with the store in this process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    variables = {**shop.environment, "BASE_URL": url, "BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "2"}
    process = start(variables, folder / "tmp", folder / "gunicorn.log")
    running = Workers(url, process)
    try:
        until(running.ready, within_s=30)
        yield running
    finally:
        # Not gracefully, which takes seconds. How gunicorn ends is tested in tests/server.
        workers = running.ids()
        process.kill()
        process.wait(timeout=30)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


# What a test sees of a refusal


def content(page: httpx.Response) -> str:
    """The page without header and footer, which have links of their own."""
    found = re.search(r"<main.*</main>", page.text, re.DOTALL)
    assert found is not None, page.text
    return found[0]


def log_of_store(caplog: pytest.LogCaptureFixture) -> str:
    """The records that were logged outside of the test's own thread: those of the servers."""
    return "\n".join(
        record.getMessage() + (record.exc_text or "")
        for record in caplog.records
        if record.threadName != "MainThread"
    )


def refusal(browser: Browser, liar: Liar, caplog: pytest.LogCaptureFixture, path: str = "/login") -> str:
    """Log in and be refused with a page that has a reference number; gives the cause that the log has for it.

    Nobody is logged in afterwards, nothing of the login is left over, and nothing secret is in the log.
    """
    page = browser.open(path)
    assert page.status_code == 400, content(page)
    assert page.url.path == "/callback"
    assert "We couldn&#39;t log you in" in content(page)
    found = re.search(r"Reference number <code>([2-9A-HJ-NP-Z]{8})</code>", content(page))
    assert found is not None, content(page)
    log = log_of_store(caplog)
    (line,) = [line for line in log.splitlines() if f"reference={found[1]}" in line]
    assert "LoginRejected" in line
    assert "data-link-status" not in browser.open("/").text
    assert not [name for name in browser.client.cookies if name.startswith("webstore")]
    for secret in (*liar.issued, page.url.params["state"]):
        assert secret not in log
    return line.partition("cause=")[2]
