"""Finds the faults of a store's set-up, one check at a time."""
