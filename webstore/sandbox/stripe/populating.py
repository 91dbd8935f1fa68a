"""Fills an account and mode with the customers of a population."""

from collections.abc import Mapping
from typing import Any

from webstore.sandbox.population import Population
from webstore.sandbox.stripe.controls import StateControls
from webstore.sandbox.stripe.seeds import PopulationBatch, seeded_products
from webstore.sandbox.stripe.state import State

_PREFIX = "population"
#: The third price of a seeded product is monthly.
_MONTHLY = f"price_{_PREFIX}0000000002"


def populate(state: State, spec: Mapping[str, Any]) -> dict[str, object]:  # Any: JSON of the control endpoint
    """Add the customers and subscriptions of `{"population": {...}}`, as `Population.parse` describes it.

    Only the subscriptions are recorded as events. Raises ValueError for a wrong description, and for an
    account and mode that has customers already.
    """
    given = spec["population"]
    if len(spec) > 1 or not isinstance(given, Mapping):
        raise ValueError("a population is an object and a seed of its own")
    population = Population.parse({"account": state.first_account, **given})
    plan, batch = population.plan, PopulationBatch(population)
    try:
        world = state.world(population.account, population.livemode)
    except KeyError as exc:
        raise ValueError(f"there is no account {population.account}") from exc
    subscribed = [it.person.customer_id for it in plan.customers.values() if it.subscribed]
    with state.lock:
        now = int(state.catch_up())
        world.customers.begin_with(
            batch,
            [(number, batch.recorded(it) if it.exists else None) for number, it in plan.customers.items()],
        )
        if subscribed:
            for product, prices in seeded_products(1, 3, _PREFIX, now):
                world.products.add(product)
                for price in prices:
                    world.prices.add(price)
    controls = StateControls(state)
    for customer in subscribed:
        controls.subscribe(customer=customer, prices=[_MONTHLY])
    absent = sum(1 for it in plan.customers.values() if not it.exists or it.deleted)
    return {
        "customers": population.size - absent,
        "subscriptions": len(subscribed),
        "faults": plan.listed(),
    }
