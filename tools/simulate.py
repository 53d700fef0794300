"""How often intervals hold the true value, and tests find what is there, by simulation.

    python tools/simulate.py [CASE ...] [--draws 1000] [--jobs 1] [--seed 0] [--table] [--write]

Objects, people and answers are drawn anew, again and again, from a world whose true values are known; pyalign measures
what it measures, and its interval either holds the true value or does not. Cases that are named, by their kind or by
how their names begin, are run, and their rows of tools/simulation.csv replaced. An interrupted run goes on.
"""

import argparse
from pathlib import Path

from simulation.harness import Journal, every_case, finish, put, read, renewed, table

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Runs the cases; 0 when all lie where they should, as far as so few draws can tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="kinds, or beginnings of names, of cases (default: all)")
    parser.add_argument("--draws", type=int, default=1000, help="of a case, times its share")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "tools" / "simulation.csv")
    parser.add_argument("--journal", type=Path, default=ROOT / "build" / "simulation.jsonl")
    parser.add_argument("--table", action="store_true", help="print the tables of the CSV, run nothing")
    parser.add_argument("--write", action="store_true", help="put the tables of the CSV into docs/, run nothing")
    args, every, missed = parser.parse_args(), every_case(), False
    wanted = [one for one in every if not args.cases or one.kind in args.cases or one.name.startswith((*args.cases,))]
    for path in sorted((ROOT / "docs").glob("*.md")) if args.write else ():
        path.write_text(renewed(path.read_text(encoding="utf-8"), read(args.out)), encoding="utf-8")
    for kind in dict.fromkeys(case.kind for case in wanted) if args.table else ():
        print("\n".join(["", f"{kind}:", "", *table(read(args.out), kind)]))
    if args.write or args.table:
        return 0
    journal = Journal(args.journal)
    for case in wanted:
        rows = finish(case, args.draws, args.seed, journal, args.jobs)
        put(rows, args.out, every)
        print("\n".join(table(rows, case.kind)), flush=True)
        missed |= any(row.missed for row in rows)
    journal.path.unlink()
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
