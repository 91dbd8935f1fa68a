"""Finds out what is wrong with a store's set-up, one check at a time."""
