"""Two stores behind nginx with one Redis, on this machine: `make cluster`.

The standard library is enough, so that the store's own packages are all that `make cluster` installs.
"""
