"""What carries the calls: one module a transport, the same handlers on each."""
