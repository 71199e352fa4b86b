"""Chains: the options of each expiry side by side, valued in one pass."""
