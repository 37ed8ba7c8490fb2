"""What the package says of some fifty networks, kept and compared: nothing of it may change unless someone meant it to.

`save OUT` computes and keeps everything, `compare A B` compares two such files bit for bit, and `check FILE` computes again
and compares with a tolerance. `--bytes 0` turns products of bytes off. Only public names of the package are used, so the
same script runs on older and newer code: set PYTHONPATH to the checkout that is meant.

On one processor, with one setting of `--bytes` and `--threads`, every quantity has the same bits in every run; so it does
with two threads, which the scheduler interleaves at will. (Dropout in training mode would not: it draws from PyTorch's own
generator; no network here does that.) Between processors, between numbers of threads, or with byte products on and off,
sums are rounded differently. `check` therefore takes each quantity in the unit in which rounding shows: see `DISTANCES`.
"""
import argparse
import dataclasses
import json
import os
import re
import sys
import time
from typing import Callable, NamedTuple
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_BACK = 4 # images that are reconstructed


# Images as each network takes them; they arrive as (N, 1, 28, 28).

def as_is(x:Tensor) -> Tensor: return x
def in_colour(x:Tensor) -> Tensor: return x[..., 2:26, 2:26]*x.new_tensor([1., .7, .4])[:, None, None]
def enlarged(x:Tensor) -> Tensor: return in_colour(x).repeat_interleave(2, 2).repeat_interleave(2, 3)
def halved(x:Tensor) -> Tensor: return F.avg_pool2d(x, 2)
def as_rows(x:Tensor) -> Tensor: return x[:, 0]
def flat(x:Tensor) -> Tensor: return x.flatten(1)
def doubled(x:Tensor) -> Tensor: return x.double()
def as_patches(x:Tensor) -> Tensor: return F.unfold(x, 4, stride=4).transpose(1, 2)


# Networks that a user could have written, so that they are read by hooks.

class Tower(nn.Module):
    "An MLP whose forward is a loop"
    def __init__(self, depth:int, width:int, n_in:int=784, residual:bool=False):
        super().__init__()
        self.stem = nn.Linear(n_in, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.head = nn.Linear(width, 10)
        self.residual = residual

    def forward(self, x):
        x = torch.tanh(self.stem(x.flatten(1)))
        for layer in self.layers:
            y = torch.tanh(layer(x))
            x = x + .5*y if self.residual else y
        return self.head(x)


class ViT(nn.Module):
    "Patches by a convolution, a class token, positions, encoder layers"
    def __init__(self, depth:int=3, dim:int=32, class_token:bool=True):
        super().__init__()
        rng = torch.Generator().manual_seed(3)
        self.embed = nn.Conv2d(1, dim, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, dim, generator=rng)) if class_token else None
        self.position = nn.Parameter(.1*torch.randn(1, 49 + class_token, dim, generator=rng))
        self.blocks = nn.ModuleList(encoder(dim) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = x + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class Mixer(nn.Module):
    "Tokens that are mixed along and across, each with a skip"
    def __init__(self, depth:int=3, tokens:int=49, dim:int=24):
        super().__init__()
        self.embed = nn.Linear(16, dim)
        self.across = nn.ModuleList(nn.Linear(tokens, tokens) for _ in range(depth))
        self.along = nn.ModuleList(nn.Linear(dim, dim) for _ in range(depth))
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        x = self.embed(x)
        for across, along in zip(self.across, self.along):
            x = x + torch.tanh(across(x.transpose(1, 2))).transpose(1, 2)
            x = x + torch.tanh(along(x))
        return self.head(x.mean(1))


def encoder(dim:int) -> nn.Module:
    return nn.TransformerEncoderLayer(dim, 4, 2*dim, batch_first=True, norm_first=True)


def rows_encoder(depth:int=3, dim:int=32) -> nn.Module:
    "The rows of an image as a sequence"
    return nn.Sequential(nn.Linear(28, dim), *(encoder(dim) for _ in range(depth)), nn.Flatten(), nn.Linear(28*dim, 10))


def normed(depth:int, width:int, norm:Callable, dropout:float=.1) -> nn.Module:
    "A tower of Linear, normalisation, ReLU and dropout, which is inert in evaluation mode"
    sizes = [784] + [width]*depth
    body = [m for a, b in zip(sizes, sizes[1:]) for m in (nn.Linear(a, b), norm(b), nn.ReLU(), nn.Dropout(dropout))]
    return nn.Sequential(nn.Flatten(), *body, nn.Linear(width, 10))


def conv_normed() -> nn.Module:
    "Convolutions with BatchNorm and ReLU in place, pooling, and a classifier of two layers"
    def block(a, b): return [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
    body = [*block(1, 8), *block(8, 8), nn.MaxPool2d(2), *block(8, 16), nn.MaxPool2d(2)]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(16*49, 48), nn.ReLU(inplace=True), nn.Linear(48, 10))


def map_to_vector() -> nn.Module:
    "Convolutions, then layers of vectors"
    convs = [nn.Conv2d(1, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 6, 3, stride=2, padding=1), nn.Tanh()]
    vectors = [nn.Linear(6*14*14, 96), nn.Tanh(), nn.Linear(96, 64), nn.Tanh(), nn.Linear(64, 10)]
    return nn.Sequential(*convs, nn.Flatten(), *vectors)


def squeezenet() -> nn.Module:
    "Its first half: the second takes a minute"
    from torchvision.models import squeezenet1_1
    net = squeezenet1_1(num_classes=10)
    net.features, net.classifier[1] = net.features[:8], nn.Conv2d(256, 10, 1)
    return net


def resnet_small() -> nn.Module:
    from torchvision.models.resnet import BasicBlock, ResNet
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)


class Case(NamedTuple):
    "A network, what goes into it, and how it is read"
    make: Callable # (package) -> network
    n: int = 512 # inputs that decoders learn from
    inputs: Callable = as_is # images -> inputs
    settings: dict = {} # of `Cascade`
    batches: tuple = () # sizes of batches; (): all inputs as one tensor
    n_test: int = 512 # inputs that the profile is measured on: the fewer, the more a single dark pixel says


def drawn(make:Callable, var_w:float=1.5, var_b:float=.02, seed:int=1) -> Callable:
    "A network whose linear layers and convolutions are drawn by the package"
    return lambda c: c.init_normal_(make(), var_w, var_b, seed)


ADAM = {"solver": "adam"}
CASES = {
    # towers of Linear layers
    "mlp_narrow": Case(lambda c: c.mlp(12, width=40)),
    "mlp_64": Case(lambda c: c.mlp(20, width=64, seed=1), n=1024),
    "mlp_784": Case(lambda c: c.mlp(10, width=784, seed=2), n=2048),
    "mlp_512_batches": Case(lambda c: c.mlp(8, width=512, var_w=2., seed=3), n=1500, batches=(700, 500, 300)),
    "mlp_many": Case(lambda c: c.mlp(5, width=96, seed=4), n=5000),
    "mlp_relu": Case(lambda c: c.mlp(15, width=256, var_w=2., var_b=0., act=nn.ReLU), n=1024),
    "mlp_erf": Case(lambda c: c.mlp(10, width=200, var_w=1.4, act=torch.erf)),
    "mlp_sigmoid": Case(lambda c: c.mlp(6, width=128, var_w=9., act=nn.Sigmoid)),
    "mlp_leaky": Case(lambda c: c.mlp(8, width=100, var_w=1.9, act=lambda: nn.LeakyReLU(.1))),
    "mlp_shrinking": Case(lambda c: c.mlp(14, shape="shrinking"), n=1024),
    "mlp_wide": Case(lambda c: c.mlp(4, width=600, shape="wide", seed=5), n=1024),
    "mlp_orthogonal": Case(lambda c: c.mlp(12, width=128, var_w=1.1, init=c.init_orthogonal_)),
    "mlp_ordered": Case(lambda c: c.mlp(30, width=128, var_w=.5, var_b=.3)),
    "mlp_chaotic": Case(lambda c: c.mlp(20, width=512, var_w=4.), n=1024),
    "mlp_scrambled": Case(lambda c: c.mlp(20, width=128, var_w=25.)),
    "mlp_growing": Case(lambda c: c.mlp(8, width=128, var_w=40., var_b=0., act=nn.ReLU)),
    "mlp_explodes": Case(lambda c: c.mlp(30, width=64, var_w=1e4, var_b=0., act=nn.ReLU)),
    "mlp_float64": Case(lambda c: c.mlp(8, width=96).double(), inputs=doubled),
    "mlp_noise": Case(lambda c: c.mlp(8, width=256), n=1024, settings={"noise": 1e-1}),
    "one_layer": Case(lambda c: c.mlp(1, width=100)),
    "bare_linear": Case(drawn(lambda: nn.Sequential(nn.Linear(784, 80), nn.Tanh(), nn.Linear(80, 60))), inputs=flat),
    "mlp_adam": Case(lambda c: c.mlp(5, width=64), n=3000, settings=ADAM),
    "mlp_adam_few": Case(lambda c: c.mlp(5, width=64, seed=9), n=200, settings=ADAM),
    "mlp_adam_784": Case(lambda c: c.mlp(2, width=784), n=256, settings={**ADAM, "seed": 7}),
    "mlp_adam_batches": Case(lambda c: c.mlp(3, width=48), n=500, settings=ADAM, batches=(200, 300)),
    # maps, walked by stages
    "cnn": Case(lambda c: c.cnn(6, channels=16), n_test=64),
    "cnn_batches": Case(lambda c: c.cnn(5, channels=12, var_w=1.4, var_b=.01), n=400, batches=(150, 250), n_test=64),
    "cnn_colour": Case(lambda c: c.cnn(5, channels=12, in_channels=3, size=24), n=256, inputs=in_colour, n_test=64),
    "cnn_large": Case(lambda c: c.cnn(4, channels=8, in_channels=3, size=48), n=128, inputs=enlarged, n_test=64),
    "cnn_adam": Case(lambda c: c.cnn(4, channels=8), n=256, settings=ADAM, n_test=64),
    "resnet": Case(lambda c: c.resnet(4, channels=12), n_test=64),
    "map_to_vector": Case(drawn(map_to_vector)),
    "map_to_vector_adam": Case(drawn(map_to_vector), n=1000, settings=ADAM),
    "conv_batchnorm": Case(drawn(conv_normed, 2., 0.), n_test=64),
    "batchnorm": Case(drawn(lambda: normed(6, 128, nn.BatchNorm1d), 2., 0.)),
    "batchnorm_train": Case(drawn(lambda: normed(6, 128, nn.BatchNorm1d, 0.), 2., 0.), settings={"train": True}),
    "layernorm": Case(drawn(lambda: normed(6, 96, nn.LayerNorm), 2., 0.)),
    "chosen": Case(lambda c: c.mlp(8, width=128), settings={"layers": ["2", "6", "12"]}),
    # whatever else, read by hooks
    "hooks": Case(drawn(lambda: Tower(8, 128), 1.76, .05)),
    "hooks_small_images": Case(drawn(lambda: Tower(6, 64, 196), 1.76, .05), inputs=halved),
    "hooks_batches": Case(drawn(lambda: Tower(6, 80), 1.76, .05), n=500, batches=(200, 200, 100)),
    "hooks_adam": Case(drawn(lambda: Tower(4, 64), 1.76, .05), n=2000, settings=ADAM),
    "hooks_chosen": Case(drawn(lambda: Tower(8, 96), 1.76, .05), settings={"layers": ["layers.1", "layers.4"]}),
    "residual": Case(drawn(lambda: Tower(8, 128, residual=True))),
    "rows_encoder": Case(drawn(rows_encoder), n=400, inputs=as_rows),
    "vit": Case(drawn(ViT), n=400),
    "vit_without_class": Case(drawn(lambda: ViT(2, class_token=False)), n=300, batches=(100, 200)),
    "mixer_of_patches": Case(drawn(Mixer), n=400, inputs=as_patches),
    "squeezenet": Case(lambda c: squeezenet(), n=64, inputs=enlarged, n_test=64),
    "resnet18_small": Case(lambda c: resnet_small(), n=96, inputs=in_colour, n_test=64),
}
VERDICTS = {
    "critical": Case(lambda c: c.mlp(20, width=128)),
    "ordered": Case(lambda c: c.mlp(20, width=128, var_w=.5, var_b=.3)),
    "chaotic": Case(lambda c: c.mlp(20, width=128, var_w=4.)),
    "relu": Case(lambda c: c.mlp(12, width=128, var_w=2., var_b=0., act=nn.ReLU)),
    "explodes": Case(lambda c: c.mlp(30, width=64, var_w=1e4, var_b=0., act=nn.ReLU)),
    # no deeper: 1 - tanh² is mostly rounding here, and at depth 12 the odds differ by 0.007 between processors
    "saturated": Case(lambda c: c.mlp(6, width=128, var_w=400.)),
    "wide": Case(lambda c: c.mlp(6, width=512)),
    "builder": Case(lambda c: lambda seed: c.mlp(10, width=64, seed=seed)),
    "cnn": Case(lambda c: c.cnn(6, channels=8)),
    "hooks": Case(drawn(lambda: Tower(8, 64), 1.76, .05)),
    "batchnorm": Case(drawn(lambda: normed(8, 64, nn.BatchNorm1d), 2., 0.)),
    "vit": Case(drawn(lambda: ViT(2, 16))),
}
VERDICT_INPUTS = 768 # a verdict measures on 256 of them


def package(bytes_on:bool):
    "The package on the path, with byte products where the processor has them, or without"
    os.environ["CASCADE_NB_BYTES"] = str(int(bytes_on))
    import cascade_nb
    if not bytes_on: # version 0.1.0 knows no such variable: a constant, which its modules import from each other
        for name, module in list(sys.modules.items()):
            if name.startswith("cascade_nb.") and hasattr(module, "BYTES"):
                module.BYTES = False
    return cascade_nb


def made(case:Case, c) -> object:
    "The network, by the same random numbers wherever it is made"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = case.make(c)
    return net.eval() if isinstance(net, nn.Module) else net


def error_of(e:Exception) -> dict:
    "An error's type and the layer it names: its words may be improved"
    layer = re.search(r"layer '([^']*)'", str(e))
    return {"error": type(e).__name__, "layer": layer and layer[1]}


def profile_columns(profile) -> dict:
    return {k: v.values for k, v in profile.data_vars.items()}


def measured(case:Case, c, data) -> dict:
    "Everything the package says of one network"
    net = made(case, c)
    x, x_test = case.inputs(data.x_train[:case.n]), case.inputs(data.x_test[:case.n_test])
    given = list(x.split(case.batches)) if case.batches else x
    traced = c.trace_layers(net, x[:2], case.settings.get("layers"), case.settings.get("train", False))
    out = {"names": json.dumps(traced.names)}
    cascade = c.Cascade(net, **case.settings).fit(given)
    out |= {f"profile/{k}": v for k, v in profile_columns(cascade.profile(x_test)).items()}
    out["reconstruct"] = cascade.reconstruct(x_test[:N_BACK]).numpy()
    again = c.Cascade(net, **case.settings).fit_profile(given, x_test)
    return out | {f"fit_profile/{k}": v for k, v in profile_columns(again).items()}


def judged(case:Case, c, data) -> dict:
    "The verdict on one network"
    few = dataclasses.replace(data, x_train=data.x_train[:VERDICT_INPUTS], y_train=data.y_train[:VERDICT_INPUTS])
    v = c.diagnose(made(case, c), few, repeats=1, prove=False)
    odds = c.verdict.odds_by_depth(v.each[0])[-1]
    return {"probability": np.float64(v.probability), "two_signals": np.float64(odds), "lost": json.dumps(v.lost)}


def swept(c, data) -> dict:
    "A small grid"
    parts = {k: getattr(data, k)[:n] for k, n in dict(x_train=512, y_train=512, x_test=256, y_test=256).items()}
    few = dataclasses.replace(data, **parts)
    ds = c.sweep(c.mlp, {"var_w": [.5, 1.76, 4.], "seed": [0, 1]}, few, depth=8, width=64, progress=False)
    return {k: v.values for k, v in ds.data_vars.items() if v.dtype.kind in "fb"}


def everything(c, only:str="") -> dict:
    "quantity -> array, or text as JSON"
    data = c.load_dataset("mnist_sample")
    tasks = {f"net/{k}": lambda o=o: measured(o, c, data) for k, o in CASES.items()}
    tasks |= {f"verdict/{k}": lambda o=o: judged(o, c, data) for k, o in VERDICTS.items()}
    tasks["sweep/mlp"] = lambda: swept(c, data)
    found = {}
    for name, task in tasks.items():
        if not re.search(only, name): continue
        start = time.perf_counter()
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                got = task()
        except Exception as e: got = {"error": json.dumps(error_of(e))}
        found |= {f"{name}/{k}": v for k, v in got.items()}
        print(f"{name:28} {time.perf_counter() - start:6.2f} s {got.get('error', '')}", file=sys.stderr)
    return found


# Two sets of results beside each other.

def network_of(key:str) -> str: return "/".join(key.split("/")[:2])


def same_bits(a, b) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def how_far(a, b) -> str:
    "By how much two quantities differ, in words"
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape: return f"shape {a.shape} and {b.shape}"
    if a.dtype.kind not in "fb" or a.dtype.kind != b.dtype.kind: return f"{a} and {b}"[:200]
    a, b = a.astype(float), b.astype(float)
    off = np.where(np.isnan(a) & np.isnan(b), 0, np.abs(a - b))
    scale = np.abs(b).max(initial=0) if np.isfinite(b).all() else np.nan
    return f"max abs {np.max(off):.3g}, relative to the largest {np.max(off)/scale if scale else np.inf:.3g}"


def compare(a:dict, b:dict) -> int:
    "Print which quantities differ; the number of networks with a difference"
    networks, quantities = set(), 0
    keys = list(dict.fromkeys([*a, *b]))
    for k in keys:
        if k in a and k in b and same_bits(a[k], b[k]): continue
        quantities += 1
        networks.add(network_of(k))
        print(f"{k:60}", how_far(a[k], b[k]) if k in a and k in b else f"only in the {'first' if k in a else 'second'}")
    total = {network_of(k) for k in keys}
    print(f"{len(total) - len(networks)} of {len(total)} networks have the same bits, "
          f"{len(keys) - quantities} of {len(keys)} quantities; {len(networks)} networks differ in {quantities} quantities")
    return len(networks)


# A small file that ships, and a distance that is the same on every kind of processor.

def small(found:dict) -> dict:
    "Without the second profile, and of reconstructions one image, from the first, the middle and the last layer"
    kept = {k: v for k, v in found.items() if "/fit_profile/" not in k}
    for k, v in kept.items():
        if k.endswith("/reconstruct"):
            kept[k] = v[[0, len(v)//2, -1], 0].astype("float16")
    return kept


def relative(a, b) -> float: return rms(a - b)/max(rms(b), 1e-30)
def absolute(a, b) -> float: return np.abs(a - b).max(initial=0)
def rms(a) -> float: return np.sqrt(np.mean(np.square(a)))


class Distance(NamedTuple):
    "How far two results are from each other"
    measure: Callable # (computed, kept) -> distance
    times: float = 1. # how many tolerances it may be
    alive: bool = False # only over layers from which something comes back


ALIVE = .005 # explained variance; below it entropies are those of noise, and a spread near 0 has no stable logarithm
DISTANCES = {
    "explained_variance": Distance(absolute),
    "correlation": Distance(absolute),
    "probability": Distance(absolute, 100), # eight training steps lie between two roundings and the odds
    "two_signals": Distance(absolute, 10), # log-odds, of gradients and of what comes back
    "relative_entropy": Distance(relative, alive=True),
    "differential_entropy": Distance(relative, alive=True),
    # a median of quotients of single images, each of which jumps where another pixel becomes the darkest
    "relative_entropy_ratio": Distance(relative, 5, alive=True),
    # rounding to bytes stays below the noise floor, whose standard deviation is .03 of an activation
    "reconstruct": Distance(relative, 40),
}


def words_differ(a:str, b:str) -> bool:
    "Whether two texts differ, but for the last digit of their numbers"
    number = r"\d+\.\d+"
    near = np.allclose(*(list(map(float, re.findall(number, o))) for o in (a, b)), rtol=.02, atol=.011) \
        if len(re.findall(number, a)) == len(re.findall(number, b)) else False
    return not near or re.sub(number, "#", a) != re.sub(number, "#", b)


def too_far(key:str, a, b, explained, tol:float) -> str:
    "What is wrong with a result `a` beside the one that was kept, `b`; '' where nothing is"
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape: return how_far(a, b)
    if b.dtype.kind == "U": return how_far(a, b) if words_differ(str(a), str(b)) else ""
    quantity = key.split("/")[-1]
    if quantity not in DISTANCES: return "" if np.array_equal(a, b) else how_far(a, b)
    measure, times, alive = DISTANCES[quantity]
    at = explained >= ALIVE if alive else ...
    distance = measure(a[at].astype(float), b[at].astype(float)) if np.size(b[at]) else 0.
    return "" if distance <= tol*times else f"off by {distance:.3g}, allowed are {tol*times:.3g}"


def check(found:dict, kept:dict, tol:float) -> int:
    "Compare what was computed with what was kept; the number of quantities that are too far off"
    bad = 0
    reduced = small(found) | {k: v for k, v in found.items() if "/fit_profile/" in k}
    for k in dict.fromkeys([*kept, *reduced]):
        same = k.replace("/fit_profile/", "/profile/")
        explained = kept.get(same.rsplit("/", 1)[0] + "/explained_variance")
        wrong = "missing" if k not in reduced else "new" if same not in kept else \
            too_far(k, reduced[k], kept[same], explained, tol)
        if wrong:
            bad += 1
            print(f"{k:60}", wrong)
    print(f"{len(reduced) - bad} of {len(reduced)} quantities as kept, {bad} off, "
          f"in {len({network_of(k) for k in reduced})} networks")
    return bad


def load(path:str) -> dict:
    with np.load(path, allow_pickle=False) as f:
        return {k: f[k] for k in f.files}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    does = parser.add_subparsers(dest="does", required=True)
    save = does.add_parser("save", help="compute everything and keep it")
    save.add_argument("out")
    save.add_argument("--small", action="store_true", help="the file that ships")
    against = does.add_parser("check", help="compute everything and compare it with a file, within a tolerance")
    against.add_argument("kept")
    against.add_argument("--tol", type=float, default=1e-3)
    for p in (save, against):
        p.add_argument("--bytes", type=int, choices=(0, 1), default=1, help="0: without products of bytes")
        p.add_argument("--threads", type=int, default=1)
        p.add_argument("--only", default="", help="only names in which this regular expression is found")
    both = does.add_parser("compare", help="compare two files bit for bit")
    both.add_argument("a")
    both.add_argument("b")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    if args.does == "compare": return compare(load(args.a), load(args.b))
    torch.set_num_threads(args.threads)
    c = package(bool(args.bytes))
    print(c.__file__, file=sys.stderr)
    found = everything(c, args.only)
    if args.does == "check":
        kept = {k: v for k, v in load(args.kept).items() if re.search(args.only, network_of(k))}
        return check(found, kept, args.tol)
    np.savez_compressed(args.out, **(small(found) if args.small else found))
    return 0


if __name__ == "__main__": sys.exit(1 if main() else 0)
