"""Does the package follow a network's device? `pretend.py [--only NAME ...]` asks it without an accelerator.

A device called 'pretended' computes on the CPU and refuses what an accelerator refuses: operands of two devices, random numbers
from a generator of the CPU, a tensor as an array of NumPy. Every public function that takes a network or tensors runs there and
on the CPU; results must agree, and tensors that come back must be there. Prints a line for each function, those that are not
tried and why, and "N passed, N failed"; exit code 1 if anything failed. `device.py` asks the same on real hardware.
"""
import argparse
import copy
import functools
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Callable
import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
try: from torch.utils.backend_registration import _setup_privateuseone_for_python_backend as setup_device
except ImportError: sys.exit("this PyTorch is too old to pretend a device")
import cascade_nb as c
from cascade_nb.cascade import Cascade
from cascade_nb.data import Data, Inputs, inputs_of
from cascade_nb.decoders import adam_decoder, ridge_decoder
from cascade_nb.engine.products import use_bytes
from cascade_nb.explain import picture, rank_channels
from cascade_nb.graph import fingerprint
from cascade_nb.training import Recipe, held_out_loss, learning_curve
from cascade_nb.verdict import N_TEST, Verdict, cost_of, measurements, relative_gradients

PARSER = argparse.ArgumentParser(description=__doc__.splitlines()[0])
PARSER.add_argument("--only", nargs="+", default=[], help="names of functions; by default all")
matplotlib.use("agg")
warnings.simplefilter("ignore")

# ---------------------------------------------------------------------------------------------------------- the device

NAME, ATEN = "pretended", torch.ops.aten


class Backend:
    "What torch asks of a device's module; the device has random numbers of its own"
    def __init__(self): self.manual_seed_all(0)
    def is_initialized(self) -> bool: return True
    def is_available(self) -> bool: return True
    def current_device(self) -> int: return 0
    def device_count(self) -> int: return 1
    def _is_in_bad_fork(self) -> bool: return False
    def manual_seed_all(self, seed:int): self.state = torch.Generator().manual_seed(seed).get_state()
    def get_rng_state(self, device=None) -> Tensor: return self.state.clone()
    def set_rng_state(self, state:Tensor, device=None): self.state = state.clone()
    def get_amp_supported_dtype(self) -> list: return [torch.float16, torch.bfloat16]


BACKEND = Backend()
setup_device(NAME, BACKEND)
THERE, CPU = torch.device(NAME, 0), torch.device("cpu")


@contextmanager
def random_numbers():
    "Those of the device in place of the CPU's"
    of_cpu = torch.get_rng_state()
    torch.set_rng_state(BACKEND.state)
    try: yield
    finally:
        BACKEND.state = torch.get_rng_state()
        torch.set_rng_state(of_cpu)


class Pretended(torch.Tensor):
    "A tensor on the pretended device; `held` has its numbers, on the CPU"
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held:Tensor):
        "A tensor that looks like `held`"
        return torch.Tensor._make_wrapper_subclass(cls, held.shape, strides=held.stride(), dtype=held.dtype, device=THERE,
                                                   storage_offset=held.storage_offset())

    def __init__(self, held:Tensor): self.held = held

    @classmethod
    def __torch_dispatch__(cls, op, types, args=(), kwargs=None): return computed(op, *args, **(kwargs or {}))

    # these two make `nn.Module.to` exchange a parameter as a whole
    def __tensor_flatten__(self) -> tuple: return ["held"], None
    @classmethod
    def __tensor_unflatten__(cls, inner:dict, context, size, stride): return cls(inner["held"])

    # views share their memory, as the tensors do that they hold
    def untyped_storage(self) -> torch.UntypedStorage: return self.held.untyped_storage()
    def data_ptr(self) -> int: return self.held.data_ptr()

    def numpy(self, *args, **kwargs):
        "Refused, as by every accelerator"
        raise TypeError(f"can't convert {self.device} device type tensor to numpy: copy it to the CPU first")

    __array__ = __dlpack__ = numpy
    def tolist(self) -> list: return self.detach().cpu().tolist()
    def __repr__(self, **kwargs) -> str: return f"{self.held!r} on {self.device}"

    def __deepcopy__(self, memo:dict):
        "A copy; of a parameter, a parameter"
        if id(self) in memo: return memo[id(self)]
        memo[id(self)] = new = Pretended(self.held.clone()).requires_grad_(self.requires_grad)
        if isinstance(self, nn.Parameter): new._is_param = True
        if self.grad is not None: new.grad = copy.deepcopy(self.grad, memo)
        return new


ACROSS = ATEN.copy_.default, ATEN.copy.default, ATEN._to_copy.default # take operands of two devices
INDEXED = (ATEN.index.Tensor, ATEN.index_put.default, ATEN.index_put_.default, ATEN._index_put_impl_.default,
           ATEN._unsafe_index.Tensor, ATEN._unsafe_index_put.default) # take their indices from the CPU as well
FILLS = ATEN.fill.Tensor, ATEN.fill_.Tensor # take a number from the CPU, as elementwise operators do


def mapped(f:Callable, kind:type, tree):
    "Arguments or results of an operator, with `f` applied to all of a kind; torch's own way through a tree takes longer"
    if isinstance(tree, kind): return f(tree)
    return type(tree)(mapped(f, kind, o) for o in tree) if type(tree) in (list, tuple) else tree


def found(kind:type|tuple, tree) -> list:
    "All of a kind in arguments"
    if isinstance(tree, kind): return [tree]
    return [o for part in tree for o in found(kind, part)] if type(tree) in (list, tuple) else []


@functools.cache
def takes_numbers(op) -> bool:
    "Whether an operator takes a tensor without dimensions from the CPU among those of the device"
    return op in INDEXED + FILLS or torch.Tag.pointwise in op.tags


@functools.cache
def written(op) -> list:
    "Places and names of the arguments that an operator writes to"
    return [(i, a.name) for i, a in enumerate(op._schema.arguments) if a.alias_info and a.alias_info.is_write]


def is_elsewhere(t:Tensor) -> bool: return not isinstance(t, Pretended)


def check_devices(op, args:tuple, kwargs:dict):
    "Raise where CUDA would: a CPU tensor may stand among others as an index, or as a number in elementwise operators"
    if op in ACROSS: return
    given = found((Tensor, torch.Generator), [args, [*kwargs.values()]])
    if any(isinstance(g, torch.Generator) for g in given):
        raise RuntimeError(f"{op}: expected a '{NAME}' device type for generator but found 'cpu'")
    if op in INDEXED:
        if is_elsewhere(args[0]):
            raise RuntimeError(f"{op}: indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        given = found(Tensor, [args[0], args[2:3]])
    strange = [t for t in given if is_elsewhere(t) and (t.ndim or not takes_numbers(op))]
    outs = found(Tensor, [args[i] if i < len(args) else kwargs.get(name) for i, name in written(op)])
    if strange or any(map(is_elsewhere, outs)):
        raise RuntimeError(f"{op}: expected all tensors to be on the same device, but found {THERE} and cpu")


def computed(op, *args, **kwargs):
    "What an operator gives, on the device that it was asked for, or that its operands are on"
    check_devices(op, args, kwargs)
    known, asked = {}, kwargs.get("device")
    def held(t:Pretended) -> Tensor:
        known[id(t.held)] = t
        return t.held
    def back(t:Tensor) -> Tensor: return known[id(t)] if id(t) in known else Pretended(t) if there else t
    args, kwargs = mapped(held, Pretended, args), {k: mapped(held, Pretended, v) for k, v in kwargs.items()}
    there = bool(known) if asked is None else asked.type == NAME
    if asked is not None: kwargs["device"] = CPU
    with random_numbers() if there and torch.Tag.nondeterministic_seeded in op.tags else nullcontext():
        out = op(*args, **kwargs)
    if lost := [t for t in known.values() if t.shape != t.held.shape]:
        raise NotImplementedError(f"the pretended device lacks {op}, which changes the shape {tuple(lost[0].shape)}")
    return mapped(back, Tensor, out)


# operators that no tensor of the device is given to; the last two are called by torch.tensor below its Python layer
EVERYTHING, SOME = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
EVERYTHING.fallback(computed, "PrivateUse1")
for op in (ATEN.eye.default, ATEN.eye.m, ATEN.arange.default, ATEN.arange.start, ATEN.arange.start_step, ATEN.linspace.default,
           ATEN.randperm.default, ATEN.randperm.generator, ATEN.copy_.default, ATEN._to_copy.default):
    SOME.impl(str(op).removeprefix("aten.").removesuffix(".default"), functools.partial(computed, op), "PrivateUse1")

# --------------------------------------------------------------------------------------------------- networks and inputs

SIDE, CLASSES, N = 8, 4, 2*N_TEST + 64 # pixels along an image, and how many inputs there are


def generator(seed:int) -> torch.Generator: return torch.Generator().manual_seed(seed)


def made_images() -> tuple:
    "Images of a few patterns in random strengths, and the strongest of the first patterns as their class"
    strength = torch.rand(N, 8, generator=generator(0))
    x = strength @ torch.rand(8, SIDE**2, generator=generator(1)) + .3*torch.rand(N, SIDE**2, generator=generator(2))
    return (x/x.max()).view(N, 1, SIDE, SIDE), strength[:, :CLASSES].argmax(1)


IMAGES, LABELS = made_images()
IDS = torch.randint(12, (N, 6), generator=generator(3))
HALF = IMAGES.flatten(1).split(SIDE**2//2, 1)


class Skips(nn.Module):
    "A residual network of dense layers, read by hooks; a buffer and a batch norm go with it"
    def __init__(self):
        super().__init__()
        self.stem, self.layers = nn.Linear(SIDE**2, 12), nn.ModuleList(nn.Linear(12, 12) for _ in range(3))
        self.norm, self.head = nn.BatchNorm1d(12), nn.Linear(12, CLASSES)
        self.register_buffer("scale", torch.full((12,), 1.5))

    def forward(self, x:Tensor) -> Tensor:
        x = torch.tanh(self.stem(x.flatten(1))*self.scale)
        for layer in self.layers: x = x + torch.tanh(layer(x))
        return self.head(self.norm(x))


class Words(nn.Module):
    "A network of token ids"
    def __init__(self):
        super().__init__()
        self.words, self.mix, self.head = nn.Embedding(12, 6), nn.Linear(36, 16), nn.Linear(16, CLASSES)

    def forward(self, ids:Tensor) -> Tensor: return self.head(torch.tanh(self.mix(self.words(ids).flatten(1))))


class Two(nn.Module):
    "A network of two inputs"
    def __init__(self):
        super().__init__()
        self.left, self.right, self.deep = (nn.Linear(n, 12) for n in (SIDE**2//2, SIDE**2//2, 12))
        self.head = nn.Linear(12, CLASSES)

    def forward(self, a:Tensor, b:Tensor) -> Tensor:
        return self.head(torch.tanh(self.deep(torch.tanh(self.left(a) + self.right(b)))))


class Dropped(nn.Module):
    "A network that draws random numbers in training mode"
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(SIDE**2, 12), nn.Linear(12, 12), nn.Linear(12, CLASSES)

    def forward(self, x:Tensor) -> Tensor:
        x = torch.tanh(self.first(F.dropout(x.flatten(1), .1, self.training)))
        return self.head(torch.tanh(self.second(F.dropout(x, .1, self.training))))


class Eights(nn.Module):
    "A network that takes batches of eight inputs"
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(SIDE**2, 12), nn.Linear(12, 12), nn.Linear(12, CLASSES)

    def forward(self, x:Tensor) -> Tensor:
        x = torch.tanh(self.first(x.view(8, SIDE**2)))
        return self.head(torch.tanh(self.second(x).view(8, 12)))


def mlp(**kw) -> nn.Module: return c.mlp(**{**dict(depth=4, width=16, n_in=SIDE**2, n_out=CLASSES), **kw})
def cnn(**kw) -> nn.Module: return c.cnn(**{**dict(depth=5, channels=4, n_out=CLASSES, size=SIDE), **kw})
def resnet() -> nn.Module: return c.resnet(blocks=2, channels=4, n_out=CLASSES, size=SIDE)
def upsampling() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.Tanh(), nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 3, padding=1),
                         nn.Tanh(), nn.Flatten(), nn.Linear(4*SIDE**2, CLASSES))
def folded() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 16), nn.Tanh(), nn.Unflatten(1, (4, 2, 2)), nn.Conv2d(4, 4, 3, 1, 1),
                         nn.Tanh(), nn.Flatten(), nn.Linear(16, CLASSES))
def transformer() -> nn.Module:
    return c.transformer(depth=2, width=12, heads=2, tokens=16, n_out=CLASSES, size=SIDE, causal=True)


NETS = {"mlp": mlp, "relu": lambda: mlp(act=nn.ReLU), "float64": lambda: mlp().double(), "cnn": cnn, "resnet": resnet,
        "upsampling": upsampling, "transformer": transformer, "hooks": Skips, "tokens": Words, "two inputs": Two,
        "batches of 8": Eights}
READ = [(k, "ridge") for k in NETS] + [(k, "adam") for k in ("mlp", "relu", "cnn", "resnet", "transformer", "hooks", "tokens")]
KEPT = [o for o in READ if o[0] != "float64"] # what can be saved, wherever it is
OF_IMAGES = [("mlp", "ridge"), ("cnn", "ridge"), ("cnn", "adam"), ("softmax", "ridge")]
PLACES = "images on the device", "images on the CPU"
SOME_ROWS, MORE_ROWS, ALL = slice(256, 272), slice(256, 384), slice(0, N)
SHORT = Recipe(lrs=(1e-2,), steps=6, every=3, enough=1., early_abort=0.)


def net(kind:str, at:torch.device) -> nn.Module:
    "A network whose own random draws are the same in every call"
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return (nn.Sequential(*mlp(), nn.Softmax(1)) if kind == "softmax" else NETS[kind]()).to(at)


def inputs(kind:str, at:torch.device, rows:slice=slice(0, 256)) -> Tensor|tuple:
    "What a kind of network takes"
    if kind == "two inputs": return tuple(t[rows].to(at) for t in HALF)
    if kind == "tokens": return IDS[rows].to(at)
    return IMAGES[rows].to(at, torch.float64 if kind == "float64" else torch.float32)


def data(at:torch.device, n:int=N) -> Data:
    "Images with labels; the last half is to measure on"
    x, y = IMAGES[:n].to(at), LABELS[:n].to(at)
    return Data("made", x[:n//2], y[:n//2], x[n//2:], y[n//2:], tuple("abcd"))


def pairs(at:torch.device) -> tuple: return IMAGES.to(at), LABELS.to(at)


@functools.cache
def fitted(kind:str, solver:str, at:torch.device) -> Cascade:
    "A cascade with its decoders; the inputs are given on the CPU, from where the package moves them"
    return Cascade(net(kind, at), solver, train=kind == "hooks").fit(inputs(kind, CPU), progress=False)


# -------------------------------------------------------------------------------------------------------- what is asked

CHECKS = {} # name of a public function → (case, function of a device) of each check


def tried(name:str, check:Callable, *cases):
    "Add a check of a public function: a function of a device, and of a case where there are any; what it gives is compared"
    each = [(" ".join(o) if isinstance(o, tuple) else o, functools.partial(check, case=o)) for o in cases]
    CHECKS.setdefault(name, []).extend(each or [("", check)])


def refusals(at:torch.device) -> list:
    "Which of these mixtures of devices a device lets pass"
    x, y, i = IMAGES[:4, 0].to(at), IMAGES[:4, 0], torch.tensor([0, 2])
    mixed = {"x + y": lambda: x + y, "y + x": lambda: y + x, "x @ y": lambda: x @ y, "cat": lambda: torch.cat([x, y]),
             "where": lambda: torch.where(y > 0, x, x), "equal": lambda: torch.equal(x, y), "numpy": x.numpy,
             "asarray": lambda: np.asarray(x), "generator": lambda: torch.rand(2, device=at, generator=generator(0)),
             "y[x]": lambda: y[i.to(at)], "y += x": lambda: y.clone().add_(x), "select": lambda: x.index_select(0, i),
             "stack of numbers": lambda: torch.stack([x.sum(), y.sum()])}
    allowed = {"x[i]": lambda: x[i], "x*2": lambda: torch.tensor(2.)*x, "copy_": lambda: x.clone().copy_(y),
               "item": lambda: x.sum().item(), "tensor": lambda: torch.tensor([1.], device=at) + x}
    return [k for k, f in mixed.items() if at == CPU or not fails(f)] + [k for k, f in allowed.items() if not fails(f)]


def fails(f:Callable) -> bool:
    "Whether it raises what torch raises where devices are mixed"
    try: f()
    except (RuntimeError, TypeError): return True
    return False


def refused(at:torch.device) -> bool:
    "Whether the device is strict enough, and no stricter than CUDA; nothing to ask on the CPU"
    passed = refusals(at)
    assert at == CPU or passed == ["x[i]", "x*2", "copy_", "item", "tensor"], f"the device lets pass: {', '.join(passed)}"
    return True


tried("the pretended device itself", refused)


def stepped(made:nn.Module, at:torch.device) -> tuple:
    "Outputs and gradients of a network"
    out = made.to(at)(IMAGES[:8].to(at))
    F.cross_entropy(out, LABELS[:8].to(at)).backward()
    return out.detach(), [p.grad for p in made.parameters()]


tried("mlp", lambda at: stepped(mlp(), at))
tried("cnn", lambda at: stepped(cnn(), at))
tried("resnet", lambda at: stepped(resnet(), at))
tried("transformer", lambda at: stepped(transformer(), at))


def drawn(init:Callable, at:torch.device, case:str) -> list:
    "Weights that are drawn where a network is"
    made = nn.MultiheadAttention(8, 2).to(at) if case == "attention" else net(case, at)
    return [p.detach() for p in init(made, 1.5, .1, seed=3).parameters()]


tried("init_normal_", lambda at, case: drawn(c.init_normal_, at, case), "cnn", "hooks", "attention")
tried("init_orthogonal_", lambda at, case: drawn(c.init_orthogonal_, at, case), "cnn", "hooks", "attention")
tried("init_delta_orthogonal_", lambda at, case: drawn(c.init_delta_orthogonal_, at, case), "cnn", "hooks")
tried("softmax_then_cross_entropy", lambda at: c.softmax_then_cross_entropy(IMAGES[:8, 0, 0].to(at), LABELS[:8].to(at)))
tried("Data", lambda at: [t for t in vars(data(at, 20).labelled()).values() if isinstance(t, Tensor)])


def traced(at:torch.device, case:str) -> tuple:
    "The table of layers"
    trace = c.trace_layers(net(case, at), inputs(case, at, slice(0, 8)))
    return repr(trace), trace.shapes


tried("trace_layers", traced, *NETS)


def fit(at:torch.device, case:tuple) -> tuple:
    "What a fitted cascade holds"
    casc = fitted(*case, at)
    assert next(casc.net.parameters()).device == at and torch.is_grad_enabled(), "the network is not as it was"
    return casc.names, casc.mean, len(matrices(casc, at))


def matrices(casc:Cascade, at:torch.device) -> list:
    "The weights of its decoders; their signs and ranks depend on rounding, so they are not compared"
    found = [t for d in casc.decoders for t in d.tensors().values() if t.is_floating_point()]
    assert all(t.device == at for t in found), "decoders are elsewhere"
    return found


def fit_otherwise(at:torch.device, case:str) -> tuple:
    "What comes back through decoders that are fitted in other ways"
    x, how = inputs("cnn", at if case == "on the device" else CPU), dict(relative=case == "relative")
    if case == "from a loader": x = DataLoader(TensorDataset(x), 64)
    casc = Cascade(net("cnn", at), train=case == "in training mode", **how).fit(x, progress=False)
    return casc.floor, casc.reconstruct(IMAGES[SOME_ROWS])


def fit_named(at:torch.device, case:str) -> tuple:
    "What comes back through layers of which one only has another shape"
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        casc = Cascade(folded().to(at), "adam", layers=["2", "3", "5"]).fit(IMAGES[:256], progress=False)
    assert type(casc.decoders[1]).__name__ == "Reshape", "no layer is only another shape"
    return len(matrices(casc, at)), casc.reconstruct(IMAGES[SOME_ROWS])


def profile_at_once(at:torch.device, case:tuple, **how) -> xr.Dataset:
    "A profile of which no decoder is kept; inputs are given on the CPU"
    return Cascade(net(case[0], at), case[1]).fit_profile(inputs(case[0], CPU), inputs(case[0], CPU, MORE_ROWS), **how)


def explained_by_layer(at:torch.device, case:str) -> np.ndarray:
    "Explained variance from random projections"
    return Cascade(net(case, at)).fit_explained(inputs(case, CPU), inputs(case, CPU, MORE_ROWS), progress=False)


def by_epochs(at:torch.device) -> tuple:
    "The paper's decoders, many layers at once"
    casc = Cascade(net("mlp", at), "adam").fit_epochs(inputs("mlp", CPU))
    return casc.reconstruct(IMAGES[SOME_ROWS])


tried("Cascade.fit_epochs", by_epochs)
tried("Cascade.fit", fit, *READ)
tried("Cascade.fit", fit_otherwise, "from a loader", "on the device", "relative", "in training mode")
tried("Cascade.fit", fit_named, "layers by name")
tried("Cascade.prepare", lambda at, case: Cascade(net(case, at)).prepare(inputs(case, at)).shapes, "mlp", "hooks")
tried("Cascade.given", lambda at, case: tensors_in(fitted(case, "ridge", at).given(inputs(case, CPU))), "mlp", "hooks")
tried("Cascade.reconstruct", lambda at, case: fitted(*case, at).reconstruct(inputs(case[0], CPU, SOME_ROWS)), *READ)
tried("Cascade.profile", lambda at, case: fitted(*case, at).profile(inputs(case[0], at, MORE_ROWS)), *READ)
tried("Cascade.fit_profile", profile_at_once, *READ)
tried("Cascade.fit_profile, adaptive", functools.partial(profile_at_once, adaptive=True), *READ[:3], ("hooks", "ridge"))
if hasattr(Cascade, "fit_explained"): tried("Cascade.fit_explained", explained_by_layer, *NETS)


def tensors_in(given:Tensor|Inputs) -> list:
    "Inputs as a reader takes them"
    return [given] if isinstance(given, Tensor) else [t for _, t in given.tensors()]


def kept(casc:Cascade, kind:str, at:torch.device) -> tuple:
    "What comes back through decoders that were written to a file, and read where a network is"
    some = [inputs(kind, at, slice(0, 8))] if kind in ("tokens", "two inputs", "batches of 8") else []
    with tempfile.TemporaryDirectory() as tmp:
        casc.save(Path(tmp)/"cascade")
        again = Cascade.load(Path(tmp)/"cascade", net(kind, at), *some)
    matrices(again, at)
    return again.mean, again.reconstruct(inputs(kind, at, SOME_ROWS))


tried("Cascade.save", lambda at, case: kept(fitted(*case, at), case[0], at), *KEPT)
# a file from another device
tried("Cascade.load", lambda at, case: kept(fitted(*case, CPU), case[0], at), *[o for o in KEPT if o[1] == "ridge"])


def numbers_kept(run:Callable, at:torch.device):
    "Raise unless the random numbers of the device are as they were before, wherever the network is"
    BACKEND.manual_seed_all(5)
    run(Dropped().to(at))
    if not BACKEND.state.equal(generator(5).get_state()):
        raise AssertionError(f"a network on {at} leaves other random numbers of {THERE} behind")


tried("Cascade.fit, random numbers", lambda at: numbers_kept(lambda o: Cascade(o, train=True).fit(IMAGES[:64]), at))
tried("diagnose, random numbers", lambda at: numbers_kept(lambda o: diagnosed(o, pairs(at)), at))

tried("Cascade.read_tokens", lambda at, case: fitted("tokens", case, at).read_tokens(IDS[SOME_ROWS]), "ridge", "adam")
tried("Cascade.activation", lambda at, case: fitted(*case, at).activation(IMAGES[SOME_ROWS], 2), *OF_IMAGES)
tried("Cascade.decode", lambda at, case: fitted(*case, at).decode(fitted(*case, at).activation(IMAGES[:8], 2), 2), *OF_IMAGES)
tried("Cascade.outputs", lambda at, case: fitted(*case, at).outputs(IMAGES[SOME_ROWS]), *OF_IMAGES)


def there_and_back(at:torch.device) -> tuple:
    "Images, what might have come back of them, and their mean"
    return IMAGES[:16].to(at), (.8*IMAGES[:16] + .1).to(at), IMAGES.mean(0).to(at)


tried("relative_entropy", lambda at: c.relative_entropy(*there_and_back(at)[:2]))
tried("differential_entropy", lambda at: c.differential_entropy(there_and_back(at)[1]))
tried("explained_variance", lambda at: [c.explained_variance(*there_and_back(at)[:k]) for k in (2, 3)])


def layers_of(at:torch.device) -> list:
    "Activations of two layers, in two batches"
    prev = IMAGES[:128].flatten(1).to(at)
    return list(zip(prev.split(64), torch.tanh(prev[:, :20] - .5).split(64)))


tried("decoders.ridge_decoder", lambda at: ridge_decoder(layers_of(at))(layers_of(at)[0][1]))
tried("decoders.adam_decoder", lambda at: adam_decoder(layers_of(at))(layers_of(at)[0][1]))


def placed(case:str|tuple, at:torch.device) -> torch.device:
    "Where a case has its images"
    return CPU if case == "images on the CPU" else at


def swept(at:torch.device, case:str) -> xr.Dataset:
    "A sweep whose builder puts networks on a device"
    def made(var_w:float, seed:int) -> nn.Module:
        "One of them"
        return (cnn if case == "convolutions" else mlp)(var_w=var_w, seed=seed).to(at)
    how = dict(adaptive=case == "adaptive", solver="adam" if case == "adam" else "ridge")
    return c.sweep(made, {"var_w": [1., 2.], "seed": [0]}, data(placed(case, at)), executor="serial", progress=False, **how)


def trained(at:torch.device, case:str) -> xr.Dataset:
    "Networks of a grid in training"
    def made(var_w:float) -> nn.Module:
        "One of them"
        return mlp(var_w=var_w, depth=2).to(at)
    found = c.measure_trainability(made, {"var_w": [1., 2.]}, data(placed(case, at)), SHORT, progress=False)
    return found.drop_vars("seconds")


def curve(at:torch.device, case:str) -> np.ndarray:
    "The loss of a network in training"
    x, y, loss = inputs(case, at, ALL), LABELS.to(at), F.cross_entropy
    return learning_curve(net(case, at), (x[:256], y[:256]), (x[256:], y[256:]), loss, 1e-2, SHORT)


tried("sweep", swept, *PLACES, "adaptive", "adam", "convolutions")
tried("measure_trainability", trained, *PLACES)
tried("training.learning_curve", curve, "mlp", "tokens")
tried("training.held_out_loss", lambda at: held_out_loss(net("hooks", at), IMAGES.to(at), LABELS.to(at), F.cross_entropy))


def told(verdict:Verdict) -> tuple:
    "What a verdict says, without the digits of its sentences"
    return verdict.measurements, verdict.probability, verdict.lost, verdict.cause, len(verdict.proven), len(verdict.refuted)


def diagnosed(made:nn.Module|Callable, given:object, **how) -> tuple:
    "What a verdict on few inputs says"
    return told(c.diagnose(made, given, **{**dict(repeats=1, n_train=64), **how}))


def dead(seed:int) -> nn.Module:
    "A network whose biases silence most units"
    made = mlp(act=nn.ReLU, seed=seed)
    for m in made:
        if isinstance(m, nn.Linear): nn.init.uniform_(m.bias.data, -8, 1, generator=generator(seed))
    return made


def equal(seed:int) -> nn.Module:
    "A network in which all units of a layer are the same, since its weights are zero"
    made = mlp(seed=seed)
    for m in list(made)[1::2]: nn.init.zeros_(m.weight.data)
    return made


def weak(seed:int) -> nn.Module:
    "A network whose signal shrinks"
    return mlp(var_w=.1, depth=5, seed=seed)


HOPELESS = {"signal shrinks": weak, "units dead": dead, "units equal": equal} # networks on which changes are tried
GIVEN = {"no targets": (IMAGES, None), "numbers as targets": (IMAGES, IMAGES[:, 0, 0, :CLASSES]),
         "from a loader": DataLoader(TensorDataset(IMAGES, LABELS), 64), "large inputs": (1000*IMAGES, LABELS)}

tried("diagnose", lambda at, case: diagnosed(net(case, at), (inputs(case, CPU, ALL), LABELS), prove=False), "float64",
      "cnn", "resnet", "transformer", "hooks", "tokens", "two inputs")
tried("diagnose", lambda at, case: diagnosed(HOPELESS[case](0).to(at), pairs(CPU)), *HOPELESS)
tried("diagnose", lambda at, case: diagnosed(net("mlp", at), GIVEN[case]), *GIVEN)
tried("diagnose", lambda at, case: diagnosed(lambda seed: mlp(seed=seed).to(at), pairs(at), repeats=2), "builder")
tried("diagnose", lambda at, case: diagnosed(net("mlp", at), pairs(at), recipe=case), "adamw")
tried("diagnose", lambda at, case: diagnosed(net("mlp", at), pairs(at), max_memory=.002), "little memory")
tried("verdict.measurements", lambda at, case: measurements(net(case, at), inputs(case, CPU, ALL), LABELS), "cnn", "tokens")
tried("verdict.cost_of", lambda at: cost_of(net("hooks", at), inputs_of(IMAGES.to(at), net("hooks", at)))[2:])
tried("verdict.relative_gradients", lambda at: relative_gradients(net("hooks", at), *pairs(at)))


def page(at:torch.device) -> bool:
    "Whether a verdict becomes a page with pictures"
    verdict = c.diagnose(net("mlp", at), pairs(at), repeats=1, n_train=64)
    with tempfile.TemporaryDirectory() as tmp:
        return "<h2>Inputs</h2>" in verdict.save(Path(tmp)/"verdict.html", IMAGES[:4].to(at)).read_text()


tried("Verdict.save", page)


def recommended(at:torch.device, case:str) -> xr.Dataset:
    "The odds of networks that a builder puts on a device"
    def made(var_w:float, var_b:float, seed:int) -> nn.Module:
        "One of them"
        return mlp(var_w=var_w, var_b=var_b, seed=seed, depth=3).to(at)
    x = IMAGES[:2*N_TEST].to(placed(case, at))
    return c.recommend_init(made, x, var_w=[1., 2.], var_b=[0.], rounds=0, progress=False).dataset


def asserted(at:torch.device, case:str) -> tuple:
    "The verdict of the gate, whether it opens or not"
    try: return told(c.assert_trainable((mlp if case == "mlp" else weak)(seed=0).to(at), pairs(at), repeats=1, n_train=64))
    except AssertionError as e: return told(e.verdict)


def compared(at:torch.device, case:str) -> tuple:
    "Where two networks differ"
    a, b = mlp().to(at), mlp(var_w=1.76 if case == "the same" else 4.).to(at)
    if case == "builders": a, b = (lambda seed, w=w: mlp(var_w=w, seed=seed).to(at) for w in (1., 2.))
    found = c.compare(a, b, pairs(placed(case, at)), draws=2, n_train=64)
    return found.first, found.dataset


def over_sizes(at:torch.device) -> xr.Dataset:
    "What is measured over widths and depths"
    return c.coordinate_check(lambda width, depth, seed: mlp(width=width, depth=depth, seed=seed).to(at), pairs(CPU),
                              widths=(8, 16), depths=(2, 3), seeds=1, n_train=64).dataset


def precision(at:torch.device, case:str) -> tuple:
    "What number formats break; how much they do depends on rounding"
    (x, y), forms = pairs(placed(case, at)), ("float32", "bfloat16", "float16")
    found = c.precision_check(net(case if case in NETS else "mlp", at), (x, None if case == "no targets" else y), forms, 32)
    return found.dataset.overflow.values, [found.named(form) for form in forms]


def before_training(at:torch.device, case:str) -> tuple:
    "The verdict before a loop whose loader gives CPU tensors"
    made = net("mlp", at)
    opt = torch.optim.SGD(made.parameters(), 1e-2, momentum=.9) if case == "sgd" else torch.optim.AdamW(made.parameters(), 1e-3)
    return told(c.check_training(made, GIVEN["from a loader"], opt, 2000, n_train=64))


tried("recommend_init", recommended, *PLACES)
tried("assert_trainable", asserted, "mlp", "signal shrinks")
tried("compare", compared, "the same", "other weights", "builders", "images on the CPU")
tried("coordinate_check", over_sizes)
tried("precision_check", precision, "mlp", "transformer", "no targets", "images on the CPU")
tried("check_training", before_training, "sgd", "adamw")
tried("learning_rates", lambda at: c.learning_rates(net("mlp", at), pairs(CPU), "sgd", (1e-3, 1e-2), n_train=64).losses.values)


def explained(case:tuple|str, at:torch.device, rows:slice=SOME_ROWS) -> tuple:
    "A fitted cascade, images and their classes"
    x, y = pairs(placed(case, at))
    return fitted(*(case if case in OF_IMAGES else OF_IMAGES[1]), at), x[rows], y[rows]


def channels_of(at:torch.device, case:tuple|str) -> xr.Dataset:
    "Pictures of channels"
    casc, x, _ = explained(case, at)
    return c.channel_images(casc, 2, [0, [1, 2]], x)


def ranked(at:torch.device, case:str) -> np.ndarray:
    "How much channels matter, in the order of the layer"
    casc, x, _ = explained(case, at)
    return rank_channels(casc, 2, x, "effect" if case == "effect" else "energy").sortby("channel").values


tried("layer_strip", lambda at, case: c.layer_strip(*explained(case, at)[:2], every=2), *OF_IMAGES, "images on the CPU")
tried("class_ideals", lambda at, case: c.class_ideals(*explained(case, at, MORE_ROWS)), *OF_IMAGES, "images on the CPU")
tried("channel_images", channels_of, *OF_IMAGES, "images on the CPU")
tried("what_changed", lambda at, case: c.what_changed(*explained(case, at)[:2]), *OF_IMAGES, "images on the CPU")
tried("explain.rank_channels", ranked, "energy", "effect", "images on the CPU")


def shown(axes:list) -> list:
    "The numbers of the pictures on some axes"
    return [ax.images[0].get_array().data for ax in axes]


tried("explain.picture", lambda at: shown([picture(IMAGES[0].to(at), Figure().subplots())]))
tried("image_rows", lambda at: shown(c.image_rows({"images": IMAGES[:3].to(at)}).axes))
tried("graph.fingerprint", lambda at, case: fingerprint(net(case, at), inputs(case, at)), "mlp", "tokens")

NOT_TRIED = {
    "gives CPU tensors, takes none": ("load_dataset",),
    "numbers, no tensors": ("q_star", "chi_1", "xi_q", "xi_c", "critical_line", "phase"),
    "datasets of numbers": ("cutoff", "open_sweep", "save_sweep", "verdicts", "best_start", "phase_diagram", "profile_plot"),
    "pictures, no tensors": ("Player",),
    "builds its networks on the CPU, in a process of its own": ("Explorer",),
    "settings, used above": ("Recipe", "SGD", "ADAMW", "PAPER"),
    "calls check_training, and needs its library": ("report.trainer_callback", "report.lightning_callback"),
    "an error": ("BadInput",),
    "looks at names, or at what is there": ("Cascade.number", "Cascade.check_fitted")}

# ----------------------------------------------------------------------------------------------------- whether it agrees

CLOSE = 1e-3 # of the largest number of an array


def agree(there, here, what:str="result"):
    "Raise unless two results are the same, and the tensors of the first are on the pretended device"
    assert type(there) is type(here) or isinstance(there, Pretended), f"{what} is {there!r:.60} there, {here!r:.60} on the CPU"
    if isinstance(here, Tensor):
        assert there.device == THERE, f"{what} came back on {there.device}"
        assert there.dtype == here.dtype, f"{what} is {there.dtype} there, {here.dtype} on the CPU"
        close(there.detach().cpu().double().numpy(), here.detach().double().numpy(), what)
    elif isinstance(here, xr.Dataset):
        agree(*({str(k): v.values for k, v in o.variables.items()} for o in (there, here)), what)
    elif isinstance(here, (list, tuple)):
        assert len(there) == len(here), f"{what} has {len(there)} parts there, {len(here)} on the CPU"
        for i, (a, b) in enumerate(zip(there, here)): agree(a, b, f"{what}[{i}]")
    elif isinstance(here, dict):
        assert there.keys() == here.keys(), f"{what} has {', '.join(there)} there, {', '.join(here)} on the CPU"
        for k, v in here.items(): agree(there[k], v, f"{what}.{k}")
    elif isinstance(here, (float, np.ndarray)): close(np.asarray(there), np.asarray(here), what)
    else: assert there == here, f"{what} is {there!r:.60} there, {here!r:.60} on the CPU"


def close(a:np.ndarray, b:np.ndarray, what:str):
    "Raise unless two arrays are nearly the same"
    assert a.shape == b.shape, f"{what} has shape {a.shape} there, {b.shape} on the CPU"
    if b.dtype.kind not in "fc":
        assert (a == b).all(), f"{what} differs"
        return
    known = b[np.isfinite(b)]
    apart = CLOSE*max(abs(known).max(initial=0), 1e-30)
    assert np.allclose(a, b, rtol=0, atol=apart, equal_nan=True), \
        f"{what} differs by {np.nanmax(abs(a - b)):.1e}, of {abs(known).max(initial=0):.1e}"


def why(check:Callable) -> str:
    "What is wrong with one check, in a line; '' where nothing is"
    try: agree(check(THERE), check(CPU))
    except Exception as e: return f"{type(e).__name__}: {' '.join(str(e).split())}"[:240]
    return ""


def asked(name:str) -> bool:
    "All checks of a function, and its line"
    start = time.perf_counter()
    faults = {case: fault for case, check in CHECKS[name] if (fault := why(check))}
    cases = ", ".join(filter(None, faults or [k for k, _ in CHECKS[name]]))
    if not faults and len(cases) > 80: cases = f"{len(CHECKS[name])} cases"
    text = f"{cases}: {next(iter(faults.values()))}".removeprefix(": ") if faults else cases
    print(f"{'FAILED' if faults else 'ok':6}  {name:30}  {time.perf_counter() - start:4.1f} s  {text}", flush=True)
    return not faults


def nowhere() -> list:
    "Public names, and methods of a cascade, that are neither tried nor known not to need it"
    known = {part for k in CHECKS for part in (k.split(",")[0], k.split(".")[0])} | {k for v in NOT_TRIED.values() for k in v}
    return [k for k in (*c.__all__, *(f"Cascade.{k}" for k in vars(Cascade) if k[0] != "_")) if k not in known]


def main() -> bool:
    "Ask all, and print what is not asked"
    only, start = PARSER.parse_args().only, time.perf_counter()
    torch.set_num_threads(1) # the CPU then works in as many batches at once as a device
    with use_bytes(False): passed = [asked(name) for name in CHECKS if not only or name in only]
    for reason, names in NOT_TRIED.items(): print(f"not tried, {reason}: {', '.join(names)}")
    lost = [] if only else nowhere()
    if lost: print(f"FAILED  nobody says whether {', '.join(lost)} must be tried: add to CHECKS or NOT_TRIED")
    failed = passed.count(False) + len(lost)
    print(f"{time.perf_counter() - start:.0f} s\n{passed.count(True)} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__": sys.exit(main())
