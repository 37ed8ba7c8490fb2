__version__ = "0.1.0"

from importlib import import_module as _import_module
from sys import modules as _modules
from types import ModuleType as _ModuleType
from warnings import warn as _warn

from .guard import BadInput
from .data import Data, load_dataset
from .nets import cnn, init_delta_orthogonal_, init_normal_, init_orthogonal_, mlp, resnet, softmax_then_cross_entropy
from .meanfield import chi_1, c_star, critical_line, mean_field, phase, q_star, trainable_depth, xi_c, xi_q
from .layers import trace_layers
from .patches import register_decoder # of 0.1.0; warns
from .entropy import cutoff, differential_entropy, explained_variance, relative_entropy
from .cascade import Cascade
from .sweep import Interrupted, best_start, open_sweep, save_sweep, sweep, verdicts
from .plot import image_rows, phase_diagram, profile_plot
from .training import ADAMW, PAPER, SGD, Recipe, measure_trainability
from .verdict import diagnose, recommend_init
from .explain import channel_images, class_ideals, layer_strip, what_changed
from .widgets import Explorer, Player

__all__ = [
    # images in
    "load_dataset", "Data", "BadInput",
    # networks, and where they start
    "mlp", "cnn", "resnet", "init_normal_", "init_orthogonal_", "init_delta_orthogonal_", "softmax_then_cross_entropy",
    # what theory expects of them
    "q_star", "c_star", "chi_1", "xi_q", "xi_c", "critical_line", "phase", "trainable_depth", "mean_field",
    # what they keep of an image
    "trace_layers", "Cascade", "relative_entropy", "differential_entropy", "explained_variance", "cutoff",
    # over a grid of initialisations
    "sweep", "open_sweep", "save_sweep", "verdicts", "best_start", "Interrupted",
    # the verdict on one network, the truth, and where to start
    "diagnose", "recommend_init", "measure_trainability", "Recipe", "SGD", "ADAMW", "PAPER",
    # what each layer does to an image
    "layer_strip", "class_ideals", "channel_images", "what_changed",
    # pictures
    "phase_diagram", "profile_plot", "image_rows", "Player", "Explorer",
]


# names of 0.1.0: where they are now. Forwarded with a warning for one version.
_MOVED = {
    "trainability": {"SANE": "training.SGD", "Diagnosis": "verdict.Verdict",
                     "*": ("training", "verdict", "sweep")},
    "maps": {"Ridge": "patches.PatchRidge", "Adam": "patches.PatchAdam", "*": ("patches", "decoders")},
}


class _Moved(_ModuleType):
    """A module of 0.1.0 that is no more; its names lead to where they are now"""
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        old, moved = self.__name__.rpartition(".")[2], _MOVED[self.__name__.rpartition(".")[2]]
        modules = [_import_module(f"{__name__}.{m}") for m in moved["*"]]
        now = moved.get(name) or next((f"{m.__name__.rpartition('.')[2]}.{name}" for m in modules if hasattr(m, name)), None)
        if now is None: raise AttributeError(f"{self.__name__} has moved to {', '.join(moved['*'])}, and has no {name!r}")
        _warn(f"{__name__}.{old}.{name} is now {__name__}.{now}: the old name goes with the next version", DeprecationWarning, stacklevel=2)
        module, name = now.split(".")
        return getattr(_import_module(f"{__name__}.{module}"), name)


for _name in _MOVED: _modules[f"{__name__}.{_name}"] = globals()[_name] = _Moved(f"{__name__}.{_name}")
