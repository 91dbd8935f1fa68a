"""Who is logged in: identity, post-login hooks, revocation, closing an account."""
