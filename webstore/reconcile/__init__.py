"""Holds a whole Auth0 tenant against a whole Stripe account, and repairs what the linking protocol allows."""
