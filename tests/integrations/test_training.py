"""AlignmentEvery: figures of a network while it is trained, unnoticed by the training; Lightning and Trainer."""

from __future__ import annotations

import random
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign.errors import MissingExtraError

torch = pytest.importorskip("torch", reason="torch is not installed")

from pyalign.integrations.training import AlignmentEvery, lightning_callback, transformers_callback  # noqa: E402

N = 30
IMAGES = torch.randn(N, 8, generator=torch.Generator().manual_seed(1))
TRIPLETS = draw_triplets(2, N, 300)
NAMES = [f"image {k}" for k in range(N)]


def network():
    torch.manual_seed(0)
    layers = torch.nn.Linear(8, 6), torch.nn.BatchNorm1d(6), torch.nn.Dropout(0.5), torch.nn.Linear(6, 4)
    return torch.nn.Sequential(*layers)


def rows(model):
    return model(IMAGES)


def drawing_rows(model):
    """Rows by a loader, which draws from torch's generator, and with a little noise from each of the others."""
    batches = torch.utils.data.DataLoader(IMAGES, batch_size=7)
    noise = random.random() + np.random.random() + float(torch.rand(()))
    return torch.cat([model(batch) for batch in batches]) + 1e-6 * noise


def seeded():
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)


def trained(model, every=None, steps=10):
    """The network after some steps, of which `every` sees each; its images are drawn by all generators."""
    seeded()
    for _ in range(steps):
        model.zero_grad()
        shift = random.random() + np.random.random()
        batch = next(iter(torch.utils.data.DataLoader(IMAGES, batch_size=16, shuffle=True)))
        model(batch + shift).square().mean().backward()
        with torch.no_grad():  # torch.optim takes a second to be imported
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
        if every is not None:
            every(model)
    return model


def assert_same_weights(ours, theirs):
    for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_every_nth_step_has_the_figures_of_score():
    every = AlignmentEvery(4, TRIPLETS, rows, measure="dot", temperature=2.0)
    model = trained(network(), every)
    assert [one.step for one in every.history] == [4, 8]
    model = trained(network(), steps=8)
    expected = pyalign.score(rows(model.eval()).detach().numpy(), TRIPLETS, measure="dot", temperature=2.0)
    actual = every.history[-1]
    assert actual.accuracy == pytest.approx(expected.accuracy) and actual.ci.by == "objects"
    assert [actual.ci.low, actual.ci.high] == pytest.approx([expected.ci.low, expected.ci.high])
    assert actual.cross_entropy == pytest.approx(expected.cross_entropy)
    assert actual.metrics == {
        "alignment_accuracy": actual.accuracy, "alignment_accuracy_low": actual.ci.low,
        "alignment_accuracy_high": actual.ci.high, "alignment_cross_entropy": actual.cross_entropy,
    }


def test_the_call_gives_what_was_found_and_nothing_in_between():
    every = AlignmentEvery(2, TRIPLETS, rows, ci=None)
    model = network()
    actual = [every(model) for _ in range(4)]
    assert actual == [None, every.history[0], None, every.history[1]] and actual[1].ci is None
    assert [*actual[1].metrics] == ["alignment_accuracy", "alignment_cross_entropy"]


@pytest.mark.parametrize("by", [rows, drawing_rows])
def test_a_training_goes_on_as_if_nobody_had_looked(by):
    """Statistics of batches, masks of dropout, orders of images, gradients and modes of modules stay what they were."""
    model = network()
    model[1].eval()  # frozen
    watched = trained(model, AlignmentEvery(1, TRIPLETS, by))
    after = torch.rand(()), random.random(), np.random.random()
    unwatched = network()
    unwatched[1].eval()
    assert_same_weights(watched, trained(unwatched))
    assert after == (torch.rand(()), random.random(), np.random.random())
    assert [module.training for module in watched.modules()] == [True, True, False, True, True]


def test_a_look_inside_autocast_sees_the_weights_of_its_step_and_keeps_none_of_them():
    """Autocast keeps casted weights: old ones would be scored, and those of a pass without gradients be trained."""
    seen, gradients = [], []
    every = AlignmentEvery(1, TRIPLETS, lambda model: seen.append(model(IMAGES)) or seen[-1])
    for callback in (None, every):
        torch.manual_seed(0)
        model = torch.nn.Linear(8, 4)
        with torch.autocast("cpu", torch.bfloat16):
            model(IMAGES)
            with torch.no_grad():
                model.weight += 1.0
            if callback is not None:
                callback(model)
            model(IMAGES).square().mean().backward()
            assert torch.is_autocast_cache_enabled() and torch.is_autocast_enabled("cpu")
        gradients.append(model.weight.grad)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.equal(seen[0], model(IMAGES))
    assert torch.equal(*gradients)


def test_modes_and_generators_are_restored_where_the_rows_fail():
    model = network()

    def failing(model):
        torch.rand(3)
        raise RuntimeError("no more images")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="no more images"):
        AlignmentEvery(1, TRIPLETS, failing)(model)
    assert all(module.training for module in model.modules()) and torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_find_their_objects_by_names():
    named = pyalign.Triplets(TRIPLETS, tuple(NAMES))
    order = np.random.default_rng(4).permutation(N)
    every = AlignmentEvery(1, named, lambda model: model(IMAGES[order]), names=[NAMES[k] for k in order])
    assert every(network()).accuracy == AlignmentEvery(1, TRIPLETS, rows)(network()).accuracy


def test_rows_in_bfloat16_and_arrays_are_taken():
    half = AlignmentEvery(1, TRIPLETS, lambda model: model(IMAGES).bfloat16())
    array = AlignmentEvery(1, TRIPLETS, lambda model: model(IMAGES).numpy())
    assert half(network()).accuracy == pytest.approx(array(network()).accuracy, abs=0.05)


def test_a_step_that_is_given_decides_and_comes_once():
    """Batches whose gradients are accumulated share a step."""
    every = AlignmentEvery(3, TRIPLETS, rows)
    model = network()
    for step in (0, 1, 3, 3, 4, 6):
        every(model, step=step)
    assert [one.step for one in every.history] == [3, 6]


# Lightning


@pytest.fixture(
    params=["stand-in", pytest.param("real", marks=pytest.mark.slow)]
)  # it takes four seconds to be imported
def lightning(request, monkeypatch):
    if request.param == "real":
        for name in ("lightning.pytorch", "pytorch_lightning"):
            try:
                return __import__(name, fromlist=["Callback"])
            except ImportError:
                continue
        pytest.skip("lightning is not installed")
    module = ModuleType("lightning.pytorch")
    module.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)
    return module


def test_a_callback_of_lightning_logs_what_was_found(lightning):
    every = AlignmentEvery(2, TRIPLETS, rows)
    callback = lightning_callback(every)
    assert isinstance(callback, lightning.Callback)
    logged, model = [], network()
    model.log_dict = logged.append
    for step in range(1, 5):
        trainer = SimpleNamespace(global_step=step, is_global_zero=True)
        callback.on_train_batch_end(trainer, model, None, None, step - 1)
    assert logged == [one.metrics for one in every.history] and len(logged) == 2
    callback.on_train_batch_end(SimpleNamespace(global_step=6, is_global_zero=False), model, None, None, 5)
    assert len(every.history) == 2  # of several processes the first one looks


def test_lightning_trains_with_it(lightning, tmp_path):
    if not hasattr(lightning, "Trainer"):
        pytest.skip("the stand-in trains nothing")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def training_step(self, batch, index):
            return self.inner(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def train(*callbacks):
        module = Module()
        trainer = lightning.Trainer(
            max_epochs=2, accelerator="cpu", callbacks=[*callbacks], logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
        )
        seeded()
        trainer.fit(module, torch.utils.data.DataLoader(IMAGES, batch_size=6, shuffle=True))
        return module, trainer

    every = AlignmentEvery(3, TRIPLETS, lambda module: drawing_rows(module.inner))
    watched, trainer = train(lightning_callback(every))
    assert [one.step for one in every.history] == [3, 6, 9]
    assert float(trainer.logged_metrics["alignment_accuracy"]) == pytest.approx(every.history[-1].accuracy)
    assert_same_weights(watched, train()[0])


# Trainer of transformers


@pytest.fixture(params=["stand-in", "real"])
def transformers(request, monkeypatch):
    if request.param == "real":
        return pytest.importorskip("transformers", reason="transformers is not installed")
    module = ModuleType("transformers")
    module.TrainerCallback = type("TrainerCallback", (), {})
    module.TrainerState = lambda: SimpleNamespace(log_history=[], is_world_process_zero=True)
    monkeypatch.setitem(sys.modules, "transformers", module)
    return module


def test_a_callback_of_transformers_writes_into_the_history_of_the_trainer(transformers):
    every = AlignmentEvery(2, TRIPLETS, rows)
    callback = transformers_callback(every)
    assert isinstance(callback, transformers.TrainerCallback)
    state, model = transformers.TrainerState(), network()
    for step in range(1, 5):
        state.global_step, state.epoch = step, step / 4
        callback.on_step_end(None, state, None, model=model)
    actual = [{**one.metrics, "step": one.step, "epoch": one.step / 4} for one in every.history]
    assert state.log_history == actual and len(actual) == 2
    state.is_world_process_zero = False
    callback.on_step_end(None, state, None, model=model)
    assert len(every.history) == 2


def test_the_trainer_of_transformers_trains_with_it(transformers, tmp_path, monkeypatch):
    pytest.importorskip("accelerate", reason="accelerate, which Trainer needs, is not installed")
    if not hasattr(transformers, "Trainer"):
        pytest.skip("the stand-in trains nothing")
    trainer = pytest.importorskip("transformers.trainer")
    monkeypatch.setattr(trainer, "is_datasets_available", lambda: False)  # it takes tests/datasets for that package

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, x):
            return {"loss": self.inner(x).square().mean()}

    arguments = transformers.TrainingArguments(
        str(tmp_path), max_steps=7, per_device_train_batch_size=6, report_to=[], use_cpu=True, save_strategy="no",
        disable_tqdm=True,
    )

    def train(*callbacks):
        images = [{"x": image} for image in IMAGES]
        trainer = transformers.Trainer(Model(), arguments, train_dataset=images, callbacks=[*callbacks])
        trainer.train()
        return trainer

    every = AlignmentEvery(3, TRIPLETS, lambda model: drawing_rows(model.inner))
    watched = train(transformers_callback(every))
    assert [one.step for one in every.history] == [3, 6]
    steps = [entry["step"] for entry in watched.state.log_history if "alignment_accuracy" in entry]
    assert steps == [3, 6]
    assert_same_weights(watched.model, train().model)


# Bad input


def test_another_number_of_rows_is_refused(message_of):
    every = AlignmentEvery(1, TRIPLETS, lambda model: model(IMAGES[:-1]), names=NAMES)
    assert message_of(every, network()) == "rows must give 30 rows, one for each of the names; got 29 in step 1"
    sizes = iter((N, N - 1))
    every = AlignmentEvery(1, TRIPLETS, lambda model: model(IMAGES[: next(sizes)]))
    every(network())
    assert message_of(every, network()) == "rows must give 30 rows, as in step 1; got 29 in step 2"


def test_rows_that_are_no_matrix_name_the_step(message_of):
    flat = AlignmentEvery(1, TRIPLETS, lambda model: model(IMAGES).sum(dim=1))
    assert message_of(flat, network()) == "step 1: embeddings must have shape (n, d); got (30,)"
    nothing = AlignmentEvery(1, TRIPLETS, lambda model: None)
    assert message_of(nothing, network()) == "rows must give a tensor or an array (n, d); got NoneType in step 1"


@pytest.mark.parametrize("convert", [lambda x: x, lambda x: x.half(), lambda x: x.numpy()])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_training_goes_on_where_one_step_has_rows_that_are_not_finite(caplog, bad, convert):
    factors = iter((1.0, bad, 1.0))
    every = AlignmentEvery(1, TRIPLETS, lambda model: convert(model(IMAGES) * next(factors)))
    for _ in range(3):
        every(network())
    first, middle, last = every.history
    assert [one.step for one in every.history] == [1, 2, 3] and first.accuracy == last.accuracy
    assert np.isnan(middle.accuracy) and (middle.ci, middle.cross_entropy) == (None, None)
    assert [*middle.metrics] == ["alignment_accuracy"]
    (record,) = caplog.records
    assert record.name == "pyalign" and record.getMessage().startswith("step 2: embeddings must be finite; 30 of 30")


def test_a_network_is_as_it_was_after_a_step_that_was_not_finite():
    every = AlignmentEvery(3, TRIPLETS, lambda model: drawing_rows(model) * float("nan"))
    assert_same_weights(trained(network(), every), trained(network()))
    assert len(every.history) == 3


def test_other_arguments_are_refused(message_of):
    assert message_of(AlignmentEvery, 0, TRIPLETS, rows).startswith("n must be a whole number from 1")
    assert message_of(AlignmentEvery, 1, TRIPLETS, IMAGES) == "rows must be a function of the network; got Tensor"
    unanswered = pyalign.Triplets(TRIPLETS, answered=False)
    assert message_of(AlignmentEvery, 1, unanswered, rows).startswith("AlignmentEvery needs human choices")
    assert message_of(AlignmentEvery, 1, TRIPLETS, rows, measure="cosin").startswith("measure must be one of")
    assert message_of(AlignmentEvery, 1, TRIPLETS, rows, temperature=0).startswith("temperature must be")
    message = message_of(AlignmentEvery(1, TRIPLETS, rows), network(), step=-1)
    assert message.startswith("step must be a whole number from 0")
    named = pyalign.Triplets(TRIPLETS, tuple(NAMES))
    assert message_of(AlignmentEvery, 1, named, rows) == (
        "names must be those of the rows, since the triplets have names; got None"
    )


def test_without_the_packages_the_adapters_say_what_to_install(monkeypatch):
    every = AlignmentEvery(1, TRIPLETS, rows)
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="lightning_callback needs lightning,"):
        lightning_callback(every)
    with pytest.raises(MissingExtraError, match="transformers_callback needs transformers,"):
        transformers_callback(every)


def test_the_module_is_imported_without_a_framework():
    from support import run_python

    code = "import sys, pyalign.integrations.training; print({'torch', 'transformers', 'lightning'} & {*sys.modules})"
    assert run_python(code).stdout.strip() == "set()"
