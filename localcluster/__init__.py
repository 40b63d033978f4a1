"""A pocket Kubernetes: for now its heart, the object store with the API server's apply semantics.

It imports nothing of `app`, has no clock and no randomness but what is handed in, and touches neither disk nor network.
"""
