"""The start asks Redis whether it will do: what never will is refused with a sentence, the rest is logged."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ports import free_port
from tests.redis_server import RedisServer, running_redis
from tests.support import until
from webstore.errors import SettingsError
from webstore.gateways.redis_check import require_usable


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as running:
        yield running


def refusal(url: str) -> str:
    """The one sentence with which the start is refused."""
    with pytest.raises(SettingsError) as caught:
        require_usable(url)
    (problem,) = caught.value.problems
    assert problem.startswith("REDIS_URL: ")
    assert "hush" not in problem
    return problem


def configure(server: RedisServer, *command: str | int) -> None:
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command(*command)


def test_a_redis_that_keeps_everything_will_do(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    require_usable(server.url)
    assert caplog.messages == []
    with redis.Redis.from_url(server.url) as client:
        assert client.dbsize() == 0


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"])
def test_a_redis_that_evicts_is_refused_with_the_setting_to_change(server: RedisServer, policy: str) -> None:
    configure(server, "CONFIG", "SET", "maxmemory-policy", policy)
    assert f"maxmemory-policy is {policy}" in refusal(server.url)
    assert "Set it to noeviction" in refusal(server.url)


def test_a_redis_without_config_is_read_by_info_and_one_without_either_is_warned_of(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    configure(server, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    configure(server, "ACL", "SETUSER", "shop", "on", ">hush", "~*", "+@all", "-config")
    url = server.url.replace("redis://", "redis://shop:hush@")
    assert "maxmemory-policy is allkeys-lru" in refusal(url)
    configure(server, "ACL", "SETUSER", "shop", "-info")
    require_usable(url)
    (warning,) = [line for line in caplog.messages if "noeviction" in line]
    assert "does not allow INFO" in warning


def test_a_wrong_password_and_a_user_without_rights_are_refused(server: RedisServer) -> None:
    configure(server, "ACL", "SETUSER", "shop", "on", ">hush", "~other:*", "+@all")
    assert "refuses its user or password" in refusal(server.url.replace("redis://", "redis://shop:wrong@"))
    assert "does not let this user write" in refusal(server.url.replace("redis://", "redis://shop:hush@"))


def test_a_redis_that_does_not_answer_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    require_usable(f"redis://:hush@127.0.0.1:{free_port()}/0")
    (warning,) = caplog.messages
    assert "does not answer" in warning
    assert "refused" in warning
    assert "hush" not in warning


def test_one_node_of_a_cluster_of_several_is_refused_and_a_node_with_all_slots_will_do(
    tmp_path: Path,
) -> None:
    with running_redis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as node:
        configure(node, "CLUSTER", "ADDSLOTSRANGE", 0, 8000)
        configure(node, "CONFIG", "SET", "cluster-require-full-coverage", "no")
        until(lambda: "cluster_state:ok" in cluster_info(node))
        assert "one node of a cluster of several" in refusal(node.url)
        configure(node, "CLUSTER", "ADDSLOTSRANGE", 8001, 16383)
        until(lambda: "cluster_slots_assigned:16384" in cluster_info(node))
        require_usable(node.url)


def cluster_info(node: RedisServer) -> str:
    with redis.Redis.from_url(node.url) as admin:
        return str(admin.execute_command("CLUSTER", "INFO"))


def test_a_replica_is_refused(server: RedisServer, tmp_path: Path) -> None:
    with running_redis(tmp_path, "--replicaof", f"127.0.0.1 {server.port}") as replica:
        assert "is a replica" in refusal(replica.url)


def test_a_sentinel_is_refused(server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "sentinel.conf"
    file.write_text(f"sentinel monitor main 127.0.0.1 {server.port} 1\n")
    with running_redis(tmp_path, "--sentinel", configuration=file) as sentinel:
        assert "is a Redis Sentinel" in refusal(sentinel.url)


def test_a_certificate_that_nobody_vouches_for_is_refused_with_its_own_error(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    port = free_port()
    options = ("--tls-port", str(port), "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    with running_redis(tmp_path, *options, *files):
        url = f"rediss://:hush@localhost:{port}/0"
        assert "certificate verify failed" in refusal(url)
        assert "TLS fails" in refusal(f"{url}?ssl_ca_certs={tmp_path}/absent.pem")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """The files of a certificate for localhost, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return files
