"""From the cart to the page after the payment."""

from __future__ import annotations

from collections.abc import Iterator

from tests.goods import (
    add_price,
    go_to_payment,
    notice,
    pay,
    put_in,
    read_again,
    replace_price,
    sell,
    sessions_made,
)
from tests.looks.tour import pay as pay_by_hand
from webstore.routes import limits

from .visit import Visit


def cart(visit: Visit) -> Iterator[str]:
    """The cart in every state."""
    visit.open("/cart")
    yield "cart empty"
    for product in ("harbour-mug", "tea-of-the-month", "oak-tray"):
        visit.open(f"/products/{product}")
        visit.press("Add to cart")
    yield "cart added"
    visit.page.get_by_label("Quantity of Oak tray").fill("3")
    visit.press("Update quantities")
    yield "cart changed"
    visit.page.get_by_label("Quantity of Oak tray").fill("1000")
    visit.press("Remove Tea of the month")
    yield "cart wrong quantity"
    visit.open("/cart?done=removed")
    yield "cart removed"
    shop = visit.shop
    shop.stripe("POST", "/products/oak-tray", active="false")
    replace_price(shop, visit.good("linden-honey"), 1400)
    visit.open("/products/linden-honey")
    visit.press("Add to cart")
    new = add_price(shop, "linden-honey", 1600)
    shop.stripe("POST", "/products/linden-honey", default_price=new)
    for price in shop.stripe("GET", "/prices", product="linden-honey", active="true")["data"]:
        if price["id"] != new:
            shop.stripe("POST", f"/prices/{price['id']}", active="false")
    visit.stock("harbour-mug", 0)
    notice(shop)
    visit.open("/cart")
    yield "cart items changed"
    visit.open("/checkout")
    yield "checkout items changed"
    visit.press("Log in to continue")
    visit.type_login()
    yield "checkout some not included"
    shop.stripe("POST", "/products/linden-honey", active="false")
    shop.stripe("POST", "/products/tea-of-the-month", active="false")
    read_again(shop)
    visit.open("/cart")
    yield "cart nothing available"
    visit.open("/checkout")
    yield "checkout nothing available"


def checkout(visit: Visit) -> Iterator[str]:
    """The way to Stripe's page, of a stranger and of a shopper."""
    for product in ("earl-grey", "tea-of-the-month"):
        visit.open(f"/products/{product}")
        visit.press("Add to cart")
    visit.open("/checkout")
    yield "checkout stranger"
    visit.press("Log in to continue")
    yield "login from the checkout"
    visit.type_login()
    yield "checkout shopper"
    visit.press("Continue to payment")
    with visit.page.expect_navigation():
        visit.page.locator("#back").click()
    visit.page.get_by_text("You have not been charged").wait_for()
    yield "cart not charged"
    visit.open(f"/checkout?price={visit.good('linden-teapot').price}&quantity=2")
    yield "checkout one item"
    visit.shop.restart(
        CHECKOUT_AUTOMATIC_TAX="1", CHECKOUT_PROMOTION_CODES="1", CHECKOUT_SHIPPING_COUNTRIES="DE,FR"
    )
    read_again(visit.shop)
    visit.open("/checkout")
    yield "checkout with tax and shipping"


def refusals(visit: Visit) -> Iterator[str]:
    """A checkout that the store refuses."""
    shop, ada = visit.shop, visit.log_in()

    def refused(path: str = "/checkout") -> None:
        visit.be(ada)
        visit.open(path)

    put_in(ada, visit.good("linden-teapot"))
    put_in(ada, visit.good("sencha"))
    refused()
    visit.stock("linden-teapot", 0)
    visit.press("Continue to payment")
    yield "refused out of stock"
    visit.stock("linden-teapot", 5)
    read_again(shop)
    refused(f"/checkout?price={visit.good('linden-teapot').price}")
    visit.stock("linden-teapot", 0)
    visit.press("Continue to payment")
    yield "refused one item out of stock"
    visit.stock("linden-teapot", 5)
    read_again(shop)
    refused()
    replace_price(shop, sell(shop, "Spoon", 300), 400)
    visit.page.locator("[name=digest]").evaluate("it => it.value = 'other'")
    visit.press("Continue to payment")
    yield "refused changed"
    sticker = sell(shop, "Sticker", 10)
    refused(f"/checkout?price={sticker.price}")
    visit.press("Continue to payment")
    yield "refused amount"
    said = "You cannot combine currencies on a single customer."
    shop.sandbox.stripe.control.add_fault(
        action="status",
        method="POST",
        path="/v1/checkout/sessions",
        status=400,
        body={"error": {"type": "invalid_request_error", "message": said}},
    )
    refused()
    visit.press("Continue to payment")
    yield "refused currency"
    refused("/checkout?price=price_unknown")
    yield "refused unknown price"
    visit.buy(ada, "tea-of-the-month")
    refused(f"/checkout?price={visit.good('tea-of-the-month').price}")
    visit.press("Continue to payment")
    yield "refused subscribed"
    refused()
    visit.page.locator("[name=csrf_token]").last.evaluate("it => it.value = 'old'")
    visit.press("Continue to payment")
    yield "refused expired form"
    refused()
    visit.forget()
    visit.press("Continue to payment")
    yield "refused logged out"
    refused()
    visit.fail("/v1/checkout/.*", 403)
    visit.press("Continue to payment")
    yield "refused key"
    visit.mend()
    refused()
    visit.fail("/v1/checkout/.*", 503)
    visit.press("Continue to payment")
    yield "refused outage"
    refused()
    wrong = {"csrf_token": "wrong"}
    for _ in range(limits.SHOPPER_LIMIT + 1):
        ada.submit(ada.open("/checkout"), action="/checkout", **wrong)
    visit.press("Continue to payment")
    yield "too many requests"
    visit.mend()


def results(visit: Visit) -> Iterator[str]:
    """The page after the payment."""
    shop, ada = visit.shop, visit.log_in()
    put_in(ada, visit.good("harbour-mug"), 2)
    put_in(ada, visit.good("tea-of-the-month"))
    visit.be(ada)
    visit.open("/checkout")
    visit.press("Continue to payment")
    pay_by_hand(visit.page)
    yield "success paid"
    paid = visit.page.url
    debit = visit.buy(ada, "oak-tray", paymentMethod="debit")
    visit.open(debit)
    yield "success processing"
    shop.sandbox.stripe.settle(shop.stripe("GET", "/payment_intents")["data"][0]["id"], succeeded=False)
    visit.open(debit)
    yield "success failed"
    go_to_payment(ada, f"/checkout?price={visit.good('sencha').price}")
    newest = sessions_made(shop)[0]["id"]
    visit.be(ada)
    visit.open(f"/checkout/success?session_id={newest}")
    yield "success open"
    shop.stripe("POST", f"/checkout/sessions/{newest}/expire")
    visit.open(f"/checkout/success?session_id={newest}")
    yield "success expired"
    gift = sell(shop, "Postcard", 0)
    visit.open(str(pay(ada, go_to_payment(ada, f"/checkout?price={gift.price}")).url))
    yield "success free"
    visit.fail("/v1/checkout/.*", 503)
    visit.open(paid)
    yield "success unknown"
    visit.mend()
    visit.open("/checkout/success?session_id=cs_test_unknown")
    yield "success of nobody"
