"""What becomes of money: sessions, intents, charges, refunds, subscriptions and invoices, and their life."""
