"""The shop: catalogue, browsing, cart, checkout, orders, fulfilment, money and texts."""
