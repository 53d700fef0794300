"""Reads damaged files of one format until its time is over; ends with 1 and the file at the first fault.

python attempt.py SUFFIX SECONDS SEED     mutants of valid files
python attempt.py FILE...                 files of one suffix

The suffix "manifest.json" stands for folders of `pyalign extract` with a damaged manifest, ".json" for documents of
results, ".toml" for studies whose other files are not there.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pyalign.errors import InputError, MissingExtraError
from pyalign.extraction.images import as_images
from pyalign.io import isolated, load_embeddings, load_rdms, load_transform, load_triplets, read_choices, read_names
from pyalign.io.contents import contents
from pyalign.io.documents import key_of, quoted, read_toml
from pyalign.io.formats import FORMATS
from pyalign.nearest.index import MARK, build_index, load_index

sys.path.append(str(Path(__file__).parent.parent))  # tests, which have a document of each command
LONGEST = 20  # seconds for one file; a reader may be busy for 8 without progress, and machines are shared
ROOM = 256 << 20
MANIFEST = "manifest.json"
FILE_NAMES = "file_names.txt"  # of a folder of thingsvision
READERS = (
    load_embeddings,
    load_triplets,
    read_names,
    read_choices,
    lambda path: load_rdms(path, kind="similarity").pairs(),
    lambda path: load_rdms(path).pairs(),
    load_transform,
    lambda path: [one.values for one in contents(path)],
)
IMAGES = (".tar", ".h5", ".parquet")
INDEX = ".index"
DOCUMENT, STUDY = ".json", ".toml"
PAGES = 16  # of so many documents one goes into a page


def _images(path: Path) -> None:
    """The first images and the last."""
    images = as_images(path)
    for k in {0, 1, len(images) - 1} & {*range(len(images))}:
        images.open(k)


def _result(path: Path) -> None:
    """Whatever loads answers; a page of it and of a sound one is made."""
    from pyalign import load_result
    from pyalign.report.page.write import make_report

    found = load_result(path)
    texts = (str(found), found.table(40, True), found.to_csv(), found.to_json(), found.to_latex(), found._repr_html_())
    for text in texts:
        text.encode()
    found.to_frame()
    if zlib.crc32(path.read_bytes()) % PAGES == 0:
        made = make_report([path, path.with_name("sound.document")], "page.html")
        assert made.html is not None and "leaderboard" in made.sections
        made.html.encode()


def _study(path: Path) -> None:
    """What is read is run, to the end; its inputs are missing."""
    from pyalign import run_study
    from pyalign.study.file import read_study
    from pyalign.study.units import units_of

    units_of(read_study(path))
    out = path.with_suffix("")
    shutil.rmtree(out, ignore_errors=True)
    for step in run_study(path, out).steps:
        assert len((step.reason or "").splitlines()) <= 1, step.reason


NUMBERS = (0, 1, 2, 3, 7, 8, 9, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, (1 << 63) - 1)
TOKENS = [bytes([code]) for code in b'#",;\t\n \0\xff[{'] + [b'""', b"\r\n", b"nan", b"1e999", b"9" * 50]


def _text(separator: str) -> bytes:
    rows = ["name,f0,f1", "dog,0.5,1", '"a, b",2,3', "# note", "cat,-1e3,nan"]
    return "\n".join(row.replace(",", separator) for row in rows).encode() + b"\n"


def _saved(write: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        write(path)  # type: ignore[operator]
        return path.read_bytes()


def _npy() -> list[bytes]:
    file = io.BytesIO()
    np.save(file, np.arange(6.0).reshape(2, 3))
    return [file.getvalue()]


def _npz() -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, features=np.eye(3), names=np.array(["a", "b", "c"]))
        found.append(file.getvalue())
    return found


def _pkl() -> list[bytes]:
    tree = {"timm": {"resnet": {"logits": np.eye(3), "other": np.ones(2, "f2")}}, "n": [1, 2.5, "x", None]}
    maps = {"custom": {"clip": {"penultimate": np.eye(3), "own": {"weights": np.eye(3), "mean": 0.5, "std": 2}}}}
    return [pickle.dumps(tree, protocol) for tree in (tree, _rdms(), maps) for protocol in range(6)]


def _rdms() -> dict[str, Any]:
    """As rsatoolbox keeps RDMs of three people."""
    patterns = {"conds": ["dog", "cat", "ä", "d"], "index": [0, 1, 2, 3], "size": np.ones(4)}
    people = {"subject": np.array(["a", "b", "c"]), "noise": np.ones((3, 2, 2))}
    return {"dissimilarities": np.arange(18.0).reshape(3, 6), "dissimilarity_measure": "negated similarity",
            "descriptors": {"notes": ["x"]}, "pattern_descriptors": patterns, "rdm_descriptors": people}


def _safetensors() -> list[bytes]:
    tensor = b'{"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"__metadata__":{%s}}'
    headers = [tensor % told for told in (b'"a":"b"', rb'"names":"[\"dog\", \"cat\"]"')]
    return [len(header).to_bytes(8, "little") + header + np.arange(6, dtype="<f4").tobytes() for header in headers]


def _mat() -> list[bytes]:
    import peer_files
    from scipy.io import savemat

    held = {"x": np.arange(6.0).reshape(2, 3), "cell": np.array([["a", np.eye(2)]], object), "c": np.eye(2) * 1j}
    plain = {"x": held["x"], "label": "text"}
    people = np.zeros((1, 2), [("rdm", object), ("name", object)])
    people[0] = [(np.eye(3), "a"), (np.ones((3, 3), "f4"), "b")]
    structs = {"people": people, "s": {"set1": {"pairs": np.arange(12.0).reshape(2, 6)}, "set2": {}}}
    rdms = [np.eye(3)] * 2
    found = [
        peer_files.mat(peer_files.rsa_toolbox(rdms, ["a", "b"])),
        peer_files.meadows({"able-fly": ([1.0, 2.0, 3.0], "abc"), "owl": ([1.0, 2.0, 3.0], "bac")}),
        _saved(lambda path: savemat(path, structs, appendmat=False)),
        _saved(lambda path: savemat(path, structs, appendmat=False, do_compression=True)),
        _saved(lambda path: savemat(path, held, appendmat=False)),
        _saved(lambda path: savemat(path, held, appendmat=False, do_compression=True)),
        _saved(lambda path: savemat(path, plain, appendmat=False, format="4")),
    ]
    if find_spec("h5py") is not None:
        found.append(
            _saved(lambda path: peer_files.write_73(path, x=np.eye(2), rdms=[{"RDM": np.eye(3), "name": "a"}] * 2))
        )
    return found


def _h5() -> list[bytes]:
    import h5py

    def write(path: Path, **options: object) -> None:
        with h5py.File(path, "w", **options) as file:
            file.create_dataset("features", data=np.eye(4, dtype="f4"), chunks=(2, 4), compression="gzip")
            file["names"] = ["dog", "cat", "ä", "d"]
            file["g/x"] = np.arange(6).reshape(2, 3)
            file["link"] = h5py.SoftLink("/g/x")

    def images(path: Path, raw: bool) -> None:
        with h5py.File(path, "w") as file:
            kept = file.create_dataset("images", (5,), dtype=h5py.vlen_dtype(np.uint8)) if raw else None
            for k in range(5 if raw else 0):
                kept[k] = np.arange(k * 9, dtype=np.uint8)
            if not raw:
                file.create_dataset(
                    "images", data=np.ones((5, 4, 3, 3), np.uint8), chunks=(2, 4, 3, 3), compression="gzip"
                )

    def rdms(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, part in _rdms().items():
                if isinstance(part, str):
                    file.attrs[name] = part
                    continue
                held = (
                    {f"{name}/{key}": value for key, value in part.items()} if isinstance(part, dict) else {name: part}
                )
                for key, value in held.items():
                    file[key] = np.array(value).astype("S") if "subject" in key else value

    return [
        _saved(rdms),
        *(_saved(lambda path, raw=raw: images(path, raw)) for raw in (False, True)),
        _saved(write),
        _saved(lambda path: write(path, libver="latest")),
    ]


def _parquet() -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = pa.table({"name": ["dog", "cat"], "f0": [0.5, 1.0], "f1": [1, 2]})
    nested = pa.table({"a": [[1, 2], [3]], "b": [{"z": 1}, {"z": 2}], "c": pa.array(["x", "y"]).dictionary_encode()})
    image = pa.table({"image": [{"bytes": bytes(9 * k), "path": f"{k}.png"} for k in range(5)], "label": [*range(5)]})
    saved = []
    for table, pack in ((plain, "snappy"), (plain, "none"), (nested, "zstd"), (image, "snappy")):
        saved.append(_saved(lambda path, table=table, pack=pack: pq.write_table(table, path, compression=pack)))
    return saved


def _tar() -> list[bytes]:
    found = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            for name in ("a.jpg", "d/ä.png", "p" * 99 + "/n.jpg", "b.txt"):
                told = tarfile.TarInfo(name)
                told.size = len(name)
                archive.addfile(told, io.BytesIO(name.encode()))
        found.append(file.getvalue())
    return found


def _pt() -> list[bytes]:
    import torch

    tree = {"a": torch.ones(2, 3), "b": {"c": torch.ones(4).bfloat16()}, "names": ["x", "y"]}
    return [
        _saved(lambda path: torch.save(tree, path)),
        _saved(lambda path: torch.save(tree, path, _use_new_zipfile_serialization=False)),
    ]


def _manifest() -> list[bytes]:
    layers = [
        {"name": name, "file": f"{name}.npy", "shape": [3, d], "dtype": "float32"}
        for name, d in (("penultimate", 4), ("logits", 2))
    ]
    told = {"command": "extract", "schema": 1, "model": "timm:x", "layers": layers, "names": "names.txt", "n_rows": 3}
    return [json.dumps(told).encode(), json.dumps({**told, "layers": layers[:1]}, indent=2).encode()]


def _index() -> list[bytes]:
    kinds = ["flat"] if find_spec("faiss") is None else ["flat", "HNSW4", "IVF2,Flat"]
    x = np.random.default_rng(0).normal(size=(90, 3))
    return [_saved(build_index(x, measure=measure, index=one).save) for one in kinds for measure in ("cosine", "rbf")]


def _json() -> list[bytes]:
    import peer_files
    from every_document import every_result, other_results

    found = [peer_files.as_json(peer_files.tree(peer_files.arrangement("a", range(3), "abc")))]
    for make in (every_result, other_results):
        with tempfile.TemporaryDirectory() as folder:
            found += [one.to_json().encode() for one in make(Path(folder)).values()]
    return found


SHORT_STUDY = """\
title = "t"
names = "n.txt"
images = "photos"
[models]
a = "a.npy"
b = { file = "b.h5::x/y", per_object = "mean" }
c = { extract = "pixels:4", layer = "penultimate", batch_size = 2 }
[triplets.one]
file = "t.csv"
columns = [0, 1, "odd"]
subject_column = "who"
[triplets.two]
file = "u.npy"
[human]
file = "r.npy"
kind = "dissimilarity"
[dimensions]
file = "d.csv"
labels = "l.txt"
[steps.score]
triplets = "one"
measure = ["cosine", "dot"]
ceiling = "step:ceiling::upper"
ci = { by = "objects", confidence = 0.9, seed = 3 }
[steps.ceiling]
triplets = "one"
[steps.probe]
models = ["a", "c"]
triplets = "two"
penalties = [0.1, 1.0]
folds = 2
[steps.after]
function = "concepts"
triplets = "one"
models = "b"
transform = "step:probe::a"
[steps.rsa]
matrix = { m = "m.npy" }
[steps.cka]
n_permutations = 5
"""


def _toml() -> list[bytes]:
    return [SHORT_STUDY.encode(), b'models.a = "a.npy"\ntriplets = "t.csv"\n[steps.score]\n']


def _nc() -> list[bytes]:
    import h5py

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for k in range(3):
                file[f"image_{k}"] = ["dog", "cat", "ä", "d"]
            file["data"] = np.arange(4) % 3

    return [_saved(write)]


VALID = {
    ".npy": _npy, ".npz": _npz, ".pkl": _pkl, ".safetensors": _safetensors, ".mat": _mat, ".h5": _h5, ".nc": _nc,
    ".parquet": _parquet, ".pt": _pt, ".tar": _tar,
    ".csv": lambda: [_text(","), _text(";"), b"0,1,2\n3,4,5\n", b"subject,a,b,rating\nx,p,q,1\n"],
    ".tsv": lambda: [_text("\t")], ".txt": lambda: [_text(" "), b"dog\ncat\n"], ".csv.gz": lambda: [_text(",")],
    FILE_NAMES: lambda: [b"/i/a/1.jpg\n/i/a/2.jpg\n/i/b/1.jpg\n", b"a.jpg\nb.jpg\nc.jpg\n"],
    MANIFEST: _manifest, INDEX: _index, DOCUMENT: _json, STUDY: _toml,
}
ISOLATED = tuple(suffix for suffix in VALID if suffix in FORMATS and ".isolated:" in FORMATS[suffix].function)


def mutate(raw: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """One to four changes: bytes, numbers, tokens, cuts, pieces of other files; the first bytes more often."""
    found = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(min(len(found), rng.choice((64, 512, 1 << 30))) or 1) if found else 0
        match rng.randrange(8):
            case 0:
                found[place : place + 1] = bytes([rng.randrange(256)])
            case 1 if found:
                found[place] ^= 1 << rng.randrange(8)
            case 2 | 3:
                size = rng.choice((1, 2, 4, 8))
                number = (rng.choice(NUMBERS) + rng.choice((0, 0, 1))) % (1 << 8 * size)
                found[place : place + size] = number.to_bytes(size, rng.choice(("little", "big")))
            case 4:
                found[place:place] = rng.choice(TOKENS) * rng.choice((1, 1, 2, 100))
            case 5:
                del found[place : place + rng.choice((1, 4, 8, 100, 1 << 30))]
            case 6:
                other = rng.choice(others)
                start = rng.randrange(len(other))
                found[place : place + rng.choice((0, 8, 64))] = other[start : start + rng.choice((8, 64, 1000))]
            case _:
                found[place:place] = found[max(0, place - rng.choice((1, 8, 64))) : place] * rng.choice((1, 3))
    return bytes(found)


def inside(raw: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A zip in which one member is changed, its sums right."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w") as new:
        chosen = rng.choice(old.namelist())
        for told in old.infolist():
            content = old.read(told)
            new.writestr(told, mutate(content, [content], rng) if told.filename == chosen else content)
    return file.getvalue()


def sealed(raw: bytes, rng: random.Random) -> bytes:
    """An index whose manifest is changed, its hash right; what faiss reads stays as it was."""
    line, _, data = raw[len(MARK) + 65 :].partition(b"\n")
    rest = mutate(line, [line], rng).replace(b"\n", b" ") + b"\n" + data
    return MARK + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def rearranged(suffix: str, raw: bytes, rng: random.Random) -> bytes:
    """A document or a study that is sound as JSON or TOML, and changed in its structure."""
    from every_document import restructured

    if suffix == DOCUMENT:
        return json.dumps(restructured(json.loads(raw), rng)).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.toml")
        path.write_bytes(raw)
        held = restructured(read_toml(path, "studies"), rng)
    lines = (f"{key_of(name)} = {quoted(value)}" for name, value in held.items() if value is not None)
    return "\n".join(lines).encode("utf-8", "replace")


def mutant(suffix: str, valid: list[bytes], rng: random.Random) -> bytes:
    """A damaged file of a format."""
    raw = rng.choice(valid)
    if suffix.endswith(".gz"):
        packed = rng.random() < 0.3
        return mutate(gzip.compress(raw), [raw], rng) if packed else gzip.compress(mutate(raw, valid, rng), 1)
    if raw.startswith(b"PK") and rng.random() < 0.6:
        return inside(raw, valid, rng)
    if suffix in (DOCUMENT, STUDY) and rng.random() < 0.8:
        return rearranged(suffix, raw, rng)
    if suffix == INDEX and rng.random() < 0.5:
        return sealed(raw, rng)
    return mutate(raw, valid, rng)


def check(path: Path) -> None:
    """Every reader reads the file or refuses it in one line, in time."""
    own = {INDEX: (load_index,), DOCUMENT: (_result,), STUDY: (_study,)}.get(path.suffix, ())
    for read in (*READERS, *[_images] * (path.suffix in IMAGES), *own):
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        try:
            read(path)
        except InputError as error:
            message = str(error)
            assert message.startswith(f"{path}: ") and len(message.splitlines()) == 1 and len(message) < 1000, message
        except MissingExtraError:
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _late(*_: object) -> None:
    raise AssertionError(f"not read within {LONGEST} seconds")


def _limit(suffix: str) -> None:
    """Address space: what is in use, and what a reader may take; separate processes have limits of their own."""
    signal.signal(signal.SIGALRM, _late)
    if suffix not in ISOLATED:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGESIZE") + 2 * ROOM
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def places(folder: str, suffix: str) -> tuple[Path, Path]:
    """The file that is damaged, and what is read: the file, or the folder around it."""
    if suffix == DOCUMENT:
        scores = (one for one in VALID[DOCUMENT]() if b'"command": "score"' in one[:40])
        Path(folder, "sound.document").write_bytes(next(scores))
    if suffix == FILE_NAMES:
        np.save(Path(folder, "features.npy"), np.ones((3, 2), "f4"))
        return Path(folder, FILE_NAMES), Path(folder)
    if suffix != MANIFEST:
        return Path(folder, f"x{suffix}"), Path(folder, f"x{suffix}")
    for name, d in (("penultimate", 4), ("logits", 2)):
        np.save(Path(folder, f"{name}.npy"), np.ones((3, d), "f4"))
    Path(folder, "names.txt").write_text("a/1.jpg\na/2.jpg\nb/1.jpg\n")
    return Path(folder, MANIFEST), Path(folder)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        if os.path.exists(sys.argv[1]):
            _limit(Path(sys.argv[1]).suffix)
            for name in sys.argv[1:]:
                print(name, file=sys.stderr)  # the last one is at fault
                check(Path(name))
        else:
            suffix, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
            valid, rng, count = VALID[suffix](), random.Random(seed), 0
            path, read = places(folder, suffix)
            end = time.monotonic() + seconds
            _limit(suffix)
            for raw in valid:
                path.write_bytes(gzip.compress(raw) if suffix.endswith(".gz") else raw)
                check(read)
            while time.monotonic() < end:
                raw = mutant(suffix, valid, rng)
                path.write_bytes(raw or b"\n")
                try:
                    check(read)
                except BaseException:
                    print(f"seed {seed}, file {count}: {base64.b85encode(raw).decode()}", file=sys.stderr)
                    raise
                count += 1
            print(count, "files")
    own = peak()
    isolated._stop_all()
    print(own >> 10, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, "MB")


def peak():
    """KiB of this process alone: that of getrusage also counts what the process had before it became this one."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
