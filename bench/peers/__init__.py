"""What Gnomon is measured beside, each in a process of its own."""
