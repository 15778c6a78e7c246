"""Grow, use and prune spiking networks in Brian2."""
