"""The OpenID Connect relying party: the login through Authlib, and checks of the provider's signed tokens."""
