"""Checks for the parameters of API requests.

A schema maps the name of each parameter to a check. A check converts the parameter's form value for the
endpoint, or raises the StripeError that Stripe would answer. An empty string unsets a value. A check
then returns None.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from webstore.sandbox.stripe.errors import NotInSandbox, StripeError
from webstore.sandbox.stripe.forms import Value

Check = Callable[[Value, str], object]
Schema = Mapping[str, Check]

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
_METADATA_KEYS, _METADATA_KEY_LENGTH, _METADATA_VALUE_LENGTH = 50, 40, 500


def check_all(
    given: Mapping[str, Value], schema: Schema, *, required: Iterable[str] = (), within: str = ""
) -> dict[str, object]:
    """Check every parameter. Raises StripeError for unknown, missing or malformed ones."""

    def full(name: str) -> str:
        return f"{within}[{name}]" if within else name

    if unknown := [full(name) for name in given if name not in schema]:
        plural = "s" if len(unknown) > 1 else ""
        raise StripeError(
            400,
            f"Received unknown parameter{plural}: {', '.join(unknown)}",
            code="parameter_unknown",
            param=unknown[0],
        )
    for name in required:
        if name not in given:
            raise StripeError(
                400, f"Missing required param: {full(name)}.", code="parameter_missing", param=full(name)
            )
    return {name: schema[name](value, full(name)) for name, value in given.items()}


def text(limit: int = 5000) -> Check:
    """A string of at most `limit` characters. An empty string unsets it."""

    def check(value: Value, name: str) -> str | None:
        string = _string(value, name)
        if len(string) > limit:
            shown = f"{string[:10]}...{string[-10:]}"
            raise StripeError(400, f"Invalid string: {shown}; must be at most {limit} characters", param=name)
        return string or None

    return check


def given_text(limit: int = 5000) -> Check:
    """A string of 1 to `limit` characters. It cannot be unset."""
    check_length = text(limit)

    def check(value: Value, name: str) -> str:
        string = check_length(value, name)
        if not isinstance(string, str):
            raise cannot_be_unset(name)
        return string

    return check


def cannot_be_unset(name: str) -> StripeError:
    """The error for an empty string as the value of a parameter that cannot be unset."""
    return StripeError(
        400,
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a"
        f" parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or"
        " supply a non-empty value.",
        code="parameter_invalid_empty",
        param=name,
    )


def web_address(value: Value, name: str) -> str | None:
    """A URL that begins with http:// or https://. An empty string unsets it."""
    string = _string(value, name)
    if string and not re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", string):
        raise StripeError(400, "Not a valid URL", code="url_invalid", param=name)
    return string or None


def boolean(value: Value, name: str) -> bool:
    """A boolean: `true` or `false`."""
    string = _string(value, name)
    if string not in ("true", "false"):
        raise StripeError(400, f"Invalid boolean: {string}", param=name)
    return string == "true"


def decimal(places: int) -> Check:
    """A number that is not negative, with at most `places` decimal places."""

    def check(value: Value, name: str) -> Decimal:
        string = _string(value, name)
        match = re.fullmatch(r"[0-9]{1,15}(?:\.([0-9]+))?", string)
        if match is None:
            raise StripeError(400, f"Invalid decimal: {string}", param=name)
        if len(match[1] or "") > places:
            raise StripeError(
                400, f"Invalid decimal: {string}; must have at most {places} decimal places", param=name
            )
        return Decimal(string)

    return check


def email(value: Value, name: str) -> str | None:
    """An e-mail address in ASCII, with a dot in its domain, of at most 512 characters.

    An empty string unsets it.
    """
    string = _string(value, name)
    if string and (len(string) > 512 or not _EMAIL.fullmatch(string)):
        raise StripeError(400, f"Invalid email address: {string}", code="email_invalid", param=name)
    return string or None


def exact_text(value: Value, name: str) -> str:
    """Any string. An empty string stays an empty string (for filters)."""
    return _string(value, name)


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """A whole number from `minimum` to `maximum`, both included."""

    def check(value: Value, name: str) -> int:
        string = _string(value, name)
        if not re.fullmatch(r"-?[0-9]{1,18}", string):
            raise StripeError(400, f"Invalid integer: {string}", code="parameter_invalid_integer", param=name)
        number = int(string)
        for bound, wrong, word in (
            (minimum, minimum is not None and number < minimum, "greater"),
            (maximum, maximum is not None and number > maximum, "less"),
        ):
            if wrong:
                raise StripeError(
                    400,
                    f"This value must be {word} than or equal to {bound} (it currently is '{number}').",
                    code="parameter_invalid_integer",
                    param=name,
                )
        return number

    return check


def one_of(*options: str) -> Check:
    """One of the given words. An empty string unsets it."""

    def check(value: Value, name: str) -> str | None:
        string = _string(value, name)
        if string and string not in options:
            listed = f"{', '.join(options[:-1])}, or {options[-1]}"
            raise StripeError(400, f"Invalid {name}: must be one of {listed}", param=name)
        return string or None

    return check


def list_of(check_item: Check, limit: int = 100) -> Check:
    """An array of at most `limit` items. An empty string is an empty array."""

    def check(value: Value, name: str) -> list[object]:
        if value == "":
            return []
        if not isinstance(value, list):
            raise StripeError(400, "Invalid array", param=name)
        if len(value) > limit:
            raise StripeError(400, f"Array too long: at most {limit} items", param=name)
        return [check_item(item, f"{name}[{number}]") for number, item in enumerate(value)]

    return check


def fields(schema: Schema, *, required: Iterable[str] = ()) -> Check:
    """A nested object with its own parameters. An empty string unsets it."""

    def check(value: Value, name: str) -> dict[str, object] | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise StripeError(400, "Invalid object", param=name)
        return check_all(value, schema, required=required, within=name)

    return check


def either(simple: Check, nested: Check) -> Check:
    """A plain value or a nested object, like `created=1` and `created[gte]=1`."""

    def check(value: Value, name: str) -> object:
        return simple(value, name) if isinstance(value, str) else nested(value, name)

    return check


def metadata(value: Value, name: str) -> dict[str, str] | None:
    """Key-value pairs. An empty value deletes its key. An empty string gives None, which deletes all keys.

    Source: https://docs.stripe.com/api/metadata
    """
    if value == "":
        return None
    if isinstance(value, list):  # keys 0, 1, 2 ... were parsed as an array
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict):
        raise StripeError(400, "Invalid metadata: metadata must be a hash of key-value pairs", param=name)
    pairs = {key: _string(item, f"{name}[{key}]") for key, item in value.items()}
    for key, item in pairs.items():
        if len(key) > _METADATA_KEY_LENGTH:
            raise StripeError(
                400,
                f"Metadata keys can have up to {_METADATA_KEY_LENGTH} characters, but you passed in a key"
                f" that is {len(key)} characters. Invalid key: {key}",
                param=name,
            )
        if len(item) > _METADATA_VALUE_LENGTH:
            raise StripeError(
                400,
                f"Metadata values can have up to {_METADATA_VALUE_LENGTH} characters, but you passed in a"
                f" value that is {len(item)} characters. Invalid value: {item}",
                param=f"{name}[{key}]",
            )
    return pairs


def merged_metadata(before: Mapping[str, str], changes: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata after an update. Raises StripeError when it would have more than 50 keys."""
    if changes is None:
        return {}
    after = {key: value for key, value in {**before, **changes}.items() if value}
    if len(after) > _METADATA_KEYS:
        raise StripeError(
            400,
            f"Metadata can have up to {_METADATA_KEYS} keys, but you've set {len(after)}. Email us at"
            " support+metadata@stripe.com for more information.",
            param="metadata",
        )
    return after


def not_in_sandbox(value: Value, name: str) -> object:
    """The check for a parameter that Stripe supports and the sandbox does not. Raises NotInSandbox."""
    raise NotInSandbox(f"the parameter {name} (given: {type(value).__name__})", param=name)


def absent(names: str) -> dict[str, Check]:
    """A schema for parameters that Stripe supports and the sandbox does not. `names` has blanks between."""
    return dict.fromkeys(names.split(), not_in_sandbox)


def _string(value: Value, name: str) -> str:
    if not isinstance(value, str):
        raise StripeError(400, "Invalid string: must be a string", param=name)
    return value
