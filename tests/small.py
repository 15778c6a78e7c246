"""A projection and an activity for tests of rules: everything has a plain default, a test names what it is about."""

import numpy as np

from dpap_bio.network import Projection, Table
from dpap_bio.rules import Activity, Firing


def projection(pre, post, n_pre=None, n_post=None, rule=None, target=None, source=None, **synapses):
    """Live synapses pre -> post with w = 1, the start columns of `rule`, and any further columns."""
    n, n_pre, n_post = len(pre), n_pre or max(pre) + 1, n_post or max(post) + 1
    columns = {"pre": np.asarray(pre), "post": np.asarray(post), "alive": np.ones(n, bool), "w": np.ones(n)}
    columns |= {name: np.full(n, start) for name, start in (rule.synapse if rule else {}).items()}
    columns |= {name: np.asarray(column) for name, column in synapses.items()}
    neurons = {"alive": np.ones(n_post, bool)}
    neurons |= {name: np.full(n_post, start) for name, start in (rule.neuron if rule else {}).items()}
    neurons |= {name: np.asarray(column) for name, column in (target or {}).items()}
    return Projection("a_b", Table({"alive": np.ones(n_pre, bool), **(source or {})}), Table(neurons), Table(columns))


def activity(pre=None, post=None, days=1.0, age=1.0, seconds=1.0, epoch=0, quota=None):
    """An epoch with traces `pre` and `post` (n_samples, n_neu), which also are spike counts when summed."""
    pre, post = (np.zeros((1, 1)) if trace is None else np.asarray(trace, float) for trace in (pre, post))
    return Activity(Firing(pre.sum(0), pre), Firing(post.sum(0), post), seconds, days, age, epoch, quota)
