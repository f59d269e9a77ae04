"""The path of a common call in machine code: written in Python, compiled by numba once a machine, loaded without it."""
