"""The doctor's questions to the vendors, the shared state and the running store. They change nothing."""
