"""The list of orders, and each kind of order's page."""

from __future__ import annotations

from collections.abc import Iterator

from tests.goods import sell
from tests.support import ADA

from .visit import Visit


def orders(visit: Visit) -> Iterator[str]:
    """Orders in every status."""
    shop, ada = visit.shop, visit.log_in()
    visit.open("/orders")
    yield "orders empty"
    visit.open("/orders/261126-7K3QMX")
    yield "order unknown"
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    controls = shop.sandbox.stripe

    def newest(kind: str) -> str:
        return str(shop.stripe("GET", f"/{kind}", customer=customer)["data"][0]["id"])

    def invoice(words: str, days: int) -> str:
        lines = [{"description": words, "amount": 4200, "quantity": 2}]
        return str(controls.add_invoice(customer=customer, lines=lines, days_until_due=days)["id"])

    visit.buy(ada, "linden-teapot", 2)
    visit.buy(ada, "oak-tray")
    shop.stripe("POST", "/refunds", charge=newest("charges"))
    visit.buy(ada, "sencha", 3)
    shop.stripe("POST", "/refunds", charge=newest("charges"), amount="500")
    visit.buy(ada, "beeswax-candle")
    lost = controls.dispute(newest("charges"))["id"]
    controls.close_dispute(lost, won=False)
    visit.buy(ada, "linen-towels")
    controls.dispute(newest("charges"))
    visit.buy(ada, "basket-infuser", paymentMethod="debit")
    controls.settle(newest("payment_intents"), succeeded=False)
    visit.buy(ada, "mint-verbena", paymentMethod="debit")
    box = sell(shop, "Tea box", 1900, every="month")
    made = controls.subscribe(customer=customer, prices=[box.price])["id"]
    controls.renew(made)
    controls.renew(made, succeeded=False)
    controls.void_invoice(invoice("Engraving", 14))
    controls.mark_uncollectible(invoice("Gift wrapping", 14))
    partly = invoice("Catering for an afternoon", 14)
    controls.pay_invoice(partly, amount=1000)
    invoice("A tasting for six", 14)
    for number in range(12):
        sell(shop, f"Spoon {number:02}", 100 + number)
    visit.be(ada)
    visit.open("/orders")
    yield "orders page 1"
    found = visit.page.eval_on_selector_all(
        "article", "all => all.map(it => [it.dataset.status, it.querySelector('h2 a').href])"
    )
    visit.press("Older orders")
    yield "orders page 2"
    found += visit.page.eval_on_selector_all(
        "article", "all => all.map(it => [it.dataset.status, it.querySelector('h2 a').href])"
    )
    for status, address in dict(found).items():
        visit.open(address)
        yield f"order {status}"
    paid = dict(found)["paid"]
    visit.open("/orders?after=cs_test_unknown")
    yield "orders beyond the last"
    visit.fail("/v1/invoices.*")
    visit.open("/orders")
    yield "orders without invoices"
    visit.mend()
    visit.fail("/v1/(charges|refunds|disputes|invoice_payments).*")
    visit.open("/orders")
    yield "orders without refunds"
    visit.page.locator("article", has_text="Refunds can't be shown").first.locator("h2 a").click()
    visit.page.locator("h1").get_by_text("Order").wait_for()
    visit.page.get_by_text("Refunds can't be shown right now.").wait_for()
    yield "order without refunds"
    visit.fail("/v1/.*")
    visit.open("/orders")
    yield "orders outage"
    visit.open(paid)
    yield "order outage"
    visit.mend()
