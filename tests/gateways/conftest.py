"""The outside as the gateways meet it: servers of the tests, the sandbox's vendors, and wires to them."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.clocks import Hands
from tests.gateways.raw_server import wire_within
from tests.gateways.shopfront import Shopfront
from tests.gateways.tenant import Tenant
from tests.support import STRIPE_KEYS
from webstore import deadline
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.state import FileState
from webstore.gateways.stripe import StripePayments
from webstore.gateways.wire import Wire
from webstore.sandbox.auth0 import Auth0, Auth0Config, create_auth0
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import Stripe, StripeConfig, create_stripe

# Wires


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire whose own limits are beyond every test's."""
    with wire_within() as made:
        yield made


@pytest.fixture
def deadline_clock(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock of all deadlines. Sockets use the real one."""
    clock = Hands()
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long anything in this process wanted to sleep. Nothing does."""
    wanted: list[float] = []
    monkeypatch.setattr(time, "sleep", wanted.append)
    return wanted


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server with this certificate speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def certified(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire that takes the certificate for an authority's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with wire_within() as made:
        yield made


# The sandbox's Auth0


@pytest.fixture(scope="session")
def running_auth0() -> Iterator[tuple[Auth0, Server]]:
    server = Server()
    auth0 = create_auth0(Auth0Config(domain=server.url.removeprefix("http://")))
    server.app = auth0.app
    with server:
        yield auth0, server


@pytest.fixture
def tenant(running_auth0: tuple[Auth0, Server], tmp_path: Path) -> Iterator[Tenant]:
    auth0, server = running_auth0
    server.start()
    auth0.control.reset()
    with ExitStack() as held:
        yield Tenant(auth0, server, FileState(tmp_path / "state"), held)
    auth0.control.clear_faults()


@pytest.fixture
def directory(tenant: Tenant) -> Auth0Directory:
    return tenant.directory()


# The sandbox's Stripe


@pytest.fixture(scope="session")
def running_stripe() -> Iterator[tuple[Stripe, Server]]:
    stripe = create_stripe(StripeConfig(keys=STRIPE_KEYS))
    with Server(stripe.app) as server:
        yield stripe, server


@pytest.fixture
def shopfront(running_stripe: tuple[Stripe, Server], tmp_path: Path) -> Iterator[Shopfront]:
    stripe, server = running_stripe
    server.start()
    stripe.control.reset()
    with ExitStack() as held:
        yield Shopfront(stripe, server, FileState(tmp_path / "state"), held)
    stripe.control.clear_faults()


@pytest.fixture
def payments(shopfront: Shopfront) -> StripePayments:
    return shopfront.payments()
