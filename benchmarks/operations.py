"""All comparisons, in the order of their rows, and the targets that they name."""

from __future__ import annotations

from benchmarks import answer_peers, extract_peers, matrix_peers, peers, processes, step_peers
from benchmarks.timing import Comparison, Way

COMPARISONS: tuple[Comparison, ...] = (
    *peers.DECISIONS, peers.SCORE, *answer_peers.STATISTICS, *matrix_peers.RSA, *matrix_peers.CKA,
    *answer_peers.ASSIGNMENTS, answer_peers.PREDICT, *matrix_peers.NEIGHBORS, matrix_peers.NEIGHBORHOODS,
    matrix_peers.COSINE, matrix_peers.DISTANCES, *matrix_peers.PRODUCTS, matrix_peers.CHOICE, *peers.LARGE,
    *step_peers.LOSSES, step_peers.PROBE, *extract_peers.EXTRACT, processes.FITS, processes.COMMAND, processes.STARTS,
    processes.IMPORT,
)
# By operation, case and peer.
TARGETS: dict[tuple[str, str, str], Way] = {
    (comparison.op, comparison.case.name, peer): way
    for comparison in COMPARISONS for peer, way in comparison.ways.items()
    if way.at_least is not None or way.at_most is not None
}
