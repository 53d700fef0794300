"""How to cite: pyalign, and the papers behind what is on the page."""

from __future__ import annotations

from pyalign._version import __version__
from pyalign.report.blocks import Code, Section, Text
from pyalign.report.page.sources import Sources

LEAD = "The toolkit, and the papers whose methods the sections of this page use."
PYALIGN = f"""@software{{pyalign,
  title   = {{pyalign: how well a representation agrees with human similarity judgments}},
  version = {{{__version__}}}
}}"""


def _entry(kind: str, key: str, **fields: str) -> str:
    width = max(map(len, fields))
    lines = ",\n".join(f"  {name:<{width}} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}\n}}"


ALIGNMENT = _entry(
    "inproceedings", "muttenthaler2023human",
    title="Human alignment of neural network representations",
    author="Muttenthaler, Lukas and Dippel, Jonas and Linhardt, Lorenz and Vandermeulen, Robert A. and "
    "Kornblith, Simon",
    booktitle="International Conference on Learning Representations", year="2023",
)  # fmt: skip
# The papers, and the commands whose figures they stand behind.
PAPERS = (
    (("score", "compare", "probe", "recipe", "fit", "agreement"), "triplets, zero-shot and probed", ALIGNMENT),
    (("calibrate",), "calibration", _entry(
        "inproceedings", "guo2017calibration", title="On calibration of modern neural networks",
        author="Guo, Chuan and Pleiss, Geoff and Sun, Yu and Weinberger, Kilian Q.",
        booktitle="International Conference on Machine Learning", year="2017")),
    (("cka", "layers"), "similarities between representations", _entry(
        "inproceedings", "kornblith2019similarity", title="Similarity of neural network representations revisited",
        author="Kornblith, Simon and Norouzi, Mohammad and Lee, Honglak and Hinton, Geoffrey",
        booktitle="International Conference on Machine Learning", year="2019")),
    (("rsa",), "representational similarity analysis", _entry(
        "article", "nili2014toolbox", title="A toolbox for representational similarity analysis",
        author="Nili, Hamed and Wingfield, Cai and Walther, Alexander and Su, Li and Marslen-Wilson, William and "
        "Kriegeskorte, Nikolaus", journal="PLoS Computational Biology", volume="10", number="4", year="2014")),
    (("consistency", "compare"), "error consistency", _entry(
        "inproceedings", "geirhos2020beyond",
        title="Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by measuring error consistency",
        author="Geirhos, Robert and Meding, Kristof and Wichmann, Felix A.",
        booktitle="Advances in Neural Information Processing Systems", year="2020")),
    (("concepts", "predict", "prototypes"), "human dimensions of objects", _entry(
        "article", "hebart2020revealing",
        title="Revealing the multidimensional mental representations of natural objects underlying human similarity "
        "judgements", author="Hebart, Martin N. and Zheng, Charles Y. and Pereira, Francisco and Baker, Chris I.",
        journal="Nature Human Behaviour", volume="4", pages="1173--1185", year="2020")),
)  # fmt: skip


def cite(sources: Sources) -> Section | None:
    """Entries for BibTeX: pyalign's, and those of papers behind what the documents hold."""
    if not sources.documents:
        return None
    held = [(what, entry) for commands, what, entry in PAPERS if sources.of(*commands)]
    told = "; ".join(dict.fromkeys(what for what, _ in held))
    parts = (
        Text((f"Behind this page stand papers on {told}.",) if told else ("Behind this page stands the toolkit.",)),
        Code("BibTeX", "\n\n".join((PYALIGN, *(entry for _, entry in held)))),
        Text(("Data sets and models have papers of their own: pyalign datasets info NAME says which.",)),
    )
    return Section("cite", "How to cite", LEAD, parts)
