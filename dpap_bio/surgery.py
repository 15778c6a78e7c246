"""Structural plasticity for live runtime Brian2 objects, in anybody's own script."""

from dpap_bio._brian_private import read_queue, write_queue

__all__ = ["read_queue", "write_queue"]
