"""What the store needs at its Auth0 tenant: `flask setup auth0` plans it and does it."""
