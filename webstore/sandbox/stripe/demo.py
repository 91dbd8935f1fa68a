"""The demo catalogue: tea and tea ware."""

import hashlib
from dataclasses import dataclass, field, replace
from decimal import Decimal

from webstore.sandbox.stripe import catalogue
from webstore.sandbox.stripe.catalogue_tables import Price, Product, Recurring
from webstore.sandbox.stripe.routing import Call
from webstore.sandbox.stripe.state import State

CURRENCY = "eur"
# Tangible goods, and food: https://docs.stripe.com/tax/tax-codes
_GOODS, _FOOD = "txcd_99999999", "txcd_40060003"


@dataclass(frozen=True)
class Offer:
    """A price in cents. With an `interval` it is recurring."""

    cents: int
    nickname: str | None = None
    interval: str | None = None


@dataclass(frozen=True)
class Item:
    """A product. Its pictures are named after ID and `views`. Its first offer is the default price."""

    id: str
    name: str
    description: str
    offers: tuple[Offer, ...]
    tax_code: str = _GOODS
    metadata: dict[str, str] = field(default_factory=dict)
    views: tuple[str, ...] = ()


ITEMS = (
    Item(
        "harbour-mug",
        "Harbour mug",
        "A stoneware mug with a thumb rest and a dipped sea-blue glaze. Thrown by hand, so no two are quite"
        " alike. Fit for the dishwasher.",
        (Offer(1800, "300 ml"), Offer(2200, "450 ml")),
        metadata={"category": "Tea ware", "option": "Size", "material": "Stoneware", "stock": "40"},
        views=("above",),
    ),
    Item(
        "linden-teapot",
        "Linden teapot",
        "A porcelain pot for four cups. The lid stays on while you pour, and the spout does not drip.",
        (Offer(4800),),
        metadata={
            "category": "Tea ware",
            "featured": "true",
            "material": "Porcelain",
            "capacity": "1 l",
            "stock": "12",
        },
        views=("served",),
    ),
    Item(
        "earl-grey",
        "Earl Grey, loose leaf",
        "Black tea from Ceylon with oil of bergamot and a few cornflower petals. Three minutes, just off the"
        " boil.",
        (Offer(950, "100 g"), Offer(1950, "250 g")),
        tax_code=_FOOD,
        metadata={
            "category": "Tea",
            "option": "Size",
            "featured": "true",
            "origin": "Sri Lanka",
            "stock": "85",
        },
    ),
    Item(
        "sencha",
        "Sencha, first flush",
        "Steamed green tea of the spring harvest: fresh as cut grass, with a little sweetness. Two minutes"
        " at 75 °C.",
        (Offer(1290, "100 g"),),
        tax_code=_FOOD,
        metadata={"category": "Tea", "origin": "Japan", "stock": "30"},
    ),
    Item(
        "mint-verbena",
        "Mint and verbena",
        "An infusion of peppermint and lemon verbena, without caffeine. Good hot, better over ice.",
        (Offer(790, "60 g"),),
        tax_code=_FOOD,
        metadata={"category": "Tea", "origin": "Portugal", "stock": "54"},
    ),
    Item(
        "tea-of-the-month",
        "Tea of the month",
        "A different tea through your letterbox each month, with a card that says where it grew and how to"
        " brew it. Stop whenever you like.",
        (Offer(1490, "Monthly", "month"), Offer(14900, "Yearly, two months free", "year")),
        tax_code=_FOOD,
        metadata={"category": "Tea", "option": "Plan", "featured": "true"},
    ),
    Item(
        "basket-infuser",
        "Basket infuser",
        "A fine steel basket with a lid that becomes its saucer. Fits nearly every mug, ours anyway.",
        (Offer(1150),),
        metadata={"category": "Tea ware", "material": "Stainless steel", "stock": "66"},
    ),
    Item(
        "copper-kettle",
        "Copper kettle",
        "A kettle for the hob, tinned inside, with a beech handle that stays cool. It whistles a third.",
        (Offer(8900),),
        metadata={"category": "Tea ware", "material": "Copper", "capacity": "1.2 l", "stock": "0"},
    ),
    Item(
        "linen-towels",
        "Linen tea towels",
        "Two towels of washed linen, striped, 50 by 70 cm. They dry glasses without leaving a thread.",
        (Offer(2400, "Set of two"),),
        metadata={"category": "Living", "material": "Linen", "stock": "23"},
    ),
    Item(
        "oak-tray",
        "Oak tray",
        "A tray of oiled oak with a raised rim and two handles, wide enough for a pot and four cups.",
        (Offer(5400),),
        metadata={"category": "Living", "material": "Oak", "stock": "9"},
    ),
    Item(
        "beeswax-candle",
        "Beeswax candle",
        "Poured by hand into a jar of recycled glass. Burns for forty hours and smells of honey, of nothing"
        " else.",
        (Offer(1650),),
        metadata={"category": "Living", "featured": "true", "material": "Beeswax", "stock": "31"},
    ),
    Item(
        "linden-honey",
        "Linden honey",
        "Raw honey from lindens, pale and minty. The dipper is of olive wood and comes with it.",
        (Offer(1250, "350 g"),),
        tax_code=_FOOD,
        metadata={"category": "Pantry", "origin": "Hungary", "stock": "47"},
    ),
)


def load(state: State, base_url: str) -> None:
    """Add the items to the first account's test mode. `base_url` is the server of their pictures."""
    with state.lock:
        world = state.world(state.first_account, livemode=False)
        call = Call(state, world, state.catch_up(), path="/dashboard")
        for item in reversed(ITEMS):  # lists show the newest first
            _add(call, item, base_url)


def open_shop(state: State, base_url: str) -> None:
    """Add the items now, and again after each reset."""
    state.begin_with(lambda: load(state, base_url))


def _add(call: Call, item: Item, base_url: str) -> None:
    now = int(call.now)
    prices = [_price(item, offer, now) for offer in item.offers]
    product = Product(
        id=item.id,
        created=now,
        updated=now,
        name=item.name,
        description=item.description,
        images=[f"{base_url}/static/catalogue/{name}.svg" for name in _pictures(item)],
        metadata=item.metadata,
        shippable=True,
        tax_code=item.tax_code,
    )
    catalogue.add_product(call, replace(product, default_price=prices[0].id))
    for price in prices:
        catalogue.add_price(call, price)


def _pictures(item: Item) -> list[str]:
    return [item.id, *(f"{item.id}-{view}" for view in item.views)]


def _price(item: Item, offer: Offer, now: int) -> Price:
    """A price whose ID is the same at each start, so that carts stay valid across restarts."""
    key = f"{item.id}-{offer.cents}"
    return Price(
        id=f"price_1{hashlib.sha256(key.encode()).hexdigest()[:23]}",
        created=now,
        product=item.id,
        currency=CURRENCY,
        unit_amount=Decimal(offer.cents),
        lookup_key=key,
        nickname=offer.nickname,
        recurring=None if offer.interval is None else Recurring(offer.interval),
        tax_behavior="inclusive",
    )
