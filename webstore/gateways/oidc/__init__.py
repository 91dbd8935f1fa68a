"""The OpenID Connect relying party: the login through Authlib, and the tokens that the provider signs."""
