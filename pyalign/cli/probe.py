"""`pyalign probe`: the linear map of embeddings that best predicts human answers, cross-validated."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyalign import __version__, report
from pyalign.cli import _inputs, _options
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.io import write_files
from pyalign.io.npy import open_npy
from pyalign.io.paths import check_file
from pyalign.io.transform import transform_bytes

if TYPE_CHECKING:
    from pyalign.probing.choose import Progress
    from pyalign.probing.cross_validate import FoldResult, ProbeCrossValidation

EXAMPLE = "pyalign probe --embeddings clip.npy --triplets t.npy --out transform.npz"
PENALTIES = ("squared", "frobenius", "identity", "nuclear")
RECIPES = ("muttenthaler2023",)
SPLITS = ("objects", "triplets", "subjects")
NOTHING = float("-inf")

DEFAULTS: dict[str, Any] = {
    "penalty": "squared", "rank": "full", "bias": False, "measure": "dot", "temperature": 1.0, "standardize": "global",
    "tolerance": 1e-4, "max_iterations": 1000, "smoothing": 0.0,
}  # fmt: skip
LOCAL = {"alpha": 0.25, "tau": 0.1}
SOLVERS_OWN = ("tolerance", "max_iterations")  # of L-BFGS
PUBLISHED = {**{name: DEFAULTS[name] for name in DEFAULTS if name not in SOLVERS_OWN}, "penalty": "frobenius"}


def add_parser(subparsers: _options.Subparsers) -> argparse.ArgumentParser:
    """The options of `pyalign probe`."""
    what = "learn the linear map of embeddings that best predicts human answers"
    parser = _options.add_command(subparsers, "probe", what, EXAMPLE)
    parser.add_argument("--embeddings", required=True, metavar="E", help="file of (n, d) embeddings; FILE::KEY")
    parser.add_argument("--triplets", required=True, metavar="T", help="file of (t, 3) triplets")
    parser.add_argument("--names", metavar="FILE", help="names of the embeddings' rows, when the triplets hold names")
    _options.add_triplet_options(parser)
    _options.add_subject_options(parser)
    group = parser.add_argument_group("cross-validation")
    group.add_argument("--folds", type=_options.count, default=3, metavar="K", help="folds (default: 3)")
    group.add_argument("--split", choices=SPLITS, default="objects", help="what a fold holds out (default: objects)")
    group.add_argument("--seed", type=int, default=0, help="of the split and of the starts (default: 0)")
    group.add_argument(
        "--recipe", choices=RECIPES, help="train by the published recipe instead (Adam, |W|_F, early stopping)"
    )
    _add_map_options(parser)
    group = parser.add_argument_group("gLocal", "keep which other images are close; takes --penalty identity")
    group.add_argument("--images", metavar="Y", help="file of (m, d) embeddings of other images; FILE::KEY")
    group.add_argument("--alpha", type=float, help=f"weight of the local term (default: {LOCAL['alpha']})")
    group.add_argument("--tau", type=float, help=f"temperature of the local term (default: {LOCAL['tau']})")
    group = parser.add_argument_group("answers", "instead of one answer for each triplet")
    group.add_argument(
        "--targets", metavar="P.npy", help="(t, 3) by position in the file: how often, or how probably, odd"
    )
    group.add_argument("--weights", metavar="V.npy", help="(t,) weights of the triplets")
    group.add_argument("--smoothing", type=float, metavar="A", help="pseudo-counts for each position (default: 0)")
    group = parser.add_argument_group("running")
    _options.add_backend(group)
    group.add_argument("--threads", type=_options.count, metavar="K", help="threads (default: all cores)")
    group.add_argument("--resume", action="store_true", help="take the folds that an interrupted run left by --out")
    group = parser.add_argument_group("output")
    group.add_argument("--out", metavar="W.npz", help="write the map that is fitted to all triplets")
    group.add_argument(
        "--json", nargs="?", const="-", metavar="PATH", help="write one JSON document to PATH, or to stdout"
    )
    return parser


def _add_map_options(parser: argparse.ArgumentParser) -> None:
    """Without defaults: what was not given is filled in by `_settled`."""
    group = parser.add_argument_group("map")
    group.add_argument("--penalty", choices=PENALTIES, help="norm of W that is penalised (default: squared)")
    group.add_argument(
        "--l2",
        nargs="+",
        type=float,
        metavar="L",
        help="one strength, taken as it is; or several to choose from inside a fold, scaled for the triplets of each "
        "fit (default: eight or more, by the data)",
    )
    group.add_argument(
        "--rank", type=_rank, metavar="R", help="columns of W: full, diagonal or a number (default: full)"
    )
    group.add_argument("--bias", action="store_true", default=None, help="add a bias after W")
    group.add_argument("--measure", choices=("dot", "cosine"), help="similarity (default: dot)")
    group.add_argument("--temperature", type=float, metavar="T", help="p = softmax(s / T) (default: 1)")
    group.add_argument(
        "--standardize",
        "--standardise",
        choices=("global", "features", "none"),
        help="by one mean and deviation, by those of each feature, or not (default: global)",
    )
    group.add_argument("--tolerance", type=float, metavar="G", help="nats to the optimum, certified (default: 1e-4)")
    group.add_argument("--max-iterations", type=_options.count, metavar="I", help="of L-BFGS in a fit (default: 1000)")


def _settled(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the map, as given or by default; raises for those that would go unused."""
    wrong = [value for value in args.l2 or () if not 0 < value < float("inf")]
    if wrong and not (args.recipe and wrong == [0.0]):
        raise InputError(f"--l2 must be positive; got {wrong[0]:g}")
    if args.images is None:
        for name in ("alpha", "tau"):
            if getattr(args, name) is not None:
                raise InputError(f"--{name} {getattr(args, name):g} serves other images alone: add --images")
    if args.recipe is None:
        return {name: value if getattr(args, name) is None else getattr(args, name) for name, value in DEFAULTS.items()}
    for name in (*DEFAULTS, "images"):
        value = getattr(args, name)
        if value is not None and value != PUBLISHED.get(name):
            own = f"has its own, {PUBLISHED[name]}" if name in PUBLISHED else "has no use for it"
            option = name.replace("_", "-")
            raise InputError(f"--{option} must be left out with --recipe {args.recipe}, which {own}; got {value}")
    return PUBLISHED


def _rank(text: str) -> int | str:
    return text if text in ("full", "diagonal") else _options.count(text)


def run(args: argparse.Namespace) -> None:
    """Reads, cross-validates, refits, and only then writes; folds that are finished are kept beside --out."""
    job = _Job.of(args)
    try:
        (_run_recipe if args.recipe else _run)(args, job)
    except KeyboardInterrupt as stop:
        if str(stop) or job.state is None or not job.finished:
            raise
        raise KeyboardInterrupt(f"finished folds are in {job.state}; go on with --resume") from None


def _run(args: argparse.Namespace, job: _Job) -> None:
    from pyalign.probing.cross_validate import cross_validate_probe

    line = report.ProgressLine()
    warnings.simplefilter("ignore", ConvergenceWarning)  # the table says it
    try:
        result = cross_validate_probe(
            job.x, job.triplets, folds=args.folds, penalties=args.l2 or "auto", seed=args.seed, split=args.split,
            subjects=job.subjects, **job.answers, images=job.images, **job.local,
            finished=job.finished, report=lambda at: line.show(progress_text(at)),
            on_fold=job.keep, backend=args.backend, **job.options,
        )  # fmt: skip
    finally:
        line.clear()
    if result.interrupted:
        raise KeyboardInterrupt(_write_what_there_is(args, job, result))
    try:
        local = {} if job.images is None else {"local": _local(job.images, result)}
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_write_what_there_is(args, job, result)) from None
    document = json.dumps({"version": __version__, **job.inputs, **result.to_dict(), **local}, indent=2)
    _write(args, document, result)
    job.forget()
    print(document if args.json == "-" else report.probe_table({**result.to_dict(), **local}))


def _local(images: np.ndarray, result: ProbeCrossValidation) -> dict[str, float]:
    """How much of the neighbourhoods of other images the map keeps."""
    from pyalign.analysis.neighbors import neighbor_overlap

    assert result.fit is not None
    k = min(10, len(images) - 1)
    return {"neighbours": k, "overlap": neighbor_overlap(images, result.fit.transform.apply(images), k=(k,))[k]}


def _run_recipe(args: argparse.Namespace, job: _Job) -> None:
    """The published algorithm, fold by fold; --out gets the last fold's last map, as published.

    After Ctrl-C it gets that of the finished fold whose held-out loss ended lowest, or else the one that was cut off.
    """
    from pyalign.probing.recipe import RecipeSettings, cross_validate_recipe

    if len(args.l2 or [0]) > 1:
        raise InputError(f"--recipe takes one --l2; got {len(args.l2)}")
    if args.split != "objects" or args.resume or args.targets or args.weights:
        raise InputError("--recipe takes folds over objects and one answer for each triplet, from the start")
    if args.backend != "auto":
        raise InputError(f"--recipe works on the host, without --backend; got {args.backend}")
    line = report.ProgressLine()
    l2 = args.l2[0] if args.l2 else 1e-3
    try:
        fits = cross_validate_recipe(
            job.x, job.triplets, folds=args.folds, l2=l2, seed=args.seed,
            on_epoch=lambda fold, epoch, at: line.show(
                f"fold {fold}/{args.folds}: epoch {epoch}, loss {at.loss:.5f}, {100 * (at.accuracy or 0):.2f} %"
            ),
        )  # fmt: skip
    finally:
        line.clear()
    folds = [fit.to_dict() for fit in fits]
    options = {**job.inputs["options"], "l2": l2, **asdict(RecipeSettings())}
    told = {**job.inputs, "options": options, "recipe": args.recipe, "folds": folds}
    document = json.dumps({"version": __version__, **told}, indent=2)
    finished = [number for number, fit in enumerate(fits) if not fit.interrupted]
    best = len(fits) - 1
    if fits[-1].interrupted and finished:
        best = min(finished, key=lambda number: fits[number].curve[-1].cross_entropy or 0.0)
    files: dict[str, str | bytes] = {args.out: transform_bytes(fits[best].transform)} if args.out else {}
    if args.json and args.json != "-":
        files[args.json] = document + "\n"
    write_files(files.items())
    if fits[-1].interrupted:
        written = [f"the map of fold {best + 1}/{args.folds} is in {args.out}"] if args.out else []
        written += [f"the figures so far are in {args.json}"] if args.json and args.json != "-" else []
        done = f"{len(finished)} of {args.folds} folds are finished"
        raise KeyboardInterrupt("; ".join((done, *(written or ["nothing was written"]))))
    print(document if args.json == "-" else report.recipe_table(folds))


def progress_text(at: Progress) -> str:
    """``fold 2/3, inner 1/3: penalty 0.0322, pass 24, loss 0.86045, held-out 59.2 %``."""
    held_out = "" if at.accuracy is None else f", held-out {100 * at.accuracy:.2f} %"
    return f"{at.stage}: penalty {at.l2:.4g}, pass {at.n_passes}, loss {at.objective:.5f}{held_out}"


@dataclass
class _Job:
    """What was read, the folds that are finished, and of what stage the map is that an earlier run left in --out."""

    x: np.ndarray
    triplets: np.ndarray
    subjects: np.ndarray | None
    answers: dict[str, Any]
    images: np.ndarray | None
    local: dict[str, float]
    options: dict[str, Any]
    inputs: dict[str, Any]
    state: Path | None
    mark: str
    finished: list[FoldResult]
    mapped: str | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> _Job:
        """Everything that the command line names, read and checked."""
        if args.seed < 0:
            raise InputError(f"--seed must not be negative; got {args.seed}")
        if args.out and not args.out.endswith(".npz"):
            raise InputError(f"--out must end in .npz; got {args.out}")
        if args.resume and not args.out:
            raise InputError("--resume needs --out, beside which an interrupted run leaves its folds")
        options = _settled(args)
        local = {name: getattr(args, name) for name in ("alpha", "tau") if getattr(args, name) is not None}
        outputs = {"--out": args.out, "--json": None if args.json == "-" else args.json}
        outputs["the folds beside --out,"] = f"{args.out}.folds.json" if args.out else None
        inputs = (
            args.embeddings,
            args.triplets,
            *filter(None, [args.names, args.subjects, args.targets, args.weights, args.images]),
        )
        _options.require_apart(inputs, outputs)
        _options.use_threads(args.threads)
        if args.split != "subjects":
            _inputs.refuse_subjects(args, "--split subjects")
        if args.targets is None:
            _inputs.require_answers(args, "probe without --targets")
        read = _inputs.triplet_file(args)
        embeddings = _inputs.embedding_file(args.embeddings, _inputs.row_names(args.names, read))
        triplets = _inputs.index_triplets(read, embeddings, args.embeddings)
        people = _inputs.subjects_of(args, read)
        subjects = None if people is None else people.codes
        targets, weights = _array(args.targets), _array(args.weights)
        if targets is not None:
            targets = _inputs.by_position(targets, read, args.targets)
        answers = {"targets": targets, "weights": weights}
        images = _inputs.embedding_file(args.images, None).values if args.images else None
        given = [a for a in (subjects, targets, weights, images) if a is not None]
        mark = _fingerprint(
            [embeddings.values, triplets, *given],
            [local, options, args.l2, args.folds, args.split, args.seed, args.backend],
        )
        state = Path(f"{args.out}.folds.json") if args.out else None
        told = {"embeddings": args.embeddings, "triplets": args.triplets, "options": {**options, "seed": args.seed}}
        if images is not None:
            told["images"] = {"file": args.images, **LOCAL, **local}
        finished, mapped = _finished(state, mark) if args.resume and state is not None else ([], None)
        return cls(
            embeddings.values, triplets, subjects, answers, images, local, options, told, state, mark, finished, mapped
        )  # fmt: skip

    def keep(self, fold: FoldResult) -> None:
        """A finished fold, beside the map to come."""
        self.finished.append(fold)
        if self.state is not None:
            write_files([(self.state, _state(self.mark, self.finished, self.mapped))])

    def forget(self) -> None:
        """The folds beside the map, which is written."""
        if self.state is not None and self.state.exists():
            os.unlink(self.state)


def _array(path: str | None) -> np.ndarray | None:
    """A .npy file, where one is given."""
    if path is None:
        return None
    check_file(path, "arrays", (".npy",))
    return open_npy(path)


def _fingerprint(arrays: list[np.ndarray], settings: list[Any]) -> str:
    """Of everything on which the folds depend."""
    digest = hashlib.sha256(json.dumps(settings).encode())
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _finished(state: Path, mark: str) -> tuple[list[FoldResult], str | None]:
    """The folds that a run left, and what the map is of that it left with them."""
    from pyalign.probing.cross_validate import FoldResult

    if not state.exists():
        raise InputError(f"--resume finds no {state}: nothing was interrupted, or it has finished")
    try:
        document = json.loads(state.read_text(encoding="utf-8"))
        folds = [FoldResult.from_dict(fold) for fold in document["folds"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{state}: not what an interrupted run leaves") from error
    if document.get("of") != mark:
        raise InputError(f"{state}: left by a run with other data or other options; delete it, or run as before")
    return folds, document.get("mapped")


def _write_what_there_is(args: argparse.Namespace, job: _Job, result: ProbeCrossValidation) -> str:
    """What an interruption leaves: the folds, and in --out the best map, unless a run before left a better one."""
    done, state = f"{len(result.folds)} of {args.folds} folds are finished", job.state
    if state is None or (result.fit is None and not result.folds):
        return f"{done}; nothing was written"
    worth: dict[str | None, float] = {
        f"fold {number + 1}/{args.folds}": -fold.cross_entropy for number, fold in enumerate(result.folds)
    }
    worth["refit"] = float("inf")
    before = job.mapped if os.path.exists(args.out) else None
    stage = None if result.fit_stage == "refit" and result.interrupted else result.fit_stage
    mapped, files = before, dict[str | Path, str | bytes]()
    if result.fit is not None and worth.get(stage, NOTHING) >= worth.get(before, NOTHING):
        mapped = stage if stage in worth else None
        files[args.out] = transform_bytes(result.fit.transform)
        told = f"the best map so far, of {result.fit_stage} ({result.fit.n_triplets:,} triplets), is in {args.out}"
    else:
        told = f"the folds are in {state}" if before is None else f"{args.out} keeps the map of {before}"
    if result.folds:
        files[state] = _state(job.mark, result.folds, mapped)
        told += "; go on with --resume"
    write_files(files.items())
    return f"{done}; {told}"


def _state(mark: str, folds: Sequence[FoldResult], mapped: str | None) -> str:
    """The document beside --out; mapped: the stage of the map in --out, where that is a finished one."""
    return json.dumps({"of": mark, "folds": [fold.to_dict() for fold in folds], "mapped": mapped}) + "\n"


def _write(args: argparse.Namespace, document: str, result: ProbeCrossValidation) -> None:
    files: dict[str, str | bytes] = {}
    if args.out:
        assert result.fit is not None
        files[args.out] = transform_bytes(result.fit.transform)
    if args.json and args.json != "-":
        files[args.json] = document + "\n"
    write_files(files.items())
