"""The sections of a page, in their order: name -> module and function, ``section(given) -> Section | None``."""

SECTIONS = {
    "study": "study:study",
    "leaderboard": "leaderboard:leaderboard",
    "differences": "differences:differences",
    "metadata": "metadata:metadata",
    "probes": "probes:probes",
    "concepts": "concepts:concepts",
    "dimensions": "dimensions:dimensions",
    "reliability": "reliability:reliability",
    "agreement": "agreement:agreement",
    "rsa": "rsa:rsa",
    "cka": "cka:cka",
    "consistency": "consistency:consistency",
    "recovery": "recovery:recovery",
    "neighbors": "neighbors:neighbors",
    "failures": "failures:failures",
    "methods": "methods:methods",
    "cite": "cite:cite",
}
