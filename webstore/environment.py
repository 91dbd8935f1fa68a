"""Reads the environment's variables and collects all their faults."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from .addresses import is_loopback

MIN_SECRET = 32
RANDOM_TEXT = "a long random text: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_LISTEN = re.compile(r"unix:\S+|fd://\d+|(?:[\w.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_STRIPE_KEY = re.compile(r"(?:sk|rk|rkcs|sk_org)_(?P<mode>test|live)_[A-Za-z0-9_]+")
_FUNCTION = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
#: SHA-256 of the sandbox's APP_SECRET_KEY and STRIPE_WEBHOOK_SECRET.
_PUBLISHED = (
    "6789b8726f1bb2f8e07c32b387a5380c6aa2987dc57abfff09ba0d063c9784b4",
    "97d14b8fee8b3f83c51901e17c426ecc897a3e56c242fda90a5c418c9ab79619",
)
_BARE_DOMAIN = "must be a bare domain like my-shop.eu.auth0.com, without https:// or a path"

Word = TypeVar("Word", bound=str)
_BLANK = " \t\r\n"
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
#: Unicode's categories of control, format and other invisible characters, and of spaces that are not " ".
_HIDDEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")

#: Returns the value to use. Raises ValueError with the fault, in the operator's words.
Check = Callable[[str], str]


class Reader:
    """Reads variables and collects their faults; an empty or blank variable counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []
        #: The variables that have to be set, with where the operator finds their values.
        self.needed: dict[str, str] = {}
        #: Every variable that was read, in this order.
        self.names: list[str] = []

    def required(self, name: str, where: str, check: Check = str) -> str:
        """A variable that has to be set; `where` says where the operator finds its value."""
        self.needed[name] = where
        value = self._value(name)
        if not value:
            if not self._is_set(name):
                self.problems.append(f"{name} is missing. Find it: {where}.")
            return ""
        return self._checked(name, value, check, f" Find it: {where}.")

    def optional(self, name: str, default: str, check: Check = str) -> str:
        """A variable with a default, which is not checked."""
        value = self._value(name)
        return self._checked(name, value, check) if value else default

    def many(self, name: str, check: Check) -> tuple[str, ...]:
        """Values separated by commas, each checked."""
        values = [value.strip(" ") for value in self._value(name).split(",")]
        sound = [value for value in values if value and self._is_sound(name, value)]
        return tuple(self._checked(name, value, check) for value in sound)

    def flag(self, name: str, *, default: bool) -> bool:
        """1 for yes, 0 for no."""
        value = self._value(name)
        if value not in ("", "0", "1"):
            self.problems.append(f"{name} is {value!r}: use 1 for yes or 0 for no.")
        return value == "1" if value else default

    def choice(self, name: str, allowed: tuple[Word, ...]) -> Word:
        """One of the allowed words; the first one is the default."""
        value = self._value(name) or allowed[0]
        if value not in allowed:
            self.problems.append(f"{name} is {value!r}: use one of {', '.join(allowed)}.")
        return next((word for word in allowed if word == value), allowed[0])

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number of seconds between two limits."""
        text = self._value(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            self.problems.append(f"{name} is {text!r}: use a number of seconds from {least:g} to {most:g}.")
            return default
        return value

    def whole_number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number between two limits."""
        text = self._value(name) or str(default)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            self.problems.append(f"{name} is {text!r}: use a whole number from {least} to {most}.")
            return default
        return int(text)

    def origin(self, name: str, default: str, meaning: str) -> str:
        """Scheme, host and port; `meaning` says what the address is, for the message."""
        address = self.optional(name, default, url).rstrip("/")
        if not address:  # it is among the problems already
            return ""
        parts = urlsplit(address)
        if parts.path or "?" in address:
            self.problems.append(f"{name} must be an origin without a path: {meaning}.")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    def _is_set(self, name: str) -> bool:
        return bool(self._environ.get(name, "").strip(_BLANK))

    def _value(self, name: str) -> str:
        """The variable as it is; empty if it is not set, is blank, or has something around it."""
        self.names.append(name)
        value = self._environ.get(name, "")
        return value if value.strip(_BLANK) and self._is_sound(name, value) else ""

    def _is_sound(self, name: str, value: str) -> bool:
        """Whether nothing was copied with the value; a fault is added to the problems."""
        fault = None
        if value.strip() != value:
            fault = "has a space or a line break around its value: write it without"
        elif value[0] in _QUOTES or value[-1] in _QUOTES:
            fault = "has a quotation mark around its value: write it without (docker's --env-file keeps them)"
        elif not value.isprintable() and (hidden := _hidden(value)):
            fault = f"has an invisible character in it (U+{ord(hidden):04X}): type the value again"
        if fault:
            self.problems.append(f"{name} {fault}.")
        return fault is None

    def _checked(self, name: str, value: str, check: Check, hint: str = "") -> str:
        try:
            return check(value)
        except ValueError as exc:
            self.problems.append(f"{name} {exc}.{hint}")
            return ""


def _hidden(value: str) -> str | None:
    """The first invisible character of a value, if there is one."""
    return next((c for c in value if unicodedata.category(c) in _HIDDEN), None)


# Checks of single values. Each returns the value to use and raises ValueError with the fault, in the
# operator's words.


def is_live_key(api_key: str) -> bool:
    """Whether a Stripe API key works on live data. Source: https://docs.stripe.com/keys"""
    found = _STRIPE_KEY.fullmatch(api_key)
    return found is not None and found["mode"] == "live"


def domain(value: str) -> str:
    """A bare domain, in lower case."""
    if not _HOST.fullmatch(value):
        raise ValueError(_BARE_DOMAIN)
    try:
        _ = urlsplit(f"//{value}").port
    except ValueError:
        raise ValueError(_BARE_DOMAIN) from None
    return value.lower()


def is_custom_domain(value: str) -> bool:
    """Whether a domain is a custom domain of a tenant, and not the tenant's own, nor this machine.

    Source: https://auth0.com/docs/customize/custom-domains
    """
    host = urlsplit(f"//{value}").hostname or ""
    return not host.endswith(".auth0.com") and not is_loopback(host)


def url(value: str) -> str:
    """An https URL, or an http URL of this machine."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.fragment:
        raise ValueError("must be a URL like https://example.com")
    if any(c.isspace() or not c.isprintable() for c in value):
        raise ValueError("has a space or a control character in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https (http is for this machine's own addresses only)")
    return value


def stripe_key(value: str) -> str:
    """A secret or restricted API key of Stripe."""
    if value.startswith("pk_"):
        raise ValueError("is a publishable key (pk_...); the secret key is needed")
    if not _STRIPE_KEY.fullmatch(value):
        raise ValueError(
            "must be a secret key (sk_test_... or sk_live_...), a restricted key (rk_...), the key of a "
            "claimable sandbox (rkcs_...) or an organization key (sk_org_...)"
        )
    return value


def is_organization_key(api_key: str) -> bool:
    """Whether a Stripe API key is of an organization. Source: https://docs.stripe.com/keys/organization-api-keys"""
    return api_key.startswith("sk_org_")


def stripe_account(value: str) -> str:
    """The ID of a Stripe account."""
    if not re.fullmatch("acct_[A-Za-z0-9]+", value):
        raise ValueError("must be the ID of a Stripe account (acct_...)")
    return value


def portal_configuration(value: str) -> str:
    """The ID of a configuration of Stripe's billing portal."""
    if not re.fullmatch("bpc_[A-Za-z0-9]+", value):
        raise ValueError("must be the ID of a configuration of the billing portal (bpc_...)")
    return value


def origin(value: str) -> str:
    """An origin, without a path."""
    parts = urlsplit(url(value))
    if parts.path.strip("/") or parts.query:
        raise ValueError("must be an origin like https://example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def webhook_secret(value: str) -> str:
    """The signing secret of a webhook endpoint at Stripe."""
    if not value.startswith("whsec_"):
        raise ValueError("must be the signing secret of a webhook endpoint (whsec_...)")
    return value


def function_path(value: str) -> str:
    """The path of a Python function."""
    if not _FUNCTION.fullmatch(value):
        raise ValueError(f"has {value!r}: use package.module:function")
    return value


def country(value: str) -> str:
    """A two-letter country code, in upper case."""
    if not re.fullmatch("[A-Za-z]{2}", value):
        raise ValueError(f"has {value!r}: use two-letter country codes like DE,FR")
    return value.upper()


def shipping_rate(value: str) -> str:
    """The ID of a shipping rate at Stripe."""
    if not re.fullmatch("shr_[A-Za-z0-9]+", value):
        raise ValueError(f"has {value!r}: use IDs of shipping rates like shr_...")
    return value


def secret(value: str) -> str:
    """A secret that is long enough."""
    if len(value) < MIN_SECRET:
        raise ValueError(f"must be at least {MIN_SECRET} characters long: {RANDOM_TEXT}")
    return value


def is_published(value: str) -> bool:
    """Whether the value is a secret of the sandbox, which its source shows to everybody."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest() in _PUBLISHED


def word(value: str) -> str:
    """A value without spaces, in printable ASCII."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("has a space or a character beyond ASCII in it")
    return value


def client_secret(value: str) -> str:
    """A client secret, in printable ASCII."""
    if not re.fullmatch(r"[ -~]+", value):
        raise ValueError("has a character beyond ASCII in it")
    return value


def listen_address(value: str) -> str:
    """Where gunicorn listens: host:port, [ipv6]:port, host, unix:path or fd://number; several with commas."""
    for address in value.split(","):
        found = _LISTEN.fullmatch(address)
        if found is None or int(found["port"] or 0) > 65535:
            raise ValueError(f"must be host:port with a port up to 65535, or unix:path, but is {value!r}")
    return value


def absolute_path(value: str) -> str:
    """An absolute path."""
    if not Path(value).is_absolute():
        raise ValueError("must be an absolute path")
    return value
