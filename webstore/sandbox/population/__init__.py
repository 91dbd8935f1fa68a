"""A tenant and an account that belong together: linked users and customers in large numbers, with faults.

Auth0 and Stripe run apart and share no state. Both derive their half from the same description
(`Population.parse`), so that each knows the other's IDs without asking.
"""

from webstore.sandbox.population.faults import KINDS, Fault
from webstore.sandbox.population.people import Person
from webstore.sandbox.population.plan import CustomerRecord, Plan, Population, UserRecord

__all__ = ["KINDS", "CustomerRecord", "Fault", "Person", "Plan", "Population", "UserRecord"]
