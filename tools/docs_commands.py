"""Runs the shell commands of pages of the documentation, and compares what they print, or writes it into the pages.

    python tools/docs_commands.py docs/tutorial-things.md [--data ../shared/data] [--write]

A block of ``sh`` runs by bash in a folder of the page's own, after the blocks before it. Where a block of ``text``
follows, it is what the block prints on both streams; ``...`` stands for anything, white space counts as one blank, and
sizes in MB may differ by 0.01.
Files of the reader's own that the commands name are those of `stand_ins`.

A comment right before a block says what is special about it; both stand with a comma between:

    <!-- real data -->          runs with --data alone, in a folder with the files of `FILES`; also a block of python
    <!-- about -->              only words are compared, numbers may differ: they depend on the processor

A line that installs something does not run, nor one that ends in a comment "needs ..." with what `NEEDS` names, which
the reader sees.
"""

from __future__ import annotations

import argparse
import doctest
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stand_ins

FILES = {  # as the pages call them: where they lie in the folder of real data
    "clip.npy": "things/clip_vit_b32.npy",
    "lite0.npy": "things/efficientnet_lite0_logits.npy",
    "word2vec.npy": "things/word2vec.npy",
    "spose.txt": "things/spose_embedding_66d_sorted.txt",
    "labels.txt": "things/spose_66d_labels.txt",
    "names.txt": "things/unique_id.txt",
    "category27.tsv": "things/category27.tsv",
    "answers.npy": "things/human_triplets_127304.npy",
    "people92.npz": "objects92/kriegeskorte92_images_and_behaviour.npz",
    "alexnet92.npz": "objects92/alexnet_fc_92.npz",
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLS = re.compile(r"(\w+=\S+ |\S*/)?(pip install|make (demo|test)|python3 -m venv|sudo apt-get install)\b")
NEEDS = re.compile(r"#.*\bneeds (a download|a GPU|an idle machine|the repository|Snakemake|submitit|Ray)\b")
COMMENT = re.compile(r"<!-- ([^>]*) -->\n\Z")
SIZE = re.compile(r"(\d+\.\d+) MB")
PROGRESS = re.compile(r"^progress after .*\n", re.M)  # a line a minute: the more, the slower the machine
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]\d+)?")


@dataclass(frozen=True)
class Block:
    """Commands with the place of what they print, which is None where the page doesn't say it."""

    commands: str
    printed: str | None
    start: int
    end: int
    comment: str

    @property
    def run(self) -> str:
        """The lines that run, each with those that go on after a backslash."""
        lines = re.findall(r"(?:.*\\\n)*.*\n", self.commands)
        return "".join(line for line in lines if line[0] != "#" and not INSTALLS.match(line) and not NEEDS.search(line))

    @property
    def real(self) -> bool:
        return "real data" in self.comment

    def same(self, printed: str) -> bool:
        """Whether this is what the page says."""
        if self.printed is None:
            return True
        said, came = self.printed, printed
        sizes = zip(SIZE.findall(said), SIZE.findall(came), strict=False)
        if all(abs(float(one) - float(other)) < 0.011 for one, other in sizes):
            said, came = SIZE.sub("0 MB", said), SIZE.sub("0 MB", came)
        if "about" in self.comment:
            said, came = NUMBER.sub("0", said), NUMBER.sub("0", came)
        return doctest.OutputChecker().check_output(said, came, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page that are to be run, in order."""
    fences = list(FENCE.finditer(text))
    found = []
    for here, after in itertools.pairwise([*fences, None]):
        before = COMMENT.search(text[: here.start()])
        comment = before.group(1) if before else ""
        if here.group(1) != "sh" and not (here.group(1) == "python" and "real data" in comment):
            continue
        commands = here.group(2) if here.group(1) == "sh" else f"python - <<'END'\n{here.group(2)}END\n"
        shown = after is not None and after.group(1) == "text" and not text[here.end() : after.start()].strip()
        printed, place = (after.group(2), after.span(2)) if shown and after else (None, (0, 0))
        found.append(Block(commands, printed, *place, comment))
    return found


def run(block: Block, folder: Path, programs: Path | None = None) -> tuple[int, str]:
    """The exit code of a block, and what it prints; programs of that folder come before those of this Python."""
    first = [] if programs is None else [str(programs)]
    path = os.pathsep.join(
        [*first, str(Path(sys.executable).parent), str(folder / stand_ins.PROGRAMS), os.environ["PATH"]]
    )
    environment = {**os.environ, "PATH": path, "COLUMNS": "80", "PYALIGN_DATA": str(folder / "datasets")}
    done = subprocess.run(
        ["bash", "-e", "-c", block.run], cwd=folder, env=environment, encoding="utf-8", stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    return done.returncode, PROGRESS.sub("", done.stdout)


def differences(text: str, folder: Path, real: bool, programs: Path | None = None) -> list[tuple[Block, str]]:
    """The blocks of real data, or those that are not, that print something else than the page says, with what came.

    Raises:
        RuntimeError: a block fails where the page shows no error, or does not where it does.
    """
    found = []
    blocks = [block for block in blocks_of(text) if block.real == real and block.run.strip()]
    if not real:
        stand_ins.lay_out("".join(block.run for block in blocks), folder)
    for block in blocks:
        code, printed = run(block, folder, programs)
        if (code != 0) != (": error: " in (block.printed or "")):
            raise RuntimeError(f"ended with {code}:\n{block.commands}\n{printed}")
        if not block.same(printed):
            found.append((block, printed))
    return found


def lay_out(data: Path, folder: Path) -> None:
    """Puts copies of the real data into a folder, under the names that pages give them."""
    for name, place in FILES.items():
        shutil.copyfile(data / place, folder / name)


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the shell commands of pages of the documentation.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, help="the folder of real data, for the blocks that need it")
    parser.add_argument("--write", action="store_true", help="put what is printed into the pages")
    given, wrong = parser.parse_args(), 0
    for page in given.pages:
        text = page.read_text(encoding="utf-8")
        for real in (False, True) if given.data else (False,):
            with tempfile.TemporaryDirectory() as place:
                if real:
                    lay_out(given.data, Path(place))
                found = differences(text, Path(place), real)
            wrong += len(found)
            for block, printed in reversed(found):
                print(f"{page}:\n{block.commands}prints\n{printed}")
                if given.write:  # with notes in lines that a page shows
                    folded = re.sub("(?m)^ *note: .*", lambda note: textwrap.fill(note[0], 80), printed)
                    text = text[: block.start] + folded.rstrip() + "\n" + text[block.end :]
        if given.write:
            page.write_text(text, encoding="utf-8")
    return 0 if given.write else min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
