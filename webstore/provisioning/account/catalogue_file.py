"""Reads a catalogue from YAML. Each fault has its line.

products:
- id: blue-mug
name: Blue mug
prices:
- lookup_key: blue-mug
currency: eur
amount: 1800
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from typing import TypeVar

import yaml

from .models import CataloguePrice, CatalogueProduct

T = TypeVar("T")

#: The store's addresses contain it.
_PRODUCT_ID = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_ADDRESS = re.compile(r"https?://[^\s/?#]\S*")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,11}")
_INTERVALS = ("day", "week", "month", "year")
_TAX_BEHAVIORS = ("inclusive", "exclusive")
_PRODUCT_FIELDS = ("id", "name", "description", "images", "metadata", "prices")
_PRICE_FIELDS = (
    *("lookup_key", "currency", "amount", "interval", "interval_count", "nickname"),
    "tax_behavior",
)
#: https://docs.stripe.com/api/products/create, /api/metadata and /api/prices/create
_MOST_IMAGES, _MOST_METADATA, _METADATA_KEY, _METADATA_VALUE, _LOOKUP_KEY = 8, 50, 40, 500, 200

_NULL = "tag:yaml.org,2002:null"

_Fields = dict[str, yaml.Node]


class _Alias(yaml.MarkedYAMLError):
    """YAML that a catalogue does not need."""


class _Loader(yaml.SafeLoader):
    """Reads YAML without aliases: with them, a short file could list millions of prices."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node. Raises `_Alias`."""
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs do not have its type
            problem = f"aliases such as *{alias.anchor} are not supported: write the value out"
            raise _Alias(problem=problem, problem_mark=alias.start_mark)
        return super().compose_node(parent, index)


class CatalogueFileError(Exception):
    """The file is not a catalogue; `problems` has a sentence for each fault, with its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read_catalogue(text: str, name: str) -> tuple[CatalogueProduct, ...]:
    """The products in a file's text. `name`: the file's, for messages. Raises `CatalogueFileError`."""
    try:
        top = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        line = 1 if exc.problem_mark is None else exc.problem_mark.line + 1
        words = exc.problem if isinstance(exc, _Alias) else f"this is not YAML: {exc.problem}"
        raise CatalogueFileError([f"{name}, line {line}: {words}."]) from exc
    except yaml.YAMLError as exc:
        raise CatalogueFileError(
            [f"{name}: this is not YAML: it has a character that YAML forbids."]
        ) from exc
    except RecursionError as exc:
        raise CatalogueFileError([f"{name} is not a catalogue: its lists are nested too deeply."]) from exc
    reader = _Reader(name)
    products = reader.catalogue(top)
    if reader.problems:
        raise CatalogueFileError(reader.problems)
    return products


class _Reader:
    """Reads the parts of one file, and collects its faults."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.problems: list[str] = []

    def catalogue(self, top: yaml.Node | None) -> tuple[CatalogueProduct, ...]:
        if top is None:
            self.problems.append(f"{self._name} is empty: it has to begin with `products:`.")
            return ()
        fields = self._fields(top, "the file", ("products",), required=("products",))
        products = self._list(fields.get("products"), "products", self._product)
        self._once("product", [(it.id, node) for it, node in products])
        self._once("lookup_key", [(price.lookup_key, node) for it, node in products for price in it.prices])
        return tuple(it for it, _ in products)

    def _product(self, node: yaml.Node) -> CatalogueProduct:
        fields = self._fields(node, "a product", _PRODUCT_FIELDS, required=("id", "name", "prices"))
        product_id = self._text(fields.get("id"), "id")
        if product_id and not _PRODUCT_ID.fullmatch(product_id):
            self._fault(fields["id"], f"id {product_id!r} may have letters, digits, '.', '_' and '-' only")
        images = tuple(it for it, _ in self._list(fields.get("images"), "images", self._image))
        if len(images) > _MOST_IMAGES:
            self._fault(fields["images"], f"a product has at most {_MOST_IMAGES} images")
        prices = self._list(fields.get("prices"), "prices", lambda it: self._price(it, product_id))
        if "prices" in fields and not prices:
            self._fault(fields["prices"], "a product without a price cannot be bought")
        return CatalogueProduct(
            product_id,
            self._text(fields.get("name"), "name"),
            self._text(fields.get("description"), "description") or None,
            images,
            self._metadata(fields.get("metadata")),
            tuple(it for it, _ in prices),
        )

    def _price(self, node: yaml.Node, product_id: str) -> CataloguePrice:
        fields = self._fields(node, "a price", _PRICE_FIELDS, required=("lookup_key", "currency", "amount"))
        lookup_key = self._text(fields.get("lookup_key"), "lookup_key")
        if len(lookup_key) > _LOOKUP_KEY:
            self._fault(fields["lookup_key"], f"lookup_key has more than {_LOOKUP_KEY} characters")
        currency = self._text(fields.get("currency"), "currency").lower()
        if currency and not re.fullmatch("[a-z]{3}", currency):
            self._fault(
                fields["currency"], f"currency {currency!r} is not a code of three letters such as eur"
            )
        interval = self._one_of(fields.get("interval"), "interval", _INTERVALS)
        if "interval_count" in fields and "interval" not in fields:
            self._fault(fields["interval_count"], "interval_count needs an interval")
        amount = self._number(
            fields.get("amount"), "amount", "counts minor units: 1800 for 18.00 EUR, 1800 for 1800 JPY"
        )
        count = self._number(fields.get("interval_count"), "interval_count", "is a whole number from 1")
        if count == 0:
            self._fault(fields["interval_count"], "interval_count is a whole number from 1")
        return CataloguePrice(
            lookup_key,
            product_id,
            amount or 0,
            currency,
            interval,
            1 if count is None else count,
            self._text(fields.get("nickname"), "nickname") or None,
            self._one_of(fields.get("tax_behavior"), "tax_behavior", _TAX_BEHAVIORS),
        )

    def _fields(
        self, node: yaml.Node, what: str, known: Collection[str], *, required: Collection[str]
    ) -> _Fields:
        """The fields of a mapping, without those that have no value."""
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, f"{what} has fields: {', '.join(known)}")
            return {}
        found: _Fields = {}
        for key, value in node.value:
            name = self._text(key, "a field's name")
            if name not in known:
                self._fault(key, f"{what} has no field {name!r}; it may have {', '.join(known)}")
            elif name in found:
                self._fault(key, f"{name} is given twice")
            else:
                found[name] = value
        for name in required:
            if name not in found:
                self._fault(node, f"{what} needs the field {name}")
        return found

    def _list(
        self, node: yaml.Node | None, what: str, read: Callable[[yaml.Node], T]
    ) -> list[tuple[T, yaml.Node]]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._fault(node, f"{what} is a list: each item begins with '- '")
            return []
        return [(read(item), item) for item in node.value]

    def _text(self, node: yaml.Node | None, what: str) -> str:
        """A value as it is written, a number or a date too; empty if it is missing or faulty."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL or not node.value.strip():
            self._fault(node, f"{what} is a text")
            return ""
        if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n" for c in node.value):
            self._fault(node, f"{what} has a control character in it")
        return str(node.value).strip()

    def _number(self, node: yaml.Node | None, what: str, meaning: str) -> int | None:
        written = self._text(node, what)
        if node is None or not written:
            return None
        if not _NUMBER.fullmatch(written):
            self._fault(node, f"{what} {written!r} is not a whole number; it {meaning}")
            return None
        return int(written)

    def _one_of(self, node: yaml.Node | None, what: str, known: tuple[str, ...]) -> str | None:
        written = self._text(node, what)
        if node is not None and written and written not in known:
            self._fault(node, f"{what} {written!r} is none of {', '.join(known)}")
        return written or None

    def _image(self, node: yaml.Node) -> str:
        address = self._text(node, "an image")
        if address and not _ADDRESS.fullmatch(address):
            self._fault(node, f"the image {address!r} is not an address that begins with https://")
        return address

    def _metadata(self, node: yaml.Node | None) -> dict[str, str]:
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, "metadata has names with a text each")
            return {}
        found = {}
        for key, value in node.value:
            name, text = self._text(key, "a name in metadata"), self._text(value, "a value in metadata")
            if name in found:
                self._fault(key, f"metadata has {name} twice")
            if len(name) > _METADATA_KEY or len(text) > _METADATA_VALUE:
                self._fault(
                    key,
                    f"a name in metadata has at most {_METADATA_KEY} characters, a value {_METADATA_VALUE}",
                )
            found[name] = text
        if len(found) > _MOST_METADATA:
            self._fault(node, f"metadata has at most {_MOST_METADATA} names")
        return found

    def _once(self, what: str, found: list[tuple[str, yaml.Node]]) -> None:
        seen: set[str] = set()
        for value, node in found:
            if value and value in seen:
                self._fault(node, f"the {what} {value!r} is in the file twice")
            seen.add(value)

    def _fault(self, node: yaml.Node, words: str) -> None:
        self.problems.append(f"{self._name}, line {node.start_mark.line + 1}: {words}.")
