"""The callbacks of `cascade_nb.report` in the real trainers of transformers, Lightning and fastai: a run with the callback
computes the same numbers as a run without it, bit by bit. Needs `pip install -e .[trainers]`, or `.[fastai]`, best in
environments of their own. `trainers.py [transformers] [lightning] [fastai]`; by default those that are installed.
Prints a line for each trainer; exit code 1 where anything differs, or none is installed."""
import contextlib, io, sys, tempfile, warnings
from importlib.util import find_spec
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from cascade_nb import load_dataset, mlp
from cascade_nb.report import fastai_callback, lightning_callback, trainer_callback

STEPS = 12
d = load_dataset("mnist_sample", n_test=500)

class Images(Dataset):
    "Digits as transformers wants them"
    def __len__(self): return 2000
    def __getitem__(self, i): return {"pixel_values": d.x_train[i], "labels": d.y_train[i]}

def by_transformers(ask):
    "Losses, and tensors that must be the same, of one run"
    from transformers import Trainer, TrainerCallback, TrainingArguments, ViTConfig, ViTForImageClassification
    class Before(TrainerCallback):
        "What is there at the first step: weights, random numbers, optimiser"
        def on_step_begin(self, args, state, control, model=None, optimizer=None, **more):
            if state.global_step: return
            weights = [p.detach().clone() for p in model.parameters()]
            self.seen = [*weights, torch.get_rng_state()], str(optimizer.state_dict()["param_groups"])

    torch.manual_seed(0)
    net = ViTForImageClassification(ViTConfig(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64,
                                              image_size=28, patch_size=7, num_channels=1, num_labels=10))
    before, callback = Before(), [trainer_callback(n_train=512)]*ask
    with tempfile.TemporaryDirectory() as tmp:
        args = TrainingArguments(tmp, max_steps=STEPS, per_device_train_batch_size=64, learning_rate=1e-3, weight_decay=.01,
                                 warmup_steps=4, logging_steps=1, report_to=[], save_strategy="no", disable_tqdm=True,
                                 use_cpu=True, seed=0)
        trainer = Trainer(net, args, train_dataset=Images(), callbacks=[*callback, before])
        trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    tensors, groups = before.seen
    return (losses, groups), [*tensors, *net.state_dict().values()], callback

def by_lightning(ask):
    "Losses, and tensors that must be the same, of one run"
    import lightning
    class Module(lightning.LightningModule):
        "A tanh network"
        def __init__(self):
            super().__init__()
            self.net, self.losses = mlp(8, 40), []

        def forward(self, x): return self.net(x)

        def training_step(self, batch, i):
            loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self): return torch.optim.AdamW(self.parameters(), 1e-3)

    lightning.seed_everything(0, verbose=False)
    module, callback = Module(), [lightning_callback(n_train=512)]*ask
    trainer = lightning.Trainer(max_steps=STEPS, accelerator="cpu", logger=False, enable_checkpointing=False,
                                enable_progress_bar=False, enable_model_summary=False, callbacks=callback)
    trainer.fit(module, DataLoader(TensorDataset(d.x_train, d.y_train), 64, shuffle=True))
    return module.losses, [*module.state_dict().values(), torch.get_rng_state()], callback

def by_fastai(ask):
    "Losses, and tensors that must be the same, of one run"
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.torch_core import set_seed
    import fastai.callback.schedule # gives a learner its `fit_one_cycle`
    class Losses(Callback):
        "The loss of each step, and where the rate stands"
        def before_fit(self): self.seen = []
        def after_batch(self):
            if self.training: self.seen.append((self.loss.item(), self.opt.hypers[-1]["lr"]))

    set_seed(0, reproducible=True)
    train, valid = (TensorDataset(x, y) for x, y in ((d.x_train[:STEPS*64], d.y_train[:STEPS*64]), (d.x_test, d.y_test)))
    learner = Learner(DataLoaders.from_dsets(train, valid, bs=64, device="cpu"), mlp(8, 40), nn.CrossEntropyLoss(), lr=1e-3)
    callback, losses = [fastai_callback(n_train=256)]*ask, Losses()
    with learner.no_bar(), learner.no_logging(): learner.fit_one_cycle(1, 1e-3, cbs=[*callback, losses])
    return losses.seen, [*learner.model.state_dict().values(), torch.get_rng_state()], callback

def same(name, run):
    "Whether a run with the callback is a run without it"
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (losses, tensors, _), (asked_losses, asked_tensors, callback) = run(False), run(True)
    equal = losses == asked_losses and all(map(torch.equal, tensors, asked_tensors)) and len(tensors) == len(asked_tensors)
    verdict = callback[0].verdict
    print(f"{name}: {'the same' if equal else 'DIFFERS'} over {STEPS} steps; before them: probability {verdict.probability:.2f}, "
          f"{verdict.recipe.lrs}, batch {verdict.recipe.batch}, {verdict.recipe.steps} steps")
    return equal and len(losses) > 0

TRAINERS = {"transformers": by_transformers, "lightning": by_lightning, "fastai": by_fastai}

if __name__ == "__main__":
    good = [same(name, TRAINERS[name]) for name in sys.argv[1:] or filter(find_spec, TRAINERS)]
    sys.exit(not (good and all(good)))
