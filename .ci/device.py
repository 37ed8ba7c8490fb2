"""Does the package follow a network onto an accelerator? `device.py [--device cuda] [--quick]`

Every kind of network is fitted and measured on the accelerator and on the CPU, and must agree within a tolerance; then a deep
column is timed there. Prints a line for each and "N passed, N failed"; exit code 1 if anything failed, or there is no accelerator.
"""
import argparse
import sys
import time
import traceback
import torch
from torch import nn
from cascade_nb import Cascade, cnn, diagnose, load_dataset, mlp, resnet
from cascade_nb.engine.products import use_bytes

PARSER = argparse.ArgumentParser(description=__doc__.splitlines()[0])
PARSER.add_argument("--device", default="cuda")
PARSER.add_argument("--quick", action="store_true", help="leave out the timings")


class Skips(nn.Module):
    "A residual network of dense layers, read by hooks"
    def __init__(self, depth=8, width=100):
        super().__init__()
        self.stem, self.layers = nn.Linear(784, width), nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.norm, self.head = nn.BatchNorm1d(width), nn.Linear(width, 10)

    def forward(self, x):
        x = torch.tanh(self.stem(x.flatten(1)))
        for layer in self.layers: x = x + torch.tanh(layer(x))
        return self.head(self.norm(x))


def seeded(make):
    "A network whose own random draws are the same in every call"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


NETS = {"tower": (lambda: mlp(depth=12, width=200), "ridge"), "tower, adam": (lambda: mlp(depth=4, width=60), "adam"),
        "convolutions": (lambda: cnn(depth=8, channels=8), "ridge"), "convolutions, adam": (lambda: cnn(depth=5, channels=8), "adam"),
        "residual": (lambda: resnet(blocks=3, channels=8), "ridge"), "hooks": (Skips, "ridge"), "hooks, adam": (Skips, "adam"),
        "float64": (lambda: mlp(depth=6, width=50).double(), "ridge")}


def profile(make, solver, device, d):
    "The profile on one device"
    net = seeded(make).to(device)
    kind = next(net.parameters()).dtype
    x, x_test = (t.to(device, kind) for t in (d.x_train[:1500], d.x_test[:200]))
    casc = Cascade(net, solver).fit(x)
    back = casc.reconstruct(x_test[:4])
    assert back.device == x.device and back.dtype == kind, (back.device, back.dtype)
    assert next(net.parameters()).device == x.device and torch.is_grad_enabled()
    return casc.profile(x_test).explained_variance.values


def agrees(name, make, solver, device, d):
    "Explained variance on the accelerator and on the CPU"
    there, here = profile(make, solver, device, d), profile(make, solver, "cpu", d)
    off, allowed = abs(there - here).max(), .02 if solver == "adam" else 2e-3
    print(f"{name:20} largest difference in explained variance {off:.1e}")
    assert off < allowed, f"{off} and not below {allowed}"


def verdict(device, d):
    "A verdict on the accelerator and on the CPU"
    there, here = (diagnose(mlp(depth=20, width=100).to(o), moved(d, o), repeats=1, n_train=1000).probability for o in (device, "cpu"))
    print(f"{'verdict':20} probability {there:.3f} there, {here:.3f} on the CPU")
    assert abs(there - here) < .02


def moved(d, device):
    "Inputs on a device"
    return d.x_train.to(device)


def timed(depth, width, device, n=2048):
    "Seconds of a column, and of as many products of its size as it has layers"
    net, x = mlp(depth=depth, width=width, n_in=width).to(device), torch.rand(n, width, device=device)
    Cascade(mlp(depth=3, width=width, n_in=width).to(device)).fit(x)
    torch.cuda.synchronize()
    start = time.perf_counter()
    L = len(Cascade(net).fit(x).decoders)
    torch.cuda.synchronize()
    took, w, start = time.perf_counter() - start, torch.rand(width, width, device=device), time.perf_counter()
    for _ in range(L): x @ w
    torch.cuda.synchronize()
    print(f"column of depth {depth}, width {width}, {n:,} inputs: {took:.2f} s for {L} layers, "
          f"{took/(time.perf_counter() - start):.0f} times as long as {L} products of the forward pass")


def main():
    options, failed = PARSER.parse_args(), 0
    if not torch.cuda.is_available(): sys.exit("no accelerator: PyTorch sees no CUDA device")
    d = load_dataset("mnist_sample")
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    checks = [lambda a=(name, *how): agrees(*a, options.device, d) for name, how in NETS.items()]
    checks.append(lambda: verdict(options.device, d))
    if not options.quick: checks += [lambda o=o: timed(*o, options.device) for o in ((200, 784), (1000, 784), (100, 4096))]
    with use_bytes(False):
        for check in checks:
            try: check()
            except Exception: failed += print(traceback.format_exc()) or 1
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__": sys.exit(main())
