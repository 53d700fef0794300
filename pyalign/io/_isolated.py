"""The other side of `isolated`: the process that reads files, or draws, with one package as long as somebody asks."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from pyalign._registry import load
from pyalign.errors import InputError, MissingExtraError
from pyalign.io._isolated_channel import Channel, set_limit


def serve(descriptor: int) -> None:
    """Answer requests until the other side is gone."""
    package = sys.argv[1]
    line = socket.socket(fileno=descriptor)
    set_limit("RLIMIT_CORE", 0)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory runs out, this process is the one to lose
    module: ModuleType | None = None
    with suppress(MissingExtraError):
        module = load(f"pyalign.io._isolated_{package}")
    while request := _request(line):
        channel = Channel(line, request["size"])
        channel.progress()
        function = None if module is None else getattr(module, request["function"])
        channel.reply(_answer(channel, function, request))


def _request(line: socket.socket) -> dict[str, Any] | None:
    with line.makefile("rb") as file:
        head = file.read(8)
        return json.loads(file.read(int.from_bytes(head, "little"))) if len(head) == 8 else None


def _answer(channel: Channel, function: Callable[..., Any] | None, request: dict[str, Any]) -> dict[str, Any]:
    if function is None:
        return {"fault": "missing", "own": False}
    path, room = request["path"], request["room"]
    try:
        set_limit("RLIMIT_AS", _in_use() + room)
        return {"document": function(channel, path, *request["args"])}
    except InputError as error:
        return {"fault": str(error).removeprefix(f"{path}: "), "own": True}
    except MemoryError:
        return {"fault": f"reading it takes more than {room} bytes of memory", "own": False}
    except Exception as error:
        detail = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return {"fault": detail.replace(path, os.path.basename(path))[:160], "own": False}


def _in_use() -> int:
    """Bytes of address space; libraries reserve more than they take."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 1 << 40
