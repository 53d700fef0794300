"""Embeddings of items from the layers of a model.

Names or sentences, as items of a language model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Annotated, Any, Literal

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.data.transform import Transform
from pyalign.errors import InputError
from pyalign.extraction.encoder import PENULTIMATE, THREADS, Encoder, Request
from pyalign.extraction.extraction_result import Extraction, Memory
from pyalign.extraction.finished import other
from pyalign.extraction.job import Job, default_workers, numbers_of
from pyalign.extraction.sources import DEFAULT, load_encoder
from pyalign.extraction.unfinished import FinishedByAnotherRun, Folder
from pyalign.io.paths import PathLike, checked_path
from pyalign.typing import Policy

BATCH, MOST = 32, 1 << 20
Number = Annotated[int, partial(_checks.whole_number, least=1, most=MOST)]


@_checks.checked
def extract(
    model: Any = DEFAULT, images: Any = None, layers: Sequence[str] = (PENULTIMATE,), *, texts: Any = None,
    preprocess: Callable[[Any], Any] | None = None, pool: str = "auto", out: PathLike | None = None,
    checkpoint: str | None = None, batch_size: Number = BATCH, device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32", compile: bool = False, n_jobs: Number | None = None,
    shard: tuple[int, int] | None = None, resume: bool = False, unreadable: Policy = "raise",
    decoder: Literal["pil", "torchvision"] = "pil", background: str = "white", prompt: str | None = None,
    transform: Transform | None = None, meta: Mapping[str, str] | None = None, n_threads: Number | None = None,
    progress: Progress | None = None,
) -> Extraction:
    """Extract embeddings of images or texts from the layers of a model.

    Args:
        model: SOURCE:NAME (see `list_models`), a loaded encoder, a function that makes an encoder from a `Request`, or
            a torch nn.Module with `preprocess`, of which a copy is run.
        images: a folder, a list file, an archive, a table, or a sequence of images; see `as_images`.
        layers: ``"penultimate"`` (the pooled feature before the classifier), ``"logits"``, or names of modules.
        texts: names or sentences instead of images: a file with one per line, or a sequence of strings. The model gets
            blanks for underscores; the names of the rows keep them. For a model of images and texts, the text tower is
            run.
        preprocess: for an nn.Module, a function of an RGB image of Pillow that returns (c, h, w) floats.
        pool: how tokens or feature maps of named modules become a row: ``"cls"`` (the class token), ``"mean"`` (over
            patches or positions), ``"flatten"`` or ``"none"``. ``"auto"``: the class token if there is one, otherwise
            the mean.
        out: a folder for the embeddings, which may be larger than memory; an interrupted run can be resumed. None:
            embeddings are kept in memory.
        checkpoint: a file or folder with the model's weights; None: the weights that belong to the model's name.
        batch_size: the number of items per pass.
        device: a device name of torch; ``"auto"``: a CUDA device if there is one.
        precision: ``"fp32"``, or ``"bf16"`` for products in bfloat16, which are slightly less accurate, and faster on
            hardware that supports them.
        compile: whether to compile the model with torch first.
        n_jobs: the number of threads that read and prepare items; None: one per CPU. The embeddings do not depend on
            it.
        shard: (i, k) for part i of k, counted from 1, which may have no items. `merge_extractions` merges the parts.
        resume: whether to continue an interrupted run in `out`.
        unreadable: ``"raise"``, or ``"omit"`` to leave out items that can't be read, and to list them as failures.
        decoder: the decoder of images, ``"pil"`` or ``"torchvision"``; their JPEG pixels may differ by one gray level.
        background: the background of transparent images, a color name of Pillow.
        prompt: a template for texts with {} in place of the text, such as "a photo of a {}".
        transform: a linear map for the rows of a single layer, such as one of gLocal.
        meta: further entries for the manifest, as a mapping of names to strings.
        n_threads: the number of threads that run the model on the CPU; None: 2, or those of a loaded encoder. It may
            change the last digits of the embeddings, so it is not taken from the environment.
        progress: a callback that gets the stage, the number of items done and their total.

    Returns:
        An `Extraction`: the embeddings of each layer, (n, d) float32 in the order of the items, and how they were made.

    Raises:
        InputError: an unknown model, layer or item; weights that can't be found; a folder with other content.
        MissingExtraError: a package that the model's source needs is not installed.
        OSError: the folder can't be written.

    Example:
        >>> from PIL import Image
        >>> pictures = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
        >>> extract("pixels:1", pictures)["penultimate"].values.tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    progress = reporter(progress)
    _check(shard, resume, out)
    layers, compile = _checks.names_of(layers, "layers"), _checks.flag(compile, "compile")
    if transform is not None and not isinstance(transform, Transform):
        raise InputError(f"transform must be a pyalign.Transform; got {type(transform).__name__}")
    if transform is not None and transform.mean is None:
        raise InputError("transform must have a mean and std, since images come in batches; got a map without them")
    if meta is not None and not isinstance(meta, Mapping):
        raise InputError(f"meta must map names to what the manifest should say; got {type(meta).__name__}")
    options = {
        "images": _path(images), "texts": _path(texts), "layers": list(layers), "pool": pool, "out": _path(out),
        "checkpoint": _path(checkpoint), "device": device, "compile": compile, "n_jobs": n_jobs,
        "on_error": unreadable,
    }
    modality = _modality(images, texts, prompt)
    request = Request(checkpoint, None, device, precision, compile, modality, n_threads or THREADS)
    model = _encoder(model, preprocess, request, n_threads)
    if model.modality != modality:
        raise InputError(f"{model.spec} takes {model.modality}; got {modality}")
    items, decode = _texts(texts, prompt) if modality == "texts" else _images(images, decoder, background)
    chosen = model.resolve(tuple(layers), pool)
    if transform is not None and len(chosen) != 1:
        raise InputError(f"transform needs one layer to map; got {len(chosen)}")
    job = Job(
        model, tuple(chosen), items, decode, batch_size, numbers_of(len(items.names), batch_size, shard),
        map=transform, skip=unreadable == "omit", shard=shard, meta=dict(meta or {}), options=options,
        decoder=decoder if model.modality == "images" else None,
        background=_color(background) if model.modality == "images" else None, prompt=prompt,
    )
    workers = n_jobs or default_workers()
    if out is None:
        return job.run(Memory(), workers, progress)
    with closing(Folder(out, job.state(), resume)) as folder:
        if folder.finished is None:
            with suppress(FinishedByAnotherRun):
                return job.run(folder, workers, progress)
            folder.accept_finished()
        return _finished_before(job, folder, workers, progress)


def _finished_before(job: Job, folder: Folder, workers: int, progress: Progress) -> Extraction:
    """The extraction in the folder of a finished run, if its items are those of the job."""
    finished = folder.finished
    assert finished is not None
    if finished.names != tuple(job.items.names[job.first : job.last]):
        raise other(folder.path, "holds a finished extraction of other items; take another folder")
    if dict(finished.extraction.meta or {}) != job.meta:
        raise other(folder.path, "holds a finished extraction that differs in meta; take another folder")
    job.require_readable(finished.extraction.failures)
    job.require_items(folder.path, dict(enumerate(finished.hashes, job.first)), workers, progress)
    return replace(finished.extraction, notes=(*finished.extraction.notes, *folder.notes))


def _check(shard: tuple[int, int] | None, resume: bool, out: PathLike | None) -> None:
    if out is not None:
        checked_path(out, "out")
    if shard is not None:
        if not isinstance(shard, tuple | list):
            raise InputError(f"shard must be part i of k, as (i, k); got {shard!r}")
        part, parts = (_checks.index_number(number, 1) or 0 for number in shard) if len(shard) == 2 else (0, 0)
        if not 1 <= part <= parts:
            raise InputError(f"shard must be part i of k, from 1; got {'/'.join(map(repr, shard))}")
    if resume and out is None:
        raise InputError("resume needs out, the folder that an interrupted run has left")


def _encoder(model: Any, preprocess: Callable[[Any], Any] | None, request: Request, n_threads: int | None) -> Encoder:
    """The model, ready to run."""
    makes = callable(model) and not isinstance(model, type) and not hasattr(model, "named_modules")
    if isinstance(model, str | Encoder) or makes:
        if preprocess is not None:
            raise InputError("preprocess applies only to an nn.Module: other models have their own")
        if isinstance(model, str):
            return load_encoder(model, request)
        if makes:
            return model(request)
        if n_threads not in (None, model.threads):
            raise InputError(f"n_threads must be the {model.threads} of the loaded encoder; got {n_threads}")
        return model
    if not hasattr(model, "named_modules"):
        raise InputError(f"model must be SOURCE:NAME, an nn.Module or an encoder; got {type(model).__name__}")
    from pyalign.extraction._module import encoder_of

    encoder = encoder_of(model, preprocess, name=type(model).__name__, request=request)
    encoder.threads = request.threads
    return encoder


def _path(argument: Any) -> str | None:
    return os.fspath(argument) if isinstance(argument, str | os.PathLike) else None


def _modality(images: Any, texts: Any, prompt: str | None) -> str:
    """The modality of the items, "images" or "texts"; raises unless there is exactly one."""
    if (images is None) == (texts is None):
        raise InputError(f"extract needs images or texts, one of them; got {'neither' if images is None else 'both'}")
    if images is not None and prompt is not None:
        raise InputError(f"prompt applies only to texts; got {prompt!r} with images")
    return "images" if images is not None else "texts"


def _texts(texts: Any, prompt: str | None) -> tuple[Any, Callable[[Any], Any]]:
    """The texts, and the function that inserts a text into the prompt."""

    if prompt is None:
        return as_texts(texts), str
    fill(prompt, "")
    return as_texts(texts), lambda text: fill(prompt, text)


def _images(images: Any, decoder: str, background: str) -> tuple[Any, Callable[[Any], Any]]:
    """The images, and the function that decodes one, which several threads call."""
    from pyalign.extraction.decode import decode
    from pyalign.extraction.images import as_images

    pictures, color = as_images(images), _color(background)
    if decoder == "torchvision":
        from pyalign.extraction._torchvision import decode
    return pictures, lambda picture: decode(picture, color)


def _color(name: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"background must be a color such as white or #808080; got {name!r}") from error
    return red, green, blue


PLACE = "{}"  # of the text in a prompt


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts in an order.

    Rows keep the names as they were read; the model sees them with blanks instead of underscores.
    """

    names: tuple[str, ...]  # the texts, all different.
    order: str  # a phrase.
    source: str | None = None  # the file, or None.
    notes: tuple[str, ...] = ()  # what was noticed.

    def open(self, k: int) -> str:
        """The text of a position, with blanks instead of underscores: `alarm_clock` is no word."""
        return self.names[k].replace("_", " ")


def as_texts(source: Any) -> Texts:
    """Texts of a file with one per line, or of a sequence."""
    if isinstance(source, Texts):
        return source
    if isinstance(source, Sequence) and not isinstance(source, str):
        return Texts(_checked([*source]), "as given")
    from pyalign.io.item_names import read_names

    return Texts(_checked(list(read_names(source))), "as listed", str(source))


def fill(prompt: str, text: str) -> str:
    """A text in its prompt, which has one {}."""
    if prompt.count(PLACE) != 1 or "\n" in prompt:
        raise InputError(f"prompt must be a line with one {PLACE}, where the text goes; got {prompt!r:.80}")
    return prompt.replace(PLACE, text)


def _checked(names: list[Any]) -> tuple[str, ...]:
    if not names:
        raise InputError("texts must hold at least one; got none")
    seen: set[str] = set()
    for k, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"texts must be text; number {k} is {name!r}")
        if "\n" in name or "\r" in name:
            raise InputError(f"texts must be of one line each; number {k} is {name!r:.80}")
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(f"texts must be UTF-8; number {k} is {name!r:.80}") from None
        if name in seen:
            raise InputError(f"texts must differ; {name!r:.80} occurs more than once")
        seen.add(name)
    return tuple(names)
