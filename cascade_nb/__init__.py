__version__ = "0.1.0"

from importlib import import_module as _import_module
from sys import modules as _modules
from types import ModuleType as _ModuleType
from warnings import warn as _warn

# before what takes long to import
from .engine.interrupts import leave_quietly as _leave_quietly

_leave_quietly()

# what stands in no list below is for those who ask for it by name
from .guard import BadInput
from .data import Data, load_dataset
from .nets import (cnn, init_delta_orthogonal_, init_normal_, init_orthogonal_, mlp, resnet, softmax_then_cross_entropy,
                   transformer)
from .meanfield import chi_1, c_star, critical_line, mean_field, phase, q_star, trainable_depth, xi_c, xi_q
from .layers import trace_layers
from .patches import register_decoder # of 0.1.0; warns
from .entropy import cutoff, differential_entropy, explained_variance, relative_entropy
from .cascade import Cascade
from .sweep import Interrupted, best_start, open_sweep, save_sweep, sweep, verdicts
from .plot import image_rows, phase_diagram, profile_plot
from .training import ADAMW, PAPER, SGD, Recipe, measure_trainability
from .verdict import diagnose, recommend_init
from .checks import assert_trainable, compare, coordinate_check, learning_rates, precision_check
from .report import check_training
from .explain import channel_images, class_ideals, layer_strip, what_changed
from .widgets import Explorer, Player

__all__ = [
    # images in
    "load_dataset", "Data", "BadInput",
    # networks, and where they start
    "mlp", "cnn", "resnet", "transformer", "init_normal_", "init_orthogonal_", "init_delta_orthogonal_",
    # what theory expects of them
    "q_star", "chi_1", "xi_q", "xi_c", "critical_line", "phase",
    # what they keep of an image
    "trace_layers", "Cascade", "relative_entropy", "differential_entropy", "explained_variance", "cutoff",
    # over a grid of initialisations
    "sweep", "open_sweep", "save_sweep", "verdicts", "best_start",
    # the verdict on one network, the truth, and where to start
    "diagnose", "recommend_init", "measure_trainability", "Recipe", "SGD", "ADAMW", "PAPER",
    # before a run is paid for
    "assert_trainable", "compare", "coordinate_check", "precision_check", "learning_rates",
    "check_training",
    # what each layer does to an image
    "layer_strip", "class_ideals", "channel_images", "what_changed",
    # pictures
    "phase_diagram", "profile_plot", "image_rows", "Player", "Explorer",
]


# names of 0.1.0: where they are now. Forwarded with a warning for one version.
def _all_in(room, names):
    """{old: room.new} of names written as `old` or `old>new`"""
    pairs = (o.split(">") if ">" in o else (o, o) for o in names.split())
    return {old: f"{room}.{new}" for old, new in pairs}


_MOVED = {
    "trainability": {"SANE": "training.SGD", "Diagnosis": "verdict.Verdict",
                     **_all_in("verdict", "evidence>measurements SOUND>REFERENCE_SCALE "
                                          "telling_gradients>discriminative_gradients")},
    "widgets": {"Place": "widgets.GridPoint", **_all_in("widgets", "look>snapshot save_atlas>save_snapshots "
                                                                 "load_atlas>load_snapshots")},
    "maps": {"Ridge": "patches.PatchRidge", "Adam": "patches.PatchAdam", "Flattened": "patches.ReshapeLearner",
             **_all_in("patches", "Map>ChannelsFirst Flat>Vector Everywhere>GlobalMean ROWS>ENOUGH CHUNK>CHUNK_BYTES")},
    "data": {"NAMES": "data.DATASETS"},
    "layers": {"stages": "layers.tower_segments", "Stage": "layers.Segment", "frozen": "guard.frozen",
               **_all_in("graph", "on_path cuts>dominators"),
               **_all_in("engine.products", "byte_step halves>to_two_bytes InBytes>ByteWeight in_bytes>byte_weight "
                                            "byte_product")},
    "decoders": {**_all_in("engine.products", "product>matrix_product squared>byte_gram"),
                 **_all_in("engine.moments", "step_size rounded resolving>resolving_dtype Moments Centred>Quantised "
                                             "centred>quantised moments>pair_moments"),
                 **_all_in("engine.chains", "TRIM ThinDecoder>LowRank carriers>range_basis trimmed>truncated "
                                          "chained>extended"),
                 "solve": "engine.solves.ridge_solve"},
    "plot": {},
    "cascade": _all_in("engine.parallel", "Here>Inline lanes>worker_count"),
    "sweep": {"NAMES": "store.NAMES", **_all_in("engine.pools", "pickled submitting outcome")},
}
# modules that are no more
_SEARCHED = {"trainability": ("training", "verdict", "sweep"), "maps": ("patches", "decoders")}


def _forward(old, name):
    """What a name of 0.1.0 leads to now, with a warning; else an AttributeError that says what to do"""
    rooms = [room for room in _SEARCHED.get(old, ()) if hasattr(_import_module(f"{__name__}.{room}"), name)]
    now = _MOVED[old].get(name) or next((f"{room}.{name}" for room in rooms), None)
    if name.startswith("__") or now is None:
        raise AttributeError(f"module {__name__}.{old} has no {name!r}; "
                             "if 0.1.0 had, it was a part of its inside that is gone, or CHANGELOG.md says where it is")
    text = f"{__name__}.{old}.{name} is now {__name__}.{now}: the old name goes with the next version"
    _warn(text, DeprecationWarning, stacklevel=3)
    room, _, name = now.rpartition(".")
    return getattr(_import_module(f"{__name__}.{room}"), name)


for _old in _MOVED:
    if _old in _SEARCHED:
        _gone = _ModuleType(f"{__name__}.{_old}", "A module of 0.1.0 that is no more")
        globals()[_old] = _modules[f"{__name__}.{_old}"] = _gone
    _modules[f"{__name__}.{_old}"].__getattr__ = lambda name, _old=_old: _forward(_old, name)
