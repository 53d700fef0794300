"""What a warp issues on its way through a loop or a kernel.

Where branches part, the way that counts is that of the work: instructions of the kind that is looked for, then bytes
loaded and stored, are as many as can be, and then instructions as few. So a loop that fetches either by one load of 16
bytes or by eight of two counts with the first, and a branch around the work is not taken. Blocks that lanes reach only
when a warp has parted, and what subroutines do, are not counted; a call is one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from machine_code_read import Function, Instruction, Loop

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
