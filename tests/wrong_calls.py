"""Calls of a function of pyalign.h: one that fits, and for each of its parameters and fields some in which it is wrong.

``python wrong_calls.py LIBRARY HEADER pa_NAME`` prints a line of JSON before each call, the path of what is wrong and
its value, and one after it, the status, its text and whether anything was written: a call that ends the process is the
last line. Types, structs and parameters are read from the header. Nearly every number of the call that fits is 3, so a
new function enters by itself if its sizes may all be 3, and with rows of `NUMBERS` if not.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from itertools import count

ROOM, ARRAYS = 1 << 13, 32  # bytes of each array, and how many there are at most
NUMBERS = {  # those that are not 3, by the name of the parameter or field
    "at_once": 0, "bytes": 8, "column_stride": 1, "first": 0, "k": 1, "lanes": 64, "own": -1, "shift": 0,
}
ENUMS = {"pa_float_type": 1, "pa_index_type": 2, "pa_pair": 1, "pa_status": 0}  # float64, int32, cosine
WRITTEN = {"pa_triplet_check", "pa_sums", "pa_loss_sums"}  # structs that are results
INDICES = {"data", "items", "orders", "places"}  # what holds 0, 1, 2 again and again; other arrays hold 0
PLAIN = {"int64_t": ctypes.c_int64, "double": ctypes.c_double}  # others: int
ALIGNED = {"int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t", "double", "void", *WRITTEN}
HUGE = (1 << 61, 1 << 62, (1 << 63) - 1, -(1 << 61), -(1 << 62), -(1 << 63))
WRONG = {"int64_t": (-1, *HUGE), "int": (-1, 4, (1 << 31) - 1, -(1 << 31)), "double": (-1.0, float("nan"))}
OTHERS = (-1, 99)  # of an enum
RESULTS = {"pa_status": ctypes.c_int, "int": ctypes.c_int, "int64_t": ctypes.c_int64, "void": None}


def members(text, separator):
    """(type, whether it is a pointer, name) of each parameter or field."""
    for part in text.split(separator):
        kind, *words = part.replace("const ", "").replace("*", " * ").split() or ["void"]
        for name in "".join(words).replace("*", "").split(",") if words else ():
            yield kind, "*" in words, name.partition("[")[0]


def declarations(path):
    """The structs of a header, name to fields, and its functions, name to what they return and take."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    structs = re.findall(r"typedef struct \{(.*?)\} (\w+);", text, re.DOTALL)
    functions = re.findall(r"^PA_API ([\w* ]+?\**)(pa_\w+)\((.*?)\);", text, re.MULTILINE | re.DOTALL)
    return (
        {name: [*members(fields, ";")] for fields, name in structs if name not in WRITTEN},
        {name: (result.strip(), [*members(taken, ",")]) for result, name, taken in functions},
    )


class Calls:
    """The arguments of calls of one function, and the memory that they point to."""

    def __init__(self, structs, parameters):
        self.structs, self.parameters = structs, parameters
        self.memory = ctypes.create_string_buffer(ROOM * (ARRAYS + 2))
        self.types = {}
        for name, fields in structs.items():
            listed = [(field, self.type_of(kind, pointer)) for kind, pointer, field in fields]
            self.types[name] = type(name, (ctypes.Structure,), {"_fields_": listed})

    def type_of(self, kind, pointer):
        return ctypes.c_void_p if pointer else self.types.get(kind) or PLAIN.get(kind, ctypes.c_int)

    def arguments(self, wrong=(), value=None):
        """Those of a call, in which the parameter or field of the path `wrong` has the value."""
        ctypes.memset(self.memory, 0, len(self.memory))
        self.wrong, self.instead = wrong, value
        self.arrays = count(-(-ctypes.addressof(self.memory) // 64) * 64 + ROOM, ROOM)
        return [self.made(*member, (member[2],)) for member in self.parameters]

    def made(self, kind, pointer, name, path):
        here = path == self.wrong
        if kind in self.structs:
            filled = self.types[kind]()
            for member in self.structs[kind]:
                made = self.made(*member, (*path, member[2]))
                setattr(filled, member[2], made)
            if not pointer:
                return filled
            return None if here else ctypes.pointer(filled)
        if pointer:
            at = self.array(kind, name)
            return ctypes.c_void_p(at if not here else at + 1 if self.instead else None)
        usual = ENUMS[kind] if kind in ENUMS else NUMBERS.get(name, 3)
        return self.type_of(kind, False)(self.instead if here else usual)

    def array(self, kind, name):
        at = next(self.arrays)
        if name in INDICES and kind in ("int32_t", "void"):
            (ctypes.c_int32 * 9).from_address(at)[:] = [0, 1, 2] * 3
        return at

    def faults(self, members, path=()):
        """(path, value) of everything that can be wrong, once each; None is NULL."""
        for kind, pointer, name in members:
            here = (*path, name)
            if pointer:
                yield here, None
            if kind in self.structs:
                yield from self.faults(self.structs[kind], here)
            elif not pointer:
                yield from ((here, value) for value in WRONG.get(kind, OTHERS))
            elif kind in ALIGNED:
                yield here, "not aligned"


def main(library, header, name):
    structs, functions = declarations(header)
    returned, parameters = functions[name]
    loaded = ctypes.CDLL(library)
    loaded.pa_status_text.restype = ctypes.c_char_p
    function = getattr(loaded, name)
    function.restype = RESULTS.get(returned, ctypes.c_char_p)
    calls = Calls(structs, parameters)
    for path, value in [((), None), *calls.faults(parameters)]:
        arguments = calls.arguments(path, value)
        before = calls.memory.raw
        print(json.dumps([".".join(path), value]), flush=True)
        status = function(*arguments)
        text = loaded.pa_status_text(status).decode() if returned == "pa_status" else ""
        print(json.dumps([status if text else None, text, calls.memory.raw != before]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
