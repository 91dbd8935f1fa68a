"""The shop's pages: home, collections, search, products, texts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.goods import add_price, notice, read_again, sell
from webstore.shop.browsing import PAGE_SIZE

from .visit import Visit


def products(visit: Visit) -> Iterator[str]:
    """What a stranger sees, and the home page of a shopper."""
    for name, path in {
        "home": "/",
        "sorted": "/?sort=price",
        "search": "/?q=tea",
        "search one": "/?q=oak",
        "search nothing": "/?q=bicycle",
        "search too long": f"/?q={'a very long search ' * 12}",
        "collection": "/collections/tea-ware",
        "collection of one": "/collections/pantry",
        "product with sizes": "/products/harbour-mug",
        "product with one picture": "/products/oak-tray",
        "product with plans": "/products/tea-of-the-month",
        "product sold out": "/products/copper-kettle",
        "terms": "/terms",
        "privacy": "/privacy",
        "returns": "/returns",
        "contact": "/contact",
        "design": "/design",
    }.items():
        visit.open(path)
        yield name
    visit.open("/products/harbour-mug")
    visit.page.locator("[data-gallery]").nth(1).click()
    yield "gallery open"
    visit.open("/")
    visit.page.set_viewport_size({"width": 360, "height": 740})
    visit.page.get_by_role("button", name="Open search").click()
    yield "search open"
    ada = visit.log_in()
    visit.open("/")
    yield "home logged in"
    visit.page.locator(".menu summary").click()
    yield "menu open"
    visit.be(ada)
    visit.open("/products/earl-grey")
    yield "product logged in"
    for number in range(2 * PAGE_SIZE):
        visit.shop.stripe("POST", "/prices", **_spoon(number))
    read_again(visit.shop)
    visit.forget()
    visit.open("/?page=2")
    yield "home page 2"
    visit.open("/?page=3&sort=name")
    yield "home last page"


def _spoon(number: int) -> dict[str, str]:
    return {"product_data[name]": f"Spoon {number:02}", "unit_amount": str(100 + number), "currency": "eur"}


def long_words(visit: Visit) -> Iterator[str]:
    """Names, amounts and descriptions longer than anybody wants."""
    shop = visit.shop
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    words = "A product whose name goes on and on, because nobody has told its maker to stop"
    one = sell(shop, f"{words} {long}", 99_999_999, description=f"{long} " * 3 + "\n" + f"{words}. " * 20)
    add_price(shop, one.product, 12_345_678, every="month", nickname=f"{words} {long}")
    two = sell(shop, long, 1_250_000_000, currency="idr", **{"metadata[category]": f"{words} {long}"})
    notice(shop)
    shop.add_user("long@example.com", name=f"Maximiliane {long}")
    for name, path in {"home": "/", "product": f"/products/{one.product}"}.items():
        visit.open(path)
        yield f"long {name}"
    visit.open(f"/products/{two.product}")
    yield "product without a picture"
    visit.open(f"/products/{one.product}")
    visit.press("Add to cart")
    visit.open("/products/tea-of-the-month")
    visit.press("Add to cart")
    visit.open("/cart")
    yield "long cart"
    visit.press("Checkout")
    yield "long checkout"
    visit.press("Log in to continue")
    visit.type_login("long@example.com")
    yield "long checkout logged in"
    visit.press("Continue to payment")
    yield "long payment"
    visit.open("/account")
    yield "long account"
    visit.page.locator(".menu summary").click()
    yield "long menu"


def nothing_to_show(visit: Visit) -> Iterator[str]:
    """A store without products, and one that could not read them."""
    for product in visit.shop.stripe("GET", "/products", limit="100")["data"]:
        visit.shop.stripe("POST", f"/products/{product['id']}", active="false")
    read_again(visit.shop)
    visit.open("/")
    yield "home without products"
    visit.fail("/v1/prices")
    visit.shop.lose_state()
    visit.open("/")
    yield "home not read"
    visit.open("/products/earl-grey")
    yield "product not read"
    visit.open("/cart")
    yield "cart empty, nothing read"
