"""The control plane: what there is, what is wanted, and the evidence on which that changes."""
