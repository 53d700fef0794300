"""Files, folders and names of files that no option may take, whatever it reads."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import zipfile

from pyalign.io.formats import FORMATS

FIRST = {}  # the first suffix of each reader
for suffix, reader in FORMATS.items():
    FIRST.setdefault(reader.function, suffix)
OF_READERS, TEXTS = tuple(FIRST.values()), (".tsv", ".txt", ".csv.gz")


class Code:
    """Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def npy(shape="(24, 5)", dtype="<f8", data=b"", fortran="False"):
    """A file of numpy's format with this header."""
    header = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


def contents():
    """name -> bytes, of files that no option may take: what they say they are, they are not."""
    text = "".join(f"object-{k},{k},{k % 7}\n" for k in range(4000)).encode()
    packed, whole, code = gzip.compress(text), npy(data=bytes(960)), pickle.dumps({"x": {"y": {"z": Code()}}})
    sound = zipped(x_npy=whole)
    safe = b'{"x":{"dtype":"F64","shape":[%d,5],"data_offsets":[0,960]}}'
    found = {
        "code.pkl": code,
        "code.npy": npy("(1,)", "|O", code),
        "code.npz": zipped(x_npy=npy("(1,)", "|O", code)),
        "cut.npy": whole[:500],
        "header.npy": whole[:40],
        "huge.npy": npy("(4611686018427387904, 4)"),
        "wide.npy": npy("(24, 99999999999)"),
        "negative.npy": npy("(-24, 5)", data=bytes(960)),
        "deep.npy": npy(f"{'(' * 200}{')' * 200}"),
        "complex.npy": npy("(24, 5)", "<c16", bytes(1920)),
        "call.npy": npy("(__import__('os').mkdir('ran'), 5)", data=bytes(960)),
        "nothing.npy": npy("(0, 5)"),
        "cut.npz": sound[:-30],
        "huge.npz": zipped(x_npy=npy("(4611686018427387904, 4)")),
        "none.npz": zipped(),
        "outside.npz": zipped(**{"../x_npy": whole})[:-10],
        "bomb.npz": zipped(x_npy=npy("(99999999, 9)", data=bytes(1 << 24))),
        "cut.csv.gz": packed[: len(packed) // 2],
        "end.csv.gz": packed[:-4],
        "plain.csv.gz": text,
        "sum.csv.gz": packed[:-8] + bytes(4) + packed[-4:],
        "damaged.csv.gz": packed[:400] + b"\xff" * 40 + packed[440:],
        "latin.csv.gz": gzip.compress(b"caf\xe9,1,2\n"),
        "bomb.csv.gz": gzip.compress(bytes(1 << 27), 1),
        "latin.csv": b"name,a,b\ncaf\xe9,1,2\n",
        "nul.csv": b"a\0b,1,2\n" * 24,
        "wide.csv": text.replace(b",", b"\xff\xfe"),
        "single.npz": zipped(x_npy=npy("()", data=bytes(8)), y_npy=npy("()", data=bytes(8))),
        "latin.txt": b"caf\xe9\n" * 24,
        "nul.txt": b"a\0b\n" * 24,
        "blank.txt": b"\n\n",
        "cut.pkl": code[:10],
        "long.safetensors": (1 << 62).to_bytes(8, "little") + safe % 24,
        "huge.safetensors": len(safe % (1 << 60)).to_bytes(8, "little") + safe % (1 << 60) + bytes(960),
        "deep.json": b"[" * 100_000,
        "nan.json": b'{"command": "compare", "schema": NaN}',
        "list.json": b"[]",
        "number.json": b"9" * 10_000,
        "other.json": b'{"command": "../../x", "schema": 1}',
        "latin.json": b'{"a": "\xe9"}',
        "deep.toml": b"a." * 5000 + b"b = 1",
        "outside.toml": b'[triplets]\nfile = "/etc/passwd"\n',
        "latin.toml": b"a = '\xe9'",
        "number.toml": b"a = " + b"9" * 5000,
        "key.toml": b'[triplets]\nfile = "a::b.npy"\n',
        "cut.tar": bytes(700),
        "name.xlsx": text,
        "noname": text,
        "cut.index": b"\x80" * 100,
    }
    found |= {f"empty{suffix}": b"" for suffix in (*OF_READERS, ".txt", ".toml")}
    found |= {f"text{suffix}": b"hello\n" for suffix in OF_READERS if ".text:" not in FORMATS[suffix].function}
    return found


def write_hostile(folder):
    """Files, folders and links in a new folder; gives what to say in place of a sound file, by what is wrong."""
    folder.mkdir()
    for name, content in contents().items():
        (folder / name).write_bytes(content)
    (folder / "empty").mkdir()
    (folder / "gone.npy").symlink_to("nowhere.npy")
    (folder / "round.npy").symlink_to("round.npy")
    (folder / "a.txt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.npy")
    links = folder / "linked"  # a folder as thingsvision writes it
    links.mkdir()
    shutil.copy("a.npy", links / "features.npy")
    (links / "file_names.txt").symlink_to("/etc/passwd")
    told = folder / "manifest"
    told.mkdir()
    layer = {"name": "x", "file": "../../a.npy", "shape": [24, 5], "dtype": "float64"}
    document = {"command": "extract", "schema": 1, "model": "x", "layers": [layer], "n_rows": 24}
    (told / "manifest.json").write_text(json.dumps(document))
    odd = (
        "a\0b.npy",
        "a\ud800.npy",
        "x" * 5000 + ".npy",
        "no\nline.npy",
        "\x1b[2J.npy",
        "a.npy::nothing",
        "::",
        "a.npy::",
        "",
        "dataset:nothing",
        "glocal:nothing",
        "/dev/full",
        "/proc/self/mem",
        "missing.npy",
        "~nobody/x.npy",
    )
    return [*odd, *(str(path) for path in sorted(folder.iterdir()))]
