"""No pruning: the dense network that every other method is compared with."""

from dpap_bio.deep.methods.method import Method

NONE = Method(None)
