"""A whole training: clips, cached features, validation windows, network."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import ConfigError
from trainer.augment import energies_chain, maps_chain, waveform_chain
from trainer.beginning import check_beginning, keep_beginning
from trainer.cache import cached_copies
from trainer.dataset import Batches
from trainer.labels import label_scheme
from trainer.material import HeardWindows, gather, heard
from trainer.nonspeech import non_speech_clips
from trainer.quiet import load_tensorflow
from trainer.runs import RunFolder
from trainer.temperature import Temperatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from trainer.beginning import Beginning
    from trainer.cache import CachedCopies
    from trainer.material import Material
    from trainer.recipe import Recipe
    from trainer.training import Trainer

CACHE = Path(".cache")
"""Features, shared by all runs; below the working directory."""


def train_recipe(
    recipe: Recipe,
    root: Path,
    out: Path,
    should_stop: Callable[[int], bool] | None = None,
    cache: Path = CACHE,
    *,
    beginning: Beginning | None = None,
) -> int:
    """Train `recipe` into the run folder `out`, or go on there.

    Args:
        recipe: what to train.
        root: data directory.
        out: run folder.
        should_stop: asked after each step; default: whether Ctrl-C was pressed.
        cache: folder of cached features.
        beginning: what to go on with, where the recipe wants that.

    Returns:
        0.

    Raises:
        MonitorError: corpora are missing, settings are not valid, or `out` holds another run.
        KeyboardInterrupt: stopped before the end; the state is in `out`.
    """
    check_chains(recipe)
    if recipe.training.refit:
        raise ConfigError(
            f"recipe '{recipe.name}': training.refit is for ser-train crossval; to train on everybody, first train "
            "without it, then with --everyone"
        )
    run = RunFolder(out)
    if run.metrics.exists() and run.read_recipe().digest() == recipe.digest():
        print(f"{out}: is finished; export it, or name another folder with --out")
        return 0
    material = gather(recipe, root)
    describe(material)
    figures = train_on(material, recipe, root, run, cache=cache, should_stop=should_stop, beginning=beginning)
    print(" ".join(f"{corpus}={uar:.3f}" for corpus, uar in figures.items()), "(UAR, validation speakers)")
    print(f"{run.network}: written; next: ser-train export {out}")
    return 0


def train_on(
    material: Material,
    recipe: Recipe,
    root: Path,
    run: RunFolder,
    *,
    cache: Path = CACHE,
    copies_seed: int | None = None,
    temperatures: Callable[[], Temperatures] | None = None,
    should_stop: Callable[[int], bool] | None = None,
    beginning: Beginning | None = None,
) -> dict[str, float]:
    """Train `recipe` on the clips of `material` into the folder `run`, or go on there; UAR on the validation clips.

    Args:
        material: its validation clips are not looked at where `temperatures` is given.
        recipe: what to train.
        root: data directory.
        run: where to.
        cache: folder of cached features.
        copies_seed: of the copies, which trainings with several seeds can share; None: that of `recipe`.
        temperatures: gives those of the logits when the training has ended; None: fitted to the validation clips, or
            1 where there are none.
        should_stop: asked after each step; default: whether Ctrl-C was pressed.
        beginning: what to go on with, where the recipe wants that.

    Raises:
        KeyboardInterrupt: stopped before the end; the state is in `run`.
    """
    check_beginning(recipe, beginning, material.splits)
    run.open(recipe, material)
    if beginning is not None:
        keep_beginning(beginning, run.root)
    seed = recipe.seed if copies_seed is None else copies_seed
    copied = recipe.replaced(seed=seed)
    copies = cached_copies(material.splits.train, copied, root, cache)
    unspoken = recipe.non_speech and non_speech_clips(recipe.non_speech, root, cache)
    others = cached_copies(unspoken, copied, root, cache) if unspoken else None
    if temperatures is None and not material.splits.validation:
        temperatures = Temperatures
    lent = heard(material.splits.validation, recipe, "validation") if temperatures is None else temperatures
    trainer = _trainer(recipe, run, material, (copies, others), lent)
    if beginning is not None:
        trainer.begin_with(beginning.weights())
    with interruptible() as interrupted:
        finished = trainer.train(should_stop or (lambda _: interrupted.is_set()))
    if not finished:
        raise KeyboardInterrupt
    figures: dict[str, float] = trainer.finish()["validation_uar"]
    return figures


def check_chains(recipe: Recipe) -> None:
    """Refuse a recipe whose registry entries are not valid before anything is computed.

    Raises:
        ConfigError: naming the entry.
    """
    augment = recipe.augment
    for stage in (augment.plain, augment.voice, augment.recording, augment.level, augment.twin):
        waveform_chain(stage, None)
    if recipe.training.refit and recipe.training.keep == "best":
        raise ConfigError("training.refit leaves nobody to choose by; wanted it with training.keep = 'last'")
    if bool(recipe.training.consistency) != bool(augment.twin):
        raise ConfigError("training.consistency and the stage augment.twin go together; found one without the other")
    _check_adapter(recipe)
    energies_chain(recipe.augment.energies)
    maps_chain(recipe.augment.maps)


def _check_adapter(recipe: Recipe) -> None:
    """Refuse an adapter without what it is laid on, or with smoothed labels.

    Raises:
        ConfigError: saying what is wanted.
    """
    table = recipe.training
    if recipe.adapter is None:
        return
    if recipe.non_speech is None or not recipe.tasks.speech_activity or not table.begins_with:
        raise ConfigError(
            "an adapter learns what is no speech and where somebody speaks, beside a network that is there; wanted the "
            "table non_speech, tasks.speech_activity and training.begins_with"
        )
    if table.label_smoothing:
        raise ConfigError(
            f"an adapter with training.label_smoothing = {table.label_smoothing:g}; wanted 0: it would keep speech "
            "from being surely speech"
        )


def describe(material: Material) -> None:
    """Print who is in which split, and which clips are left out."""
    splits = material.splits
    for corpus, parts in splits.speakers().items():
        print(f"{corpus}: " + "; ".join(f"{part} {' '.join(speakers)}" for part, speakers in parts.items()))
    for holding in material.holdings:
        for left_out, first in holding.duplicates:
            print(f"{holding.card.name}: {left_out.stem} left out, the same bytes as {first.stem}")
    print(f"clips: train {len(splits.train)}, validation {len(splits.validation)}, test {len(splits.test)}")


def _trainer(
    recipe: Recipe,
    run: RunFolder,
    material: Material,
    cached: tuple[CachedCopies, CachedCopies | None],
    lent: HeardWindows | Callable[[], Temperatures],
) -> Trainer:
    """Everything that a training needs.

    `cached`: speech, and what is none. `lent`: the validation windows, or what gives temperatures where nobody is
    left to fit them.
    """
    # Only now, when the features are there.
    load_tensorflow()
    from trainer import network, training  # noqa: PLC0415

    layer = network.front_end(recipe.front_end, cepstra=False)
    copies, non_speech = cached
    batches = Batches(
        copies,
        material.splits.train,
        label_scheme(recipe.labels),
        recipe,
        front_end=lambda energies: np.asarray(layer(energies)),
        non_speech=non_speech,
    )
    if isinstance(lent, HeardWindows):
        return training.Trainer(recipe, batches, training.Validation(material.splits.validation, lent, recipe), run)
    return training.Trainer(recipe, batches, lent, run)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the event, so that a step is finished and saved; a second one breaks off at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = {which: signal.signal(which, note) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
