"""Keeps texts that are much alike in little memory: each as its difference from a model text.

The pages of two shoppers differ by a name and a few tokens: of 7 to 20 KB less than 1 KB remains.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from .bounded_memory import BoundedMemory

#: Raw DEFLATE (https://www.rfc-editor.org/rfc/rfc1951), which looks 32 KB back, at its fastest.
_RAW, _WINDOW, _FASTEST = -15, 32 * 1024, 1
#: Bytes of all models.
_MOST_BYTES = 8 * _WINDOW


@dataclass(frozen=True, slots=True)
class PackedText:
    """A text, packed. It shares its model with others."""

    packed: bytes
    model: bytes

    def unpacked(self) -> bytes:
        """The whole text."""
        return zlib.decompressobj(_RAW, zdict=self.model).decompress(self.packed)


class Packer:
    """Packs texts of a few kinds. The first text of a kind is the model of the next ones, for a while."""

    def __init__(self, model_kept_s: float, now: Callable[[], float] = time.monotonic) -> None:
        """`model_kept_s`: seconds until another text becomes the model, so that a model does not grow old."""
        self._models = BoundedMemory[str, bytes](_MOST_BYTES, model_kept_s, len, now)

    def pack(self, kind: str, text: bytes) -> PackedText:
        """Pack the text. Every text can be packed; one that is like others of its `kind` becomes small."""
        model = self._models.get(kind)
        if model is None:
            model = text[-_WINDOW:]
            self._models.put(kind, model)
        packing = zlib.compressobj(_FASTEST, wbits=_RAW, zdict=model)
        return PackedText(packing.compress(text) + packing.flush(), model)
