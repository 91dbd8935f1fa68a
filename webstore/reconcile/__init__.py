"""Compares a whole Auth0 tenant with a whole Stripe account, and repairs what the linking protocol allows."""
