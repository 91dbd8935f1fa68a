"""Local stand-ins for Auth0 and Stripe: real HTTP servers with real state, on loopback only."""
