"""Rollouts: a candidate's way into production, moved by gates over what gateways report."""
