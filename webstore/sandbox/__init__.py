"""The sandbox: local HTTP servers that imitate Auth0 and Stripe, with state in memory, on loopback only."""
