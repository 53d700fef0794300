"""What nvdisasm prints, as blocks and loops of kernels; and what a warp issues on its way through a loop or a kernel.

Where branches part, the way that counts is that of the work: instructions of the kind that is looked for, then bytes
loaded and stored, are as many as can be, and then instructions as few. So a loop that fetches either by one load of 16
bytes or by eight of two counts with the first, and a branch around the work is not taken. Blocks that lanes reach only
when a warp has parted, and what subroutines do, are not counted; a call is one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

MEMORY = re.compile(r"(LDG|LDS|LDSM|LDGSTS|LD|STG|STS|STSM|ST|ATOM|ATOMG|ATOMS|RED|REDG)\b")
WIDTH = re.compile(r"\.([US]8|[US]16|64|128|256)(?=\.|$)")
BYTES = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16, "256": 32}
MATRICES = {"4": 16, "2": 8}  # bytes a thread of 8 x 8 matrices
NEVER, ALWAYS = ("@!PT", "@!UPT"), ("", "@PT", "@UPT")
INSTRUCTION = re.compile(r"\s+/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+ )?\s*([^\s;]+)\s*(.*)")
LABEL = re.compile(r"\.L_\w+")


@dataclass(frozen=True)
class Instruction:
    """`guard` is the predicate before it, or empty; `labels` are where a branch goes."""

    opcode: str
    guard: str
    operands: str
    labels: tuple[str, ...]

    @cached_property
    def width(self) -> int:
        """Bytes that a thread loads or stores by it; 0 of what touches no memory, and of what never runs."""
        if not MEMORY.match(self.opcode) or self.guard in NEVER:
            return 0
        if self.opcode.startswith(("LDSM", "STSM")):
            return MATRICES.get(self.opcode[-1], 4)
        found = WIDTH.search(self.opcode)
        return BYTES[found[1]] if found else 4

    @property
    def predicated(self) -> bool:
        """Whether a predicate may switch it off: instructions, not branches."""
        return self.guard not in ALWAYS and not self.labels

    @property
    def ends(self) -> bool:
        """Whether what stands after it does not follow it."""
        kind = self.opcode.split(".")[0]
        if kind in ("BRX", "BRXU", "RET"):
            return True
        certain = self.guard in ALWAYS and not re.match(r"!?U?P\d", self.operands)
        return certain and kind in ("BRA", "EXIT", "JMP") and not self.opcode.startswith("BRA.DIV")


@dataclass
class Block:
    """Instructions that run one after the other; `after` are the numbers of the blocks that may follow."""

    instructions: list[Instruction] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Loop:
    """A natural loop: the number of the block at its head, and of all blocks in it."""

    head: int
    blocks: frozenset[int]


class Function:
    """One kernel, entered at block 0."""

    def __init__(self, symbol: str, architecture: int, lines: Iterable[str]) -> None:
        self.symbol, self.architecture = symbol, architecture
        self.blocks = make_blocks(lines)

    @cached_property
    def order(self) -> list[int]:
        """The blocks that are reached, each after those before it but for the branches back."""
        done: list[int] = []
        seen, stack = {0}, [(0, iter(self.blocks[0].after))]
        while stack:
            new = next((other for other in stack[-1][1] if other not in seen), None)
            if new is None:
                done.append(stack.pop()[0])
            else:
                seen.add(new)
                stack.append((new, iter(self.blocks[new].after)))
        return done[::-1]

    @cached_property
    def before(self) -> dict[int, list[int]]:
        """Of each block that is reached, those that lead to it."""
        found: dict[int, list[int]] = {block: [] for block in self.order}
        for block in self.order:
            for following in self.blocks[block].after:
                found[following].append(block)
        return found

    @cached_property
    def loops(self) -> list[Loop]:
        """One for each block that a block leads back to which cannot be reached but through it."""
        dominators = self._dominators()
        bodies: dict[int, set[int]] = {}
        for block in self.order:
            for head in self.blocks[block].after:
                if dominators[block] >> head & 1:
                    bodies.setdefault(head, {head}).update(self._body(head, block))
        return [Loop(head, frozenset(body)) for head, body in bodies.items()]

    def _dominators(self) -> dict[int, int]:
        """Of each block the set of blocks that are on every way to it, as bits."""
        everything = (1 << len(self.blocks)) - 1
        found = dict.fromkeys(self.order, everything)
        found[0], changed = 1, True
        while changed:
            changed = False
            for block in self.order[1:]:
                common = everything
                for earlier in self.before[block]:
                    common &= found[earlier]
                common |= 1 << block
                changed |= common != found[block]
                found[block] = common
        return found

    def _body(self, head: int, last: int) -> set[int]:
        """The blocks from which `last` is reached without passing the head."""
        body, waiting = {head, last}, [last]
        while waiting:
            block = waiting.pop()
            new = set(self.before[block] if block != head else ()) - body
            body |= new
            waiting.extend(new)
        return body

    def around(self, loop: Loop) -> Loop | None:
        """The smallest loop that holds this one."""
        outer = [other for other in self.loops if loop.blocks < other.blocks]
        return min(outer, key=lambda other: len(other.blocks)) if outer else None

    def inside(self, region: Loop | None) -> list[Loop]:
        """The largest loops in the region, or in the kernel."""
        inner = [loop for loop in self.loops if region is None or loop.blocks < region.blocks]
        return [loop for loop in inner if not any(loop.blocks < other.blocks for other in inner)]


def make_blocks(lines: Iterable[str]) -> list[Block]:
    """Blocks begin at labels and end at branches."""
    blocks, labels = [Block()], {}
    for line in lines:
        if match := re.match(r"(\.L_\w+):", line):
            if blocks[-1].instructions:
                blocks.append(Block())
            labels[match[1]] = len(blocks) - 1
        elif instruction := read_instruction(line):
            blocks[-1].instructions.append(instruction)
            if instruction.labels or instruction.ends:
                blocks.append(Block())
    for number, block in enumerate(blocks):
        last = block.instructions[-1] if block.instructions else None
        block.after = [labels[label] for label in (last.labels if last else ()) if label in labels]
        if not (last and last.ends) and number + 1 < len(blocks):
            block.after.append(number + 1)
    return blocks


def read_instruction(line: str) -> Instruction | None:
    """Only branches have labels: not those of warps whose lanes have parted, nor marks of where lanes meet again."""
    match = INSTRUCTION.match(line)
    if not match:
        return None
    guard, opcode, operands = (match[1] or "").strip(), match[2], match[3]
    branches = opcode.split(".")[0] in ("BRA", "BRX", "BRXU", "JMP") and not opcode.startswith("BRA.DIV")
    return Instruction(opcode, guard, operands, tuple(LABEL.findall(operands)) if branches else ())


def read_functions(text: str) -> Iterator[Function]:
    """Every kernel in what nvdisasm prints of a cubin."""
    architecture, symbol, lines = 0, "", []
    for line in text.splitlines():
        if match := re.match(r"\s*\.target\s+sm_(\d+)", line):
            architecture = int(match[1])
        elif match := re.match(r"\s*\.section\s+\.text\.([^,\s]+)", line):
            if symbol:
                yield Function(symbol, architecture, lines)
            symbol, lines = match[1], []
        elif symbol:
            lines.append(line)
    if symbol:
        yield Function(symbol, architecture, lines)


# --- ways

TENSOR = r"([HIDBQO]MMA|[HIQB]GMMA|UTC\w*MMA)\b"
Rank = tuple[int, ...]
Way = tuple[Rank, tuple[Instruction, ...]]
NOWHERE: Rank = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Work:
    """Opcodes that the way goes for, and those that it keeps away from: both by how they begin, or None."""

    opcodes: str = TENSOR
    avoid: str | None = None

    def rank(self, instructions: Iterable[Instruction]) -> Rank:
        """Of two ways the one with the larger is taken."""
        instructions = list(instructions)
        kept_away = count(instructions, self.avoid) if self.avoid else 0
        ways = {"LDGSTS": 2}  # from memory, and to shared memory
        moved = sum(i.width * ways.get(i.opcode.split(".")[0], 1) for i in instructions)
        return -kept_away, count(instructions, self.opcodes), moved, -len(instructions)


def count(instructions: Iterable[Instruction], pattern: str) -> int:
    """Those whose opcode begins so."""
    search = re.compile(pattern)
    return sum(1 for instruction in instructions if search.match(instruction.opcode))


def best_way(function: Function, region: Loop | None, work: Work, through: Loop | None = None, times: int = 0) -> Way:
    """The way from the head of the region back to it, or without one from the start of the kernel to its end.

    It passes the loop `through` in any case, whose instructions are left out. Other loops inside are run `times` times;
    with 0 they are no work, and passed once where no way leads around them.
    The rank says first whether it passes `through`, and then what `Work.rank` says.
    """
    blocks = region.blocks if region else frozenset(function.order)
    head = region.head if region else 0
    loops = {loop.head: loop for loop in function.inside(region)}
    inside = {block: loop.head for loop in loops.values() for block in loop.blocks}
    best: dict[int, Way] = {inside.get(head, head): (NOWHERE, ())}
    ways: list[Way] = []
    for block in function.order:
        if block not in best:  # not of the region, or within a loop
            continue
        loop = loops.get(block)
        own = _weight(function, block, loop, work, through, times)
        way = tuple(a + b for a, b in zip(best[block][0], own[0], strict=True)), best[block][1] + own[1]
        after = {other for b in (loop.blocks if loop else {block}) for other in function.blocks[b].after}
        if (head in after) if region else not after:
            ways.append(way)
        for other in (after & blocks) - {head} - (loop.blocks if loop else set()):
            place = inside.get(other, other)
            best[place] = max(best.get(place, way), way, key=lambda w: w[0])
    return max(ways, default=(NOWHERE, ()), key=lambda w: w[0])


def _weight(function: Function, block: int, loop: Loop | None, work: Work, through: Loop | None, times: int) -> Way:
    """What a block, or a loop inside the region, adds to a way; first of all whether it is `through`."""
    if loop is None:
        instructions = tuple(function.blocks[block].instructions)
        return (0, *work.rank(instructions)), instructions
    if through and through.blocks <= loop.blocks:
        return (1, 0, 0, 0, 0), ()
    instructions = best_way(function, loop, work)[1] * max(times, 1)
    rank = work.rank(instructions)
    return (0, *(rank if times else (rank[0], 0, 0, rank[3]))), instructions
