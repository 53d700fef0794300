"""Small files as other packages publish them: MATLAB 5, byte by byte, and 7.3, by h5py; trees of Meadows.

Source: MathWorks, "MAT-File Format"; rsatoolbox 0.3.2, `io/meadows.py`, for the names of variables and keys; Nili et
al., "A toolbox for representational similarity analysis", PLOS Computational Biology 2014, for the struct array.
"""

from __future__ import annotations

import json

import numpy as np

UTF8, UTF16 = 16, 17


def element(kind, raw, order="little"):
    """An element of a MATLAB file: its type, its length, its bytes up to a multiple of eight."""
    return kind.to_bytes(4, order) + len(raw).to_bytes(4, order) + raw + bytes(-len(raw) % 8)


def matrix(kind, shape, name, content):
    """A variable of a class: flags, dimensions, name, content."""
    head = element(6, kind.to_bytes(4, "little") + bytes(4)) + element(5, np.array(shape, "<i4").tobytes())
    return element(14, head + element(1, name.encode()) + content)


def numbers(name, values):
    values = np.atleast_2d(np.asarray(values, float))
    return matrix(6, values.shape, name, element(9, values.astype("<f8").tobytes("F")))


def text(name, rows, code=UTF8, coding="utf-8"):
    """Strings as rows of letters, which are stored column by column."""
    rows = [rows] if isinstance(rows, str) else list(rows)
    width = max(map(len, rows))
    letters = "".join(row.ljust(width)[k] for k in range(width) for row in rows)
    return matrix(4, (len(rows), width), name, element(code, letters.encode(coding)))


def structs(name, rows):
    """A struct array (1, n) of dicts: name of a field -> what makes its variable, given no name."""
    fields = list(rows[0])
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    inside = b"".join(row[field] for row in rows for field in fields)
    return matrix(2, (1, len(rows)), name, element(5, (32).to_bytes(4, "little")) + element(1, names) + inside)


def mat(*variables):
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(variables)


def write_73(path, **variables):
    """As MATLAB writes it: numbers transposed, letters as codes, structs as groups, arrays of structs as references."""
    import h5py

    def write(group, name, value):
        if isinstance(value, dict):
            made = group.create_group(name)
            for field, one in value.items():
                write(made, field, one)
        elif isinstance(value, list):  # of structs with the same fields
            made = group.create_group(name)
            for field in value[0]:
                refs = [write(file, f"#refs#/{name}{field}{k}", one[field]).ref for k, one in enumerate(value)]
                made.create_dataset(field, data=np.array(refs, h5py.ref_dtype)[:, None], dtype=h5py.ref_dtype)
            made.attrs["MATLAB_class"] = np.bytes_("struct")
            return made
        elif isinstance(value, str):
            made = group.create_dataset(name, data=np.frombuffer(value.encode("utf-16-le"), "<u2")[:, None])
        elif value is None:  # an array of no size
            made = group.create_dataset(name, data=np.array([0, 5], "u8"))
            made.attrs["MATLAB_empty"] = 1
        else:
            made = group.create_dataset(name, data=np.atleast_2d(value).T)
        made.attrs["MATLAB_class"] = np.bytes_({dict: "struct", str: "char"}.get(type(value), "double"))
        return made

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            write(file, name, value)
    with open(path, "r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file")


def rsa_toolbox(matrices, names, variable="RDMs"):
    """What the RSA toolbox keeps: a struct for each RDM, with its name and its color."""
    rows = zip(matrices, names, strict=True)
    return structs(
        variable,
        [{"RDM": numbers("", one), "name": text("", name, 4, "utf-16-le"), "color": numbers("", [0, 0, 1])}
         for one, name in rows],
    )


def meadows(people):
    """The variables of several participants: name -> pairs and objects."""
    made = [(name.replace("-", "_"), *judged) for name, judged in people.items()]
    return mat(*(numbers(f"rdmutv_{name}", pairs) + text(f"stimuli_{name}", objects) for name, pairs, objects in made))


def arrangement(name, pairs, objects):
    """A task of a tree of Meadows."""
    stimuli = [{"id": f"5f{k:06d}", "name": one, "type": "s3file"} for k, one in enumerate(objects)]
    return {"task": {"task_type": "multiarrange", "name": name}, "stimuli": stimuli, "rdm": list(map(float, pairs))}


def tree(*tasks):
    """The tree of a participant, who began with a questionnaire."""
    form = {"task": {"task_type": "info", "name": "welcome"}, "responses": [{"text": "23"}]}
    return {"name": "experiment", "version": "1", "tasks": [form, *tasks]}


def as_json(document):
    return json.dumps(document).encode()
