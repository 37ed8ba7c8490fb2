"""The callbacks of `cascade_nb.report` in the real trainers of transformers and Lightning: a run with the callback computes
the same numbers as a run without it, bit by bit. Needs `pip install -e .[trainers]`, best in an environment of its own.
Prints a line for each trainer; exit code 1 where anything differs."""
import contextlib, io, sys, tempfile, warnings
import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from transformers import Trainer, TrainerCallback, TrainingArguments, ViTConfig, ViTForImageClassification
from cascade_nb import load_dataset, mlp
from cascade_nb.report import lightning_callback, trainer_callback

STEPS = 12
d = load_dataset("mnist_sample", n_test=500)

class Images(Dataset):
    "Digits as transformers wants them"
    def __len__(self): return 2000
    def __getitem__(self, i): return {"pixel_values": d.x_train[i], "labels": d.y_train[i]}

class Before(TrainerCallback):
    "What is there at the first step: weights, random numbers, optimiser"
    def on_step_begin(self, args, state, control, model=None, optimizer=None, **more):
        if state.global_step: return
        weights = [p.detach().clone() for p in model.parameters()]
        self.seen = [*weights, torch.get_rng_state()], str(optimizer.state_dict()["param_groups"])

def by_transformers(ask):
    "Losses, and tensors that must be the same, of one run"
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

def by_lightning(ask):
    "Losses, and tensors that must be the same, of one run"
    lightning.seed_everything(0, verbose=False)
    module, callback = Module(), [lightning_callback(n_train=512)]*ask
    trainer = lightning.Trainer(max_steps=STEPS, accelerator="cpu", logger=False, enable_checkpointing=False,
                                enable_progress_bar=False, enable_model_summary=False, callbacks=callback)
    trainer.fit(module, DataLoader(TensorDataset(d.x_train, d.y_train), 64, shuffle=True))
    return module.losses, [*module.state_dict().values(), torch.get_rng_state()], callback

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

if __name__ == "__main__":
    good = [same("transformers", by_transformers), same("lightning", by_lightning)]
    sys.exit(not all(good))
