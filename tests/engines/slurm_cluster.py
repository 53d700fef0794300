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
REQUIRED = "PYALIGN_REQUIRE_SLURM"  # set where a skipped test is a failure


def why_not():
    """Why there is no SLURM here; nothing where there is one."""
    if not (PACKAGES / "complete").exists():
        return "SLURM is not unpacked: bash tests/engines/fetch_slurm.sh build/slurm"
    probe = subprocess.run(
        ["unshare", "-n", "-m", "-u", "ip", "link", "set", "lo", "up"], capture_output=True, text=True
    )
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
        wait_until(lambda: ready.exists() or self._up.poll() is not None, 120)
        if not ready.exists() or ready.read_text().count("idle") != 2:
            self.__exit__()
            logs = "\n".join(path.read_text(errors="replace") for path in self.work.glob("*.err"))
            raise RuntimeError(f"SLURM has not started: {logs[-2000:]}")
        return self

    def __exit__(self, *reason):
        for node in ("gpu1", "cpu1"):
            for pid in self.processes(node):
                kill(pid)
        self._up.stdin.close()
        try:
            self._up.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._up.pid, signal.SIGKILL)
            self._up.wait()

    def run(self, *command, check=True):
        """What a command prints that runs where the controller is."""
        env = {**os.environ, "SLURM_CONF": str(self.work / "slurm.conf")}
        inside = ["nsenter", "-t", str(self._up.pid), "-n", "-m", "-u", f"--wd={self.folder}", *map(str, command)]
        done = subprocess.run(inside, env=env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{shlex.join(map(str, command))}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def jobs(self):
        """The state of each job and task that is not done yet, by its number."""
        lines = self.run("squeue", "-h", "-r", "-o", "%i %T %N").splitlines()
        return {line.split()[0]: tuple(line.split()[1:]) for line in lines}

    def wait(self, seconds):
        """Waits until no job is left."""
        wait_until(lambda: not self.jobs(), seconds, lambda: f"jobs are left: {self.jobs()}")

    def processes(self, node):
        """The processes in the network namespace of a node, slurmd among them."""
        pid = self.work / f"{node}.pid"
        own = namespace(pid.read_text().strip()) if pid.exists() else None
        return [pid for pid in map(str, pids()) if own and namespace(pid) == own]

    def makes(self, node, out):
        """Whether a process of a node makes a unit of a study at the moment."""
        claims = [path.read_text() for path in (Path(out) / "records").glob("*.claim")]
        return any(f"-{pid}-" in claim for pid in self.processes(node) for claim in claims)

    def cut(self, node, and_kill):
        """Takes the link of a node down and, if asked, kills all its processes."""
        self.run("ip", "link", "set", f"to-{node}", "down")
        if and_kill:
            for pid in self.processes(node):
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
