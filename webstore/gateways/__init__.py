"""The gateways: the code that calls services outside the store.

Each gateway turns a service's answers and failures into the store's own values and errors.
"""
