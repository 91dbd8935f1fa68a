"""What the store needs at its vendors: the desired state, the plan of changes, and carrying it out."""
