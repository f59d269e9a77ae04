"""What the observer counts: arms, pairs, drift, and the report of them."""
