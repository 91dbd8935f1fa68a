"""A purchase by keyboard alone, in any browser: the Tab key, Enter, and typing."""

from __future__ import annotations

from typing import Any, Protocol

from tests.support import PASSWORD, until

#: More than the fields and links of any page.
_MANY = 60
# The words of the focused element, or of its label; nothing if its focus cannot be seen.
_FOCUSED = """() => {
  const it = document.activeElement;
  const box = it.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  // The card around a radio button or a product's name may have the outline.
  const marked = [it, it.closest("label"), it.closest("li")?.querySelector(".picture")]
    .some((one) => one && getComputedStyle(one).outlineStyle !== "none");
  return inside && marked ? (it.labels?.[0] ?? it).textContent.replace(/\\s+/g, " ").trim() : "";
}"""
_LEAVE = "() => { document.documentElement.dataset.left = 'yes'; }"
# The page as it is seen; null while it is still the former one, or not complete.
_SEEN = """() => document.documentElement.dataset.left || document.readyState !== "complete" ? null : ({
  width: document.documentElement.scrollWidth,
  screen: innerWidth,
  forced: matchMedia("(forced-colors: active)").matches,
  words: document.querySelector("main").textContent,
})"""


class Keyboard(Protocol):
    """The keys of a browser, and its page."""

    def press(self, key: str) -> None:
        """Press and release "Tab" or "Enter"."""

    def type(self, text: str) -> None:
        """Type into the field that has the focus."""

    def evaluate(self, function: str) -> Any:
        """What the function answers on the page; None while another page is loading."""


def tab_to(keys: Keyboard, words: str) -> None:
    """Press the Tab key until the element with these words has the focus, visibly."""
    for _ in range(_MANY):
        keys.press("Tab")
        if keys.evaluate(_FOCUSED) == words:
            return
    raise AssertionError(f"the Tab key does not reach {words!r} on {keys.evaluate('() => location.href')}")


def enter(keys: Keyboard) -> str:
    """Press Enter, and wait for the next page, which is no wider than the screen; returns its words."""
    keys.evaluate(_LEAVE)
    keys.press("Enter")
    seen: Any = None

    def is_there() -> bool:
        nonlocal seen
        seen = keys.evaluate(_SEEN)
        return bool(seen)

    until(is_there, within_s=30)
    assert seen["width"] <= seen["screen"] == 320, seen
    assert seen["forced"]
    return " ".join(seen["words"].split())


def buy_a_mug(keys: Keyboard) -> None:
    """Go from the home page, which is open, to the page after the payment, and to the orders."""
    for words in ("Blue mug", "Add to cart", "Checkout", "Log in to continue"):
        tab_to(keys, words)
        enter(keys)
    _fill_in(keys, {"Email address": "ada@example.com", "Password": PASSWORD})
    enter(keys)
    tab_to(keys, "Continue to payment")
    enter(keys)
    _fill_in(
        keys,
        {
            "Card number": "4242424242424242",
            "Expiry": "1234",
            "CVC": "123",
            "Cardholder name": "Ada Example",
        },
    )
    assert "Payment received." in enter(keys)
    tab_to(keys, "Your orders")
    assert "€12.50" in enter(keys)


def _fill_in(keys: Keyboard, fields: dict[str, str]) -> None:
    """Reach each field, and type."""
    for label, text in fields.items():
        tab_to(keys, label)
        keys.type(text)
