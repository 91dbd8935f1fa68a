"""A customer as the tables keep it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Customer:
    """One version of a customer. `created` is in Unix seconds, `balance` in minor units."""

    id: str
    created: int
    invoice_prefix: str
    address: dict[str, object] | None = None
    balance: int = 0
    business_name: str | None = None
    description: str | None = None
    email: str | None = None
    individual_name: str | None = None
    invoice_settings: dict[str, object] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    next_invoice_sequence: int = 1
    phone: str | None = None
    preferred_locales: list[str] = field(default_factory=list)
    shipping: dict[str, object] | None = None
    tax_exempt: str = "none"
    deleted: bool = False
