"""Runs commands of pyalign in copies of a process that has imported numpy, scipy and altair already: for pages of docs.

`Commands(folder).path` is a folder with a program `pyalign`, which hands its words, its environment, its folder and its
three streams to the server. A copy of that runs the command, as the installed program would, and returns its exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

IMPORTED = ("numpy", "scipy.stats", "scipy.optimize", "altair")
CLIENT = """
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv.pop(1))
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
server.sendall(request)
sys.exit((server.recv(1) or b"c")[0])  # 99: the command has ended without an exit code
"""


class Commands:
    """The server, and the folder with its client."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.path.mkdir(parents=True)
        client, place = folder / "client.py", str(folder / "socket")
        client.write_text(CLIENT)
        program = self.path / "pyalign"
        words = shlex.join([sys.executable, "-IS", str(client), place])
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)
        self._process = subprocess.Popen([sys.executable, __file__, place], stdout=subprocess.PIPE)
        assert self._process.stdout is not None and self._process.stdout.readline() == b"ready\n"

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate()


def serve(place: str) -> None:
    for name in IMPORTED:
        with contextlib.suppress(ImportError):
            __import__(name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            if os.fork() == 0:
                server.close()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                answer(client)
            client.close()
            reap()


def reap() -> None:
    """Waits for commands that have ended, so that their time counts as that of the server."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def answer(client: socket.socket) -> None:
    """Runs one command, and ends."""
    size, streams, _, _ = socket.recv_fds(client, 8, 3)
    request = b""
    while len(request) < int.from_bytes(size, "big"):
        request += client.recv(1 << 16)
    words, folder, environment = json.loads(request)
    for k, stream in enumerate(streams):
        os.dup2(stream, k)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name("pyalign")), *words]
    code = 1
    try:
        from pyalign.cli import main

        code = main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        client.sendall(bytes([code & 255]))
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
