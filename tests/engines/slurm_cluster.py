"""A SLURM of one controller and two nodes on this machine, whose nodes can be cut off."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / "build" / "slurm"
NODES = "gpu1", "cpu1"


def why_not():
    """Why there is no SLURM here; nothing where there is one."""
    if not (PACKAGES / "complete").exists():
        return "SLURM is not there: make engine-packages"
    nodes = f"ip link add bridge type bridge && mount -t overlay overlay -o lowerdir={PACKAGES}/root/usr:/usr /usr"
    probe = subprocess.run(["unshare", "-n", "-m", "-u", "bash", "-c", nodes], capture_output=True, text=True)
    return "" if probe.returncode == 0 else f"SLURM needs namespaces, which root may make: {probe.stderr.strip()}"


class Slurm:
    """As a context, the running cluster. Commands run next to the controller, in `folder`."""

    def __init__(self, work, folder):
        self.work, self.folder = Path(work), Path(folder)

    def __enter__(self):
        self.work.mkdir(parents=True)
        command = ["unshare", "-n", "-m", "-u", "bash", HERE / "slurm_up.sh", PACKAGES / "root", self.work]
        with open(self.work / "up.err", "w") as log:
            self._up = subprocess.Popen(
                [*map(str, command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        ready = self.work / "ready"
        try:
            wait_until(lambda: ready.exists() or self._up.poll() is not None, 120, self.logs)
            if not ready.exists() or ready.read_text().count("idle\n") != 2:
                raise RuntimeError(f"SLURM has not started:\n{self.logs()}")
            self._networks = {node: namespace((self.work / f"{node}.pid").read_text().strip()) for node in NODES}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason):
        """Ends all that runs on the nodes, too."""
        self._up.stdin.close()
        try:
            self._up.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._up.pid, signal.SIGKILL)
            self._up.wait()

    def run(self, *command, check=True):
        """What a command prints that runs where the controller is."""
        env = {**os.environ, "SLURM_CONF": str(self.work / "slurm.conf")}
        inside = ["nsenter", "-t", str(self._up.pid), "-n", "-m", "-u", f"--wd={self.folder}", *map(str, command)]
        done = subprocess.run(inside, env=env, capture_output=True, text=True, check=False, timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"{shlex.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def jobs(self):
        """The state of each job and task that is not done yet, and why it waits, by its number."""
        lines = self.run("squeue", "-h", "-r", "-o", "%i|%T|%r|%N").splitlines()
        return {line.split("|")[0]: line.split("|")[1:] for line in lines}

    def logs(self):
        """What a failing test shows: jobs, nodes, and the last lines that each daemon has written."""
        texts = []
        for command in (
            ("squeue -r -o '%i %T %r %N %S'", "sinfo -N -o '%N %T %H %E'") if self._up.poll() is None else ()
        ):
            try:
                texts.append(self.run(*shlex.split(command), check=False))
            except subprocess.TimeoutExpired as late:
                texts.append(f"{late}\n")
        for path in sorted([*self.work.glob("*.err"), *self.work.glob("*.out"), *self.work.glob("*.log")]):
            lines = [line for line in path.read_text(errors="replace").splitlines() if "update_job" not in line]
            texts.append("\n".join([f"{path.name}:", *lines[-25:]]))
        return "\n".join([*texts, self.printed()])

    def printed(self):
        """What the jobs of a study have printed."""
        return "\n".join(f"{path.name}: {path.read_text()}" for path in sorted(self.folder.glob("out/.slurm/*.out")))

    def processes(self, node):
        """The processes in the network namespace of a node, slurmd among them."""
        return [pid for pid in map(str, pids()) if namespace(pid) == self._networks[node]]

    def makes(self, node, out):
        """Whether a process of a node makes a unit of a study at the moment."""
        claims = [path.read_text() for path in (Path(out) / "records").glob("*.claim")]
        return any(f"-{pid}-" in claim for pid in self.processes(node) for claim in claims)

    def cut(self, node, and_kill):
        """Takes the link of a node down and, if asked, kills all its processes."""
        self.run("ip", "link", "set", f"to-{node}", "down")
        if and_kill:
            while left := self.processes(node):  # one that has just been started is in no list
                for pid in left:
                    kill(pid)


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def kill(pid):
    with suppress(ProcessLookupError):
        os.kill(int(pid), signal.SIGKILL)


def wait_until(condition, seconds, what=lambda: "it has not happened"):
    """Waits until a condition holds; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s: {what()}")
        time.sleep(0.1)
