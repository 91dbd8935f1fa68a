"""Payments: Checkout Sessions, intents, charges, refunds, subscriptions, invoices and their transitions."""
