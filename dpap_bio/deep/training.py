"""The loop: an epoch of training, the method's step, the dead removed, a record. A generator, one item per epoch.

An epoch depends on the state before it, the protocol and the seed, and on nothing else: every draw is keyed by (seed,
epoch, purpose). So a training that was stopped goes on bit for bit on the same machine and number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dpap_bio.deep import account, memory, optimiser, ranks
from dpap_bio.deep.checkpoint import network_arrays, network_from
from dpap_bio.deep.feed import Feed, Part, open_feed
from dpap_bio.deep.methods import find_method
from dpap_bio.deep.network import DeepNetwork, encoded
from dpap_bio.deep.structure import Structure
from dpap_bio.kinds import Unhealthy
from dpap_bio.newborn import generator

EVALUATED = 500  # images at a time when no gradient is needed


@dataclass
class Learner:
    """What is trained: the network, its optimiser, and what the pruning method remembers."""

    net: DeepNetwork
    optimiser: torch.optim.AdamW
    structure: Structure
    full: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    learned: float = 0.0  # sum of the learning rates of the last epoch


def lives(protocol, arm, seed: int, after: tuple[int, Mapping] | None = None,
          quotas: Mapping[str, Mapping[int, int]] | None = None) -> Iterator[tuple[int, dict, dict]]:
    """Train one arm with one seed, epoch by epoch.

    Arguments
        protocol  a training protocol
        arm       the variant of it; arms of one seed start from the same weights and see the same batches
        seed      int >= 0
        after     (number, state) of the last epoch of an unfinished training
        quotas    "conv1.synapses", "conv1.units", ... -> epoch -> how many a control may keep
    Returns
        (number, state, record) of each epoch; number -1 is before the first
    Raises
        Unhealthy   the loss is not a number, or a layer has died
    """
    model, p = protocol.model(arm), protocol.p(arm)
    feed = open_feed(protocol.data, model.steps)
    learner = _begin(model, arm, seed, p, after)
    if after is None:
        learner.structure.develop(learner, feed, p, seed, -1, quotas or {})
        yield -1, _state(learner), _record(learner, feed, protocol, -1, p, math.nan, math.nan)
    for number in range(0 if after is None else after[0] + 1, protocol.epochs):
        loss, right = _epoch(learner, feed, protocol, p, seed, number)
        learner.structure.develop(learner, feed, p, seed, number, quotas or {})
        yield number, _state(learner), _record(learner, feed, protocol, number, p, loss, right)


def evaluate(net: DeepNetwork, feed: Feed, part: Part, loss: str, see=None) -> tuple[float, float]:
    """Mean loss and share of right answers on a part, nothing learned: nan, nan if it is empty."""
    if not len(part):
        return math.nan, math.nan
    net.eval()
    total, right = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(part), EVALUATED):
            images, labels = part.images[start : start + EVALUATED], part.labels[start : start + EVALUATED]
            out = net(_input(net, feed, images, start, 0), see)
            total += float(_loss(out, labels, loss)) * len(labels)
            right += int((out.argmax(1) == labels).sum())
    return total / len(part), right / len(part)


def _begin(model, arm, seed: int, p, after) -> Learner:
    method = find_method(arm.method)
    if after is None:
        net, moments, steps, kept = DeepNetwork(model).grow(seed), None, 0, {}
    else:
        net = network_from(model, after[1]["network"])
        moments, steps = optimiser.from_arrays(after[1]["optimiser"])
        kept = after[1].get("method", {})
    made = optimiser.adamw(net, lr=p.lr, weight_decay=p.weight_decay, moments=moments, steps=steps)
    learner = Learner(net, made, Structure(method, net, p, kept), account.sizes(DeepNetwork(model)))
    memory.keep()  # not before: what was only needed to begin is given back
    return learner


def _epoch(learner: Learner, feed: Feed, protocol, p, seed: int, number: int) -> tuple[float, float]:
    """Train on every batch once: mean loss and share of right answers as they went by."""
    net, form = learner.net, protocol.training
    net.train()
    see = learner.structure.see(net)
    batches = batches_of(feed, form.batch)
    total, right, seen, learner.learned = 0.0, 0, 0, 0.0
    for k, (x, labels) in enumerate(feed.batches(form.batch, shift=protocol.data.shift, flip=protocol.data.flip,
                                                 seed=seed, epoch=number, encoding=net.model.encoding)):
        lr = optimiser.learning_rate(number + k / batches, epochs=protocol.epochs, schedule=form.schedule, lr=p.lr,
                                     lr_start=p.lr_start, lr_end=p.lr_end, warm_up=p.warm_up)
        learner.learned += lr
        x = ranks.share(_encoded(net, x, seed, number, k), 1 if net.model.encoding == "direct" else net.model.steps)
        value, out = step(learner, x, ranks.share(labels), lr, form, see)
        if not math.isfinite(value):
            raise Unhealthy(f"the loss is {value} in epoch {number}, batch {k}: lower lr ({p.lr:g})")
        total, seen = total + value * len(labels), seen + len(labels)
        right += int((out.argmax(1) == labels).sum())
    _check_weights(net, number, p)
    ranks.check_same(net, f"after epoch {number}")
    return total / seen, right / seen


def step(learner: Learner, x: Tensor, labels: Tensor, lr: float, form, see=None) -> tuple[float, Tensor]:
    """One step of training on a batch as the first layer receives it: its loss and what the network answered.

    `form` is the protocol's [training]; with precision "bfloat16" convolutions, products and spikes have it, while
    weights, norms, statistics and the loss stay float32.
    """
    for group in learner.optimiser.param_groups:
        group["lr"] = lr
    learner.optimiser.zero_grad(set_to_none=True)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=form.precision == "bfloat16"):
        out = learner.net(x, see)
    lost = _loss(out.float(), labels, form.loss)
    lost.backward()
    ranks.average_gradients(learner.net)
    learner.optimiser.step()
    return float(ranks.total(lost.detach())) / ranks.world(), ranks.gathered(out.detach())


def _check_weights(net: DeepNetwork, number: int, p) -> None:
    """A cell that receives no number does not fire, so that the loss alone may not show what has gone wrong."""
    for name, value in net.named_parameters():
        if not bool(torch.isfinite(value).all()):
            raise Unhealthy(f"{name} is not finite after epoch {number}: lower lr ({p.lr:g})")


def batches_of(feed: Feed, batch: int) -> int:
    """How many batches an epoch has."""
    return max(1, len(feed.train) // batch)


def _loss(out: Tensor, labels: Tensor, kind: str) -> Tensor:
    if kind == "cross_entropy":
        return F.cross_entropy(out, labels)
    return F.mse_loss(out, F.one_hot(labels, out.shape[1]).to(out.dtype))


def _encoded(net: DeepNetwork, x: Tensor, seed: int, epoch: int, batch: int) -> Tensor:
    rng = generator(seed, epoch, f"encoding.{batch}") if net.model.encoding == "rate" else None
    return encoded(x, net.model, rng)


def _input(net: DeepNetwork, feed: Feed, images: Tensor, batch: int, seed: int) -> Tensor:
    return _encoded(net, feed.shown(images, net.model.encoding), seed, -1, batch)


def _state(learner: Learner) -> dict:
    return {"network": network_arrays(learner.net), "optimiser": optimiser.as_arrays(learner.net, learner.optimiser),
            "method": learner.structure.arrays()}


def _record(learner: Learner, feed: Feed, protocol, number: int, p, loss: float, right: float) -> dict:
    """What of an epoch is kept: losses, accuracies, and per layer sizes, life and spikes, on the test part."""
    kind, spikes = protocol.training.loss, account.Spikes()
    held_loss, held = evaluate(learner.net, feed, feed.held_out, kind)
    test_loss, test = evaluate(learner.net, feed, feed.test, kind, spikes)
    layers = account.layers(learner.net, learner.full, spikes, max(1, len(feed.test)))
    return {"epoch": number, "loss": {"train": loss, "held_out": held_loss, "test": test_loss},
            "accuracy": {"train": right, "held_out": held, "test": test},
            "layers": {n: {k: np.asarray(v) for k, v in row.items()} for n, row in layers.items()}}
