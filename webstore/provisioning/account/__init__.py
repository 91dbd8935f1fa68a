"""What the store needs in its Stripe account: the plan of `flask setup stripe`, and carrying it out."""
