"""Numbers as IDs that look drawn at random, and back. No table is needed for a population of any size."""

import hashlib
import string

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PAIRS = [one + two for one in _DIGITS for two in _DIGITS]
_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}


class Scramble:
    """A permutation of the numbers below `2**bits`, fixed by `salt`. Neighbours end up far apart."""

    def __init__(self, bits: int, salt: str) -> None:
        digest = hashlib.sha512(salt.encode()).digest()
        self._mask, self._half = (1 << bits) - 1, (bits + 1) // 2
        self._pad = int.from_bytes(digest[:16]) & self._mask
        # An odd number has an inverse, so that a multiplication can be undone.
        self._factors = [int.from_bytes(part) & self._mask | 1 for part in (digest[16:32], digest[32:48])]
        self._inverses = [pow(factor, -1, 1 << bits) for factor in self._factors]

    def hide(self, number: int) -> int:
        """The value of a number."""
        value = number ^ self._pad
        for factor in self._factors:
            value = value * factor & self._mask
            value ^= value >> self._half
        return value

    def reveal(self, value: int) -> int:
        """The number of a value."""
        for inverse in reversed(self._inverses):
            value ^= value >> self._half
            value = value * inverse & self._mask
        return value ^ self._pad


def to_letters(value: int, pairs: int) -> str:
    """The value as letters and digits, two for each of `pairs`."""
    parts = []
    for _ in range(pairs):
        value, rest = divmod(value, len(_PAIRS))
        parts.append(_PAIRS[rest])
    return "".join(parts)


def from_letters(text: str) -> int | None:
    """The value of a text that `to_letters` made; None when it has other characters or an odd length."""
    if len(text) % 2:
        return None
    value = 0
    for place in range(len(text) - 2, -1, -2):
        digit = _VALUES.get(text[place : place + 2])
        if digit is None:
            return None
        value = value * len(_PAIRS) + digit
    return value
