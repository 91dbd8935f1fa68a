"""REDIS_URL is checked at the start: what the client would fail on later, or misunderstand."""

from __future__ import annotations

import pytest

from webstore.gateways.redis_state import open_redis
from webstore.redis_address import _OPTIONS, _TLS_OPTIONS, redis_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost/",
        "redis://redis.example.com:6379/15",
        "redis://:p%23%2F%3F%40%25@10.0.0.1:6379/0",
        "redis://user:p@ss@localhost:6379/0",
        "redis://[::1]:6379/0",
        "rediss://localhost:6380/0?ssl_cert_reqs=none&ssl_check_hostname=false",
        "rediss://localhost?ssl_ca_certs=/etc/ssl/ca.pem",
        "unix:///run/redis/redis.sock?db=2",
        "redis://localhost/0?socket_timeout=0.5&max_connections=10&health_check_interval=30&protocol=3",
    ],
)
def test_an_address_that_the_client_can_use_is_taken_as_it_is(url: str) -> None:
    assert redis_url(url) == url
    open_redis(url).connection_pool.make_connection()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("redis://:hush#1@localhost:6379/0", "has a # in its user or password: write %23"),
        ("redis://:hush/1@localhost:6379/0", "has a / in its user or password: write %2F"),
        ("redis://:hush?1@localhost:6379/0", "has a ? in its user or password: write %3F"),
        ("redis://localhost:6379/0#hush", "has a #"),
        ("redis://localhost:6379/hush", "must end with the number of a database"),
        ("redis://localhost:6379/-1", "must end with the number of a database"),
        ("redis://localhost:6379/0/1", "must end with the number of a database"),
        ("redis://localhost:99999/0", "has a malformed host, or a port that is not a number up to 65535"),
        ("redis://localhost:0/0", "must name a host, and a port from 1 to 65535"),
        ("redis://:hush@/0", "must name a host"),
        ("redis://", "must name a host"),
        ("unix://", "must name the path of a socket"),
        ("localhost:6379", "must be a URL like redis://localhost:6379/0"),
        ("REDIS://localhost", "must be a URL like redis://localhost:6379/0"),
        ("redis+sentinel://localhost:26379/mymaster", "names Redis Sentinel"),
        ("sentinel://localhost:26379", "names Redis Sentinel"),
        ("redis://:hush@one:6379,two:6379,three:6379/0", "names several servers"),
        ("redis://localhost/0?timeout_s=1", "has the unknown option timeout_s"),
        ("redis://localhost/0?decode_responses=true", "has the unknown option decode_responses"),
        ("redis://localhost/0?connection_class=hush", "has the unknown option connection_class"),
        ("redis://localhost/0?a=1&b=2", "has the unknown option a, and the unknown option b"),
        ("redis://localhost/0?socket_timeout=soon", "has the option socket_timeout, which must be seconds"),
        ("redis://localhost/0?socket_timeout=0", "has the option socket_timeout, which must be seconds"),
        ("redis://localhost/0?socket_timeout=", "has the option socket_timeout, which must be seconds"),
        ("redis://localhost/0?max_connections=-1", "has the option max_connections"),
        ("redis://localhost/0?db=one", "has the option db, which must be a whole number"),
        (
            "redis://localhost/0?ssl_cert_reqs=none",
            "the unknown option ssl_cert_reqs (it is for rediss:// alone)",
        ),
        ("rediss://localhost/0?ssl_cert_reqs=maybe", "has the option ssl_cert_reqs, which must be required"),
    ],
)
def test_an_address_that_would_fail_later_is_refused_with_the_fault(url: str, fault: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (its text is compared)
        redis_url(url)
    assert fault in str(caught.value)
    assert "hush" not in str(caught.value)


SOUND = {"db": "1", "protocol": "3", "ssl_cert_reqs": "required"}


@pytest.mark.parametrize("name", sorted({**_OPTIONS, **_TLS_OPTIONS}))
def test_the_client_knows_every_option_that_is_taken(name: str) -> None:
    url = redis_url(f"rediss://localhost?{name}={SOUND.get(name, '1')}")
    open_redis(url).connection_pool.make_connection()
