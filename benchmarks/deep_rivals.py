"""Others that train the network of models/deep_6conv2fc.toml, one step at a time; none of their code is here.

BrainCog runs its own model, cells, traces and masks from a checkout, DPAP_BRAINCOG=/path/to/Brain-Cog (3998fd5 was
used); what it imports and never calls (torchvision, timm) is replaced by empty modules, `.cuda()` by nothing. snnTorch
and SpikingJelly are written as their own tutorials write networks, without any bookkeeping; they are used if the Python
that runs this has them (DPAP_PEERS names another Python).
"""

import importlib.util
import os
import sys
import types
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

STEPS, CONV = 8, (128, 128, "M", 256, 256, "M", 512, 512)


def braincog(batch: int):
    """A step of BrainCog's examples/Structural_Development/DPAP: forward, traces and BCM, backward, AdamW."""
    folder = Path(os.environ["DPAP_BRAINCOG"])
    _stand_ins(folder)
    sys.path[:0] = [str(folder), str(folder / "examples/Structural_Development/DPAP")]
    for kind in (torch.Tensor, nn.Module):
        kind.cuda = lambda self, *_, **__: self
    import mask_model as theirs
    import utils

    model = theirs.my_cifar_model(step=STEPS, encode_type="direct", node_type="PLIFNode", num_classes=10).train()
    trace = theirs.Trace(model, batch, STEPS)
    theirs.Mask(model, batch, STEPS).init_length()
    thresholds, _, bcm, use = utils.init(batch, theirs.convlayer, theirs.fclayer, theirs.size, theirs.fcsize)
    made, seen = torch.optim.AdamW(model.parameters(), lr=2.4e-4, weight_decay=0.01), [0]

    def step(x, target):
        out, spikes = model(x)
        seen[0] += 1
        _braincog_statistics(theirs, trace.computing_trace(spikes), thresholds, bcm, use, seen[0])
        loss = F.mse_loss(out, target)
        made.zero_grad()
        loss.backward()
        made.step()
        return float(loss.detach())

    return step


def snntorch(batch: int):
    import snntorch as snn
    from snntorch import surrogate, utils

    def cells(threshold):
        return snn.Leaky(beta=0.5, threshold=threshold, spike_grad=surrogate.atan(), init_hidden=True)

    net = nn.Sequential(*_layers(cells, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.Flatten, nn.Linear))

    def forward(x):
        utils.reset(net)
        return torch.stack([net(x) for _ in range(STEPS)]).mean(0)

    return _plain(net, forward)


def spikingjelly(batch: int):
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def cells(threshold):
        if threshold == 1.0:
            return neuron.ParametricLIFNode(init_tau=2.0, detach_reset=True, surrogate_function=surrogate.ATan())
        return neuron.LIFNode(tau=2.0, v_threshold=threshold, detach_reset=True, surrogate_function=surrogate.ATan())

    net = nn.Sequential(*_layers(cells, layer.Conv2d, layer.BatchNorm2d, layer.MaxPool2d, layer.Flatten, layer.Linear))
    functional.set_step_mode(net, "m")

    def forward(x):
        functional.reset_net(net)
        return net(x.unsqueeze(0).repeat(STEPS, 1, 1, 1, 1)).mean(0)

    return _plain(net, forward)


def _layers(cells, conv, norm, pool, flat, linear):
    n_in = 3
    for n in CONV:
        if n == "M":
            yield pool(2)
            continue
        yield from (conv(n_in, n, 3, padding=1, bias=False), norm(n), cells(1.0))
        n_in = n
    yield from (flat(), linear(n_in * 64, 512), cells(0.5), linear(512, 10), cells(0.5))


def _plain(net: nn.Module, forward):
    made = torch.optim.AdamW(net.parameters(), lr=2.4e-4, weight_decay=0.01)

    def step(x, target):
        made.zero_grad()
        loss = F.mse_loss(forward(x), target)
        loss.backward()
        made.step()
        return float(loss.detach())

    return step


def _braincog_statistics(theirs, traces, thresholds, bcm, use, n: int) -> None:
    """Traces to BCM scores, thresholds and use: the equations of its prun_main.py, which cannot be imported."""
    for layers, trace in zip((theirs.convlayer, theirs.fclayer), traces, strict=True):
        for before, k in zip(layers, layers[1:], strict=False):
            post = trace[k] * (trace[k] - thresholds[k])
            bcm[k] = bcm[k] + torch.mm(post.T, trace[before])
            thresholds[k] = torch.div(thresholds[k] * (n - 1) + trace[k], n)
            use[k] = use[k] + trace[k].sum(0)


class _Anything(types.ModuleType):
    """A module that has every name, as an empty class; what is called `register_model` gives back what it gets."""

    __path__: tuple = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return (lambda f: f) if name == "register_model" else type(name, (), {})


def _stand_ins(folder: Path) -> None:
    absent = [n for n in ("torchvision", "timm", "einops") if importlib.util.find_spec(n) is None]
    for name in ("torchvision", "torchvision.ops", "torchvision.utils", "timm", "timm.models", "einops"):
        if name.split(".")[0] in absent:
            sys.modules[name] = _Anything(name)
    if "einops" in absent:
        sys.modules["einops"].repeat = lambda x, pattern, t: x.unsqueeze(0).repeat(t, *[1] * x.ndim)
    for name in ("braincog", "braincog.base", "braincog.base.node", "braincog.base.connection", "braincog.base.encoder",
                 "braincog.base.strategy", "braincog.base.utils", "braincog.model_zoo"):
        package = types.ModuleType(name)  # without what its __init__ imports
        package.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = package


RIVALS = {"braincog": braincog, "snntorch": snntorch, "spikingjelly": spikingjelly}
