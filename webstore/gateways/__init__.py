"""The outside: each module here translates one of its services into the store's own values and errors."""
