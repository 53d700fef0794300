"""Kinds of results and commands: all that is said of one stands in its row.

From the rows come `load_result`, views, pictures, the sections of the page, the steps of studies, `pyalign --help`, the
reference of the commands, and what tests walk over. `CONTRIBUTING.md` shows what a new kind needs.
"""

from collections.abc import Mapping

from pyalign._registry import Entry, Kind, register
from pyalign.study.options import (
    CATEGORIES, CONCEPTS, DIMENSIONS, EACH, HUMAN, LABELS, METADATA, MODEL, MODELS, PEOPLE, PROBE, SEVERAL, TRIPLETS,
    Analysis,
)

SCORE, EXPLAIN, PAIRS, IMPROVE = "Score", "Explain", "Pairs and models", "Improve"
PLAN, DATA, SHOW = "Plan a study", "Models and data", "Show"
GROUPS = (SCORE, EXPLAIN, PAIRS, IMPROVE, PLAN, DATA, SHOW)  # of commands, in the order of the reference
FIRST = (  # what most people need
    "tour", "describe", "score", "compare", "ceiling", "concepts", "rsa", "probe", "extract", "report",
)

# By the word that documents carry under `command`. Sections of the page stand in the order of their first rows.
KINDS: Mapping[str, Kind] = {
    "study": Kind(
        "pyalign.study.maker:Study",
        "pyalign.report.listings:study_view",
        sections=("study",),
        entry=Entry("study run", "run all analyses of a study file; write their documents and a report", SHOW, "study"),
        reference="results",
    ),
    "score": Kind(
        "pyalign.analysis.accuracy:Scores",
        "pyalign.report.score:score_view",
        charts=("accuracy", "before-after", "scores"),
        sections=("leaderboard",),
        analyses=(Analysis("score", SEVERAL, matrices=True, without=("matrix", "kind")),),
        entry=Entry("score", "odd-one-out accuracy of embeddings on human triplets", SCORE, "tour"),
        reference="triplets",
    ),
    "permutation": Kind(
        "pyalign.analysis.accuracy:PermutationTest",
        analyses=(Analysis("permutation_test", EACH, matrices=True),),
        reference="triplets",
    ),
    "compare": Kind(
        "pyalign.analysis.comparison.comparison_result:Comparison",
        "pyalign.report.comparison:comparison_view",
        charts=("differences", "accuracy", "depth", "scores"),
        sections=("leaderboard", "differences"),
        analyses=(Analysis("compare", SEVERAL, matrices=True),),
        entry=Entry("compare", "paired differences between models, and ranks of the models", SCORE, "statistics"),
        reference="trust",
    ),
    "metadata": Kind(
        "pyalign.analysis.metadata.metadata_result:MetadataRegressions",
        "pyalign.report.fits:metadata_view",
        charts=("metadata",),
        sections=("metadata",),
        analyses=(Analysis("regress_metadata", {"metadata": METADATA}, ("metadata",)),),
        entry=Entry(
            "metadata",
            "accuracy as a function of model metadata: slopes, rank correlations, groups",
            EXPLAIN,
            "metadata",
        ),
        reference="trust",
    ),
    "probe": Kind(
        "pyalign.probing.cross_validate:ProbeCrossValidation",
        "pyalign.report.fits:probe_view",
        charts=("before-after", "scores"),
        sections=("leaderboard", "probes"),
        analyses=(Analysis("cross_validate_probe", EACH, options=PROBE, keeps=True, gives="transform"),),
        entry=Entry("probe", "learn a linear map of embeddings that best predicts human choices", IMPROVE, "probing"),
        reference="maps",
    ),
    "fit": Kind(
        "pyalign.probing.fit:ProbeFit",
        "pyalign.report.fits:fit_view",
        analyses=(Analysis("fit_probe", EACH, options=PROBE, keeps=True, gives="transform"),),
        reference="maps",
    ),
    "transfer": Kind(
        "pyalign.map_transfer.transfer_result:Transfer",
        "pyalign.report.neighborhoods:transfer_view",
        charts=("transfer",),
        sections=("transfer",),
        analyses=(
            Analysis("transfer", {"embeddings": MODEL, "on": PEOPLE, "categories": CATEGORIES}, ("categories",)),
        ),
        entry=Entry(
            "transfer", "what a map gains and loses: triplets, RSA, categories, neighbors", IMPROVE, "transfer"
        ),
        reference="maps",
    ),
    "concepts": Kind(
        "pyalign.concept.concepts_result:Concepts",
        "pyalign.report.concepts:concepts_view",
        charts=("concepts", "concepts-map", "entropy"),
        sections=("concepts",),
        analyses=(Analysis("score_concepts", {**SEVERAL, **CONCEPTS}, tuple(CONCEPTS)),),
        entry=Entry(
            "concepts", "where models agree with people: accuracy by category, dimension or level", EXPLAIN, "concepts"
        ),
        reference="concepts",
    ),
    "predict": Kind(
        "pyalign.concept.predicted:DimensionPredictions",
        "pyalign.report.concepts:predictions_view",
        charts=("dimensions", "concepts-map", "scores"),
        sections=("dimensions",),
        analyses=(
            Analysis(
                "predict_dimensions",
                {"models": MODELS, "dimensions": DIMENSIONS, "labels": LABELS},
                ("labels",),
                one_thread=True,
            ),
        ),
        entry=Entry(
            "dimensions predict",
            "predict human dimensions by ridge regression, with R^2 on held-out objects",
            EXPLAIN,
            "dimensions",
        ),
        reference="concepts",
    ),
    "embed": Kind(
        "pyalign.embedding.embedding_result:EmbeddingCrossValidation",
        "pyalign.report.fits:embedding_view",
        charts=("penalty-path", "dimension-stability"),
        sections=("embedding",),
        analyses=(
            Analysis(
                "cross_validate_embedding",
                {"triplets": TRIPLETS},
                options="pyalign.embedding.fit:EmbeddingOptions",
                keeps=True,
                without=("against", "names"),
            ),
        ),
        entry=Entry("embed", "learn human dimensions from triplets, with held-out accuracy", EXPLAIN, "embedding"),
        reference="embedding",
    ),
    "embedding": Kind(
        "pyalign.embedding.embedding_result:EmbeddingFit",
        "pyalign.report.fits:embedding_fit_view",
        reference="embedding",
    ),
    "calibrate": Kind(
        "pyalign.analysis.calibration.calibration_result:Calibrations",
        "pyalign.report.probabilities:calibration_view",
        charts=("reliability",),
        sections=("reliability",),
        analyses=(Analysis("calibrate", SEVERAL),),
        entry=Entry(
            "calibrate",
            "choice probabilities: temperature, calibration, agreement with many answers",
            SCORE,
            "calibration",
        ),
        reference="trust",
    ),
    "agreement": Kind(
        "pyalign.analysis.agreement:Agreements",
        "pyalign.report.probabilities:agreement_view",
        charts=("entropy",),
        sections=("agreement",),
        analyses=(Analysis("agreement", SEVERAL),),
        reference="trust",
    ),
    "ceiling": Kind(
        "pyalign.analysis.ceiling.leave_one_out:NoiseCeiling",
        "pyalign.report.score:ceiling_view",
        charts=("ceiling",),
        sections=("agreement",),
        analyses=(Analysis("noise_ceiling", {"triplets": TRIPLETS}, gives="ceiling"),),
        entry=Entry(
            "ceiling", "noise ceiling: how well participants predict each other on repeated triplets", SCORE, "ceilings"
        ),
        reference="trust",
    ),
    "rsa": Kind(
        "pyalign.pairwise.rsa_result:Rsa",
        "pyalign.report.matrices:rsa_view",
        charts=("rsa", "rdm", "mds", "scores"),
        sections=("rsa",),
        analyses=(Analysis("rsa", {"models": MODELS, "human": HUMAN}),),
        entry=Entry("rsa", "RSA: correlation of models' similarity matrices with those of people", PAIRS, "rsa"),
        reference="pairs",
    ),
    "cka": Kind(
        "pyalign.pairwise.rsa_result:ModelSimilarities",
        "pyalign.report.matrices:similarities_view",
        charts=("cka",),
        sections=("cka",),
        analyses=(Analysis("cka", {"models": MODELS}, without=("batches",)),),
        entry=Entry("cka", "similarities between models: CKA and related measures, with a null", PAIRS, "cka"),
        reference="pairs",
    ),
    "layers": Kind(
        "pyalign.pairwise.rsa_result:LayerSimilarity",
        "pyalign.report.matrices:layers_view",
        charts=("cka",),
        sections=("cka",),
        reference="pairs",
    ),
    "consistency": Kind(
        "pyalign.concept.consistency_result:ErrorConsistency",
        "pyalign.report.comparison:consistency_view",
        charts=("consistency",),
        sections=("consistency",),
        analyses=(Analysis("error_consistency", {**SEVERAL, **CONCEPTS}, tuple(CONCEPTS)),),
        entry=Entry(
            "consistency",
            "error consistency: whether models err on the same triplets (kappa, copying)",
            PAIRS,
            "consistency",
        ),
        reference="concepts",
    ),
    "recover": Kind(
        "pyalign.recovery.recovered:Recovery",
        "pyalign.report.comparison:recovery_view",
        sections=("recovery",),
        analyses=(Analysis("recover", SEVERAL),),
        entry=Entry(
            "recover", "simulate whether triplets can distinguish models, and how many are needed", PLAN, "recovery"
        ),
        reference="trust",
    ),
    "plan experiment": Kind(
        "pyalign.analysis.experiment:ExperimentPlan",
        "pyalign.report.comparison:plan_view",
        charts=("power",),
        sections=("experiment",),
        entry=Entry(
            "plan experiment",
            "objects, participants and answers that a study needs to find a difference",
            PLAN,
            "plan",
        ),
        reference="trust",
    ),
    "neighbors": Kind(
        "pyalign.nearest.scan:Neighbors",
        "pyalign.report.neighborhoods:neighbors_view",
        charts=("gallery",),
        sections=("neighbors",),
        analyses=(Analysis("neighbors", {"embeddings": MODEL}),),
        entry=Entry(
            "neighbors search",
            "nearest neighbors in embeddings, by name or vector, exact or with an index",
            EXPLAIN,
            "neighbors",
        ),
        reference="neighbors",
    ),
    "neighborhoods": Kind(
        "pyalign.concept.neighborhood_result:Neighborhoods",
        "pyalign.report.neighborhoods:neighborhoods_view",
        charts=("scores",),
        sections=("neighbors",),
        analyses=(
            Analysis(
                "neighborhoods",
                {"models": MODELS, "human": DIMENSIONS, **CONCEPTS},
                ("human", *CONCEPTS),
                one_of=("categories", "dimensions"),
            ),
        ),
        entry=Entry(
            "neighbors objects",
            "each object's neighbors: hubs, purity, human agreement, changes, duplicates",
            EXPLAIN,
            "neighborhoods",
        ),
        reference="neighbors",
    ),
    "failures": Kind(
        "pyalign.analysis.failures.failures:Failures",
        "pyalign.report.comparison:failures_view",
        sections=("failures",),
        analyses=(Analysis("find_failures", SEVERAL),),
        entry=Entry(
            "failures", "triplets that all models get wrong, or only one family of models", EXPLAIN, "ceilings"
        ),
        reference="trust",
    ),
    "extract": Kind(
        "pyalign.extraction.extraction_result:Extraction",
        "pyalign.report.listings:extraction_view",
        entry=Entry("extract", "extract embeddings of images or texts from the layers of a model", DATA, "extraction"),
        reference="extraction",
    ),
    "models list": Kind(
        "pyalign.extraction.models:ModelList",
        "pyalign.report.listings:models_view",
        entry=Entry(
            "models list", "models for `pyalign extract`; what is known of published models", DATA, "extraction"
        ),
    ),
    "models layers": Kind(
        "pyalign.extraction.models:ModelLayers",
        "pyalign.report.listings:model_layers_view",
        entry=Entry("models layers", "layers of a model: names, shapes and types", DATA, "extraction"),
    ),
    "models table": Kind("pyalign.extraction.models:ModelTable", "pyalign.report.listings:model_table_view"),
    "report": Kind(
        "pyalign.report.page.write:ReportFile",
        "pyalign.report.listings:page_view",
        entry=Entry("report", "collect the documents of all commands into one HTML page", SHOW, "report"),
        reference="results",
    ),
    "describe": Kind(
        "pyalign.analysis.describe.file:FileDescription",
        "pyalign.report.listings:description_view",
        entry=Entry("describe", "show what files contain; describe a data set once for all commands", DATA, "files"),
    ),
    "descriptions": Kind(
        "pyalign.analysis.describe.file:FileDescriptions", "pyalign.report.listings:descriptions_view"
    ),
    "triplets": Kind(
        "pyalign.datasets.triplets:SampledTriplets",
        entry=Entry("triplets draw", "sample triplets and answer them with embeddings", PLAN, "sampling"),
    ),
    "plan triplets": Kind(
        "pyalign.datasets.chosen:ChosenTriplets",
        entry=Entry(
            "plan triplets", "triplets on which two models differ, also as lists for participants", PLAN, "sampling"
        ),
        reference="data",
    ),
    "simulate": Kind(
        "pyalign.datasets.simulate:Simulation",
        entry=Entry(
            "triplets simulate",
            "simulate triplets from a known choice model, and report the expected accuracy",
            PLAN,
            "recovery",
        ),
    ),
    "datasets list": Kind(
        "pyalign.datasets.dataset:DataSetList",
        "pyalign.report.listings:datasets_view",
        entry=Entry(
            "datasets list", "published data sets, and which are here; source and license of one", DATA, "datasets"
        ),
    ),
    "datasets info": Kind("pyalign.datasets.dataset:DataSetInfo", "pyalign.report.listings:dataset_info_view"),
    "datasets fetch": Kind(
        "pyalign.datasets.fetch:Fetched",
        "pyalign.report.listings:fetched_view",
        entry=Entry("datasets fetch", "download a data set, register your copy, or write the sample", DATA, "datasets"),
    ),
}
# Commands whose result is of no kind of its own.
OTHER_COMMANDS = (
    Entry("triplets collect", "join the answers to lists of trials, and check that the lists hold them", PLAN, "plan"),
    Entry("plot", "figures of results, human dimensions and embeddings (HTML, SVG, PNG, PDF)", SHOW, "figures"),
    Entry("study init", "write a study file from a folder of embeddings and human data", SHOW, "study"),
    Entry("study units", "list the units of a study: what each needs, its command and its inputs", SHOW, "study", True),
    Entry("study step", "make units of a study and no others, each with a record of its own", SHOW, "study", True),
    Entry("study finish", "check what the units of a study have written, and write its report", SHOW, "study", True),
    Entry("study export", "write the units of a study for SLURM, Snakemake or another engine", SHOW, "howto-cluster"),
    Entry("tour", "run a study of the built-in sample, in two minutes, with a report", SHOW, "study"),
    Entry("export", "write embeddings in another format, or after a linear map such as gLocal's", DATA, "files"),
    Entry("commands", "inputs and outputs of each command, as a table or a JSON document", DATA, "results", True),
    Entry("info", "version, instruction set, threads, backends, faiss, and where the C library is", DATA, "gpu"),
)
register("kinds", KINDS)


def entries() -> list[Entry]:
    """The commands, group by group."""
    listed = [*(kind.entry for kind in KINDS.values() if kind.entry), *OTHER_COMMANDS]
    return sorted(listed, key=lambda one: GROUPS.index(one.group))
