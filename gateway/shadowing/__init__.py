"""How the shadow runner chooses calls, runs them in batches, and keeps its books."""
