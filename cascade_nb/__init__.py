__version__ = "0.1.0"

from .guard import BadInput
from .data import Data, load_dataset
from .nets import cnn, init_delta_orthogonal_, init_normal_, init_orthogonal_, mlp, resnet, softmax_then_cross_entropy
from .meanfield import chi_1, c_star, critical_line, mean_field, phase, q_star, trainable_depth, xi_c, xi_q
from .layers import trace_layers
from .patches import register_decoder
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
    "trace_layers", "register_decoder", "Cascade", "relative_entropy", "differential_entropy", "explained_variance", "cutoff",
    # over a grid of initialisations
    "sweep", "open_sweep", "save_sweep", "verdicts", "best_start", "Interrupted",
    # the verdict on one network, the truth, and where to start
    "diagnose", "recommend_init", "measure_trainability", "Recipe", "SGD", "ADAMW", "PAPER",
    # what each layer does to an image
    "layer_strip", "class_ideals", "channel_images", "what_changed",
    # pictures
    "phase_diagram", "profile_plot", "image_rows", "Player", "Explorer",
]
