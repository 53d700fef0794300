"""What a world says of the figures of each kind of result, by definitions that are written out.

A figure is named by its path in the document. It stands beside (mean, s.e.), or a value where no formula has the error.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from ideal.worlds import LAST, D, N, credit, every_triplet, log_softmax, similarities
from scipy.optimize import minimize
from scipy.stats import rankdata, spearmanr

PENALTY, K = 1e-3, 5
GRADES = np.linspace(0.0, 1.0, 8)


def entropy(p):
    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)


def both(w, x):
    """(m, 3), (m, 3): credit, and log-probabilities, of a model with rows x."""
    return credit(x, w.triplets), log_softmax(similarities(x, w.triplets))


def means(w, x, counts, under=""):
    (right, logs), n = both(w, x), counts.sum()
    return {f"{under}accuracy": (counts * right).sum() / n, f"{under}cross_entropy": -(counts * logs).sum() / n}


def each(models, figures, name="results"):
    """The figures of each model, in a list of the document."""
    return {f"{name}/{k}/{key}": v for k, x in enumerate(models.values()) for key, v in figures(x).items()}


def less(of, pairs, under="pairs", **names):
    """Differences of figures of two models each; of: their figures by name."""
    names = names or {"difference": "accuracy", "cross_entropy_difference": "cross_entropy"}
    return {f"{under}/{k}/{told}": of[one][name] - of[other][name]
            for k, (one, other) in enumerate(pairs) for told, name in names.items()}


def in_parts(w, counts, belongs, name):
    """Accuracy and cross-entropy of all models, and over two parts of the answers; belongs: (m, 3) or (m, 1)."""
    found = each(w.models, lambda x: means(w, x, counts))
    for g in (0, 1):
        found |= each(w.models, lambda x, g=g: means(w, x, counts * (belongs == g), f"{name}/{g}/"))
    return found


def score(w, _):
    half = ((w.triplets < N // 2).sum(axis=1, keepdims=True) >= 2).astype(int)

    def known(x):
        right, logs = both(w, x)
        fraction = ((w.shares * right).sum() - 1 / 3) / (w.best - 1 / 3)
        return {"mean_entropy": w.of_sets @ entropy(np.exp(logs)), "ceiling": w.best, "fraction_of_ceiling": fraction}

    return w.by_draws(lambda counts: in_parts(w, counts, half, "groups")) | each(w.models, known)


def permutation(w, _):
    rng = np.random.default_rng(7)
    null = [(w.shares * credit(w.x[rng.permutation(N)], w.triplets)).sum() for _ in range(400)]
    drawn = w.by_draws(lambda c: {"accuracy": means(w, w.x, c)["accuracy"]})
    return drawn | {"null_mean": 1 / 3, "null_standard_deviation": np.std(null), "p_value": 0.0}


def ordered(w):
    """The models, and one that is the ideal one in other words."""
    return w.models | {"turned": w.x[:, ::-1]}


def compare(w, found):
    pairs = [(pair.a, pair.b) for pair in found.pairs]
    truths = [-round((w.shares * credit(x, w.triplets)).sum(), 9) for x in ordered(w).values()]
    ranks = {f"models/{k}/rank": rank for k, rank in enumerate(rankdata(truths))}
    best = {"best/accuracy": w.best, "best/in_sample_accuracy": w.best}
    drawn = w.by_draws(lambda c: each(ordered(w), lambda x: means(w, x, c), "models") | less(
        {name: means(w, x, c) for name, x in ordered(w).items()}, pairs))
    return drawn | ranks | best


def graded(w):
    return {f"grade {k}": (1 - a) * w.x + a * w.models["chance"] for k, a in enumerate(GRADES)}


def metadata(w, _):
    def drawn(counts):
        found = each(graded(w), lambda x: {"accuracy": means(w, x, counts)["accuracy"]}, "points")
        return found | {"results/0/slope": np.polyfit(GRADES, [*found.values()], 1)[0]}

    true = [(w.shares * credit(x, w.triplets)).sum() for x in graded(w).values()]
    return w.by_draws(drawn) | {"results/0/rank_correlation": spearmanr(GRADES, true).statistic}


def ceiling(w, _):
    rng, n = np.random.default_rng(3), w.counts.sum()

    def drawn(counts):
        right = 0.0
        for k in range(3):
            others = counts - np.eye(3, dtype=int)[k]
            top = others == others.max(axis=1, keepdims=True)
            right += (counts[:, k] * top[:, k] / top.sum(axis=1)).sum() / n
        upper, plain = counts.max(axis=1).sum() / n, w.of_sets @ entropy(counts / w.counts[:, None])
        guesses = rng.multinomial(w.counts, [1 / 3] * 3).max(axis=1).sum() / n
        return {"ceiling": upper, "ceilings/upper/value": upper, "ceilings/lower/value": right, "leave_one_out": right,
                "least_cross_entropy": plain, "guessing": guesses,
                "corrected_entropy": plain + ((counts > 0).sum(axis=1) - 1).sum() / 2 / n}

    return w.by_draws(drawn) | {"ceilings/estimate/value": w.best}


def agreement(w, _):
    def of(x, counts):
        right, logs = both(w, x)
        q, share = np.exp(logs), counts / counts.sum(axis=1, keepdims=True)
        own, people, top = entropy(q), entropy(share).round(9), counts == counts.max(axis=1, keepdims=True)
        js = np.sqrt(np.maximum(entropy((q + share) / 2) - own / 2 - people / 2, 0))
        return {"share_pearson": np.corrcoef(q.ravel(), share.ravel())[0, 1], "js_distance": js.mean(),
                "entropy_pearson": np.corrcoef(own, people)[0, 1], "model_entropy": own.mean(),
                "entropy_spearman": spearmanr(own, people).statistic, "human_entropy": people.mean(),
                "kl": -(share * logs).sum(axis=1).mean() - people.mean(), "majority_share": share.max(axis=1).mean(),
                "accuracy": (share * right).sum(axis=1).mean(),
                "majority_accuracy": ((right * top).sum(axis=1) / top.sum(axis=1)).mean()}

    return w.by_draws(lambda counts: each(w.models, lambda x: of(x, counts)))


def calibrate(w, _):
    def of(x):
        s, hit = similarities(x, w.triplets), (w.p * credit(x, w.triplets)).sum(axis=1)

        def loss(v):
            return -(w.shares * np.log((1 - v[1]) * np.exp(log_softmax(s / np.exp(v[0]))) + v[1] / 3)).sum()

        one, two = (minimize(loss, [0.5, 0.1 * k], bounds=[(-3, 6), (0, 0.999 * k)], tol=1e-10) for k in (0, 1))
        says = {"temperature": np.exp(one.x[0]), "lapses/cross_entropy": two.fun, "lapses/gain": one.fun - two.fun}
        says |= {"lapses/rate": two.x[1], "lapses/temperature": np.exp(two.x[0])} if x is w.x else {}
        for part in ("fit/", "test/"):
            says |= {f"{part}accuracy": w.of_sets @ hit, f"{part}cross_entropy": one.fun}
            says[f"{part}cross_entropy_before"] = loss([0.0, 0.0])
        for path, t in (("ece_equal_width_before", 1.0), ("equal_width/ece", np.exp(one.x[0]))):
            f = np.exp(log_softmax(s / t)).max(axis=1)
            says[path] = np.abs(np.bincount((10 * f).astype(int), w.of_sets * (hit - f))).sum()
        brier = w.of_sets @ (f**2 - 2 * f * hit + hit)
        return says | {"equal_width/brier/score": brier, "equal_mass/brier/score": brier}

    return each(better_than_chance(w), of)


def better_than_chance(w):
    return {name: w.models[name] for name in ("ideal", "half")}  # one at chance may be refused: no temperature fits


def two_dimensions(w):
    return np.stack([w.x[:, :3].sum(axis=1), w.x[:, 3:].sum(axis=1)], axis=1)


def of_pairs(w):
    """(m, 3): the dimension that carries most of the two others, where each item is odd."""
    pairs = w.triplets[:, LAST[:, :2]]
    return two_dimensions(w)[pairs].sum(axis=2).argmax(axis=2)


def concepts(w, found):
    names = {(one.embeddings, part.concept): f"results/{k}/concepts/{g}/" for k, one in enumerate(found.results)
             for g, part in enumerate(one.concepts)}
    pairs = [(names[one.embeddings, one.concept], names[one.other, one.concept]) for one in found.differences]

    def drawn(counts):
        own = in_parts(w, counts, of_pairs(w), "concepts")
        of = {under: {name: own[under + name] for name in ("accuracy", "cross_entropy")} for under in names.values()}
        return own | less(of, pairs, "differences")

    return w.by_draws(drawn)


def consistency(w, _):
    def drawn(counts):
        share, right = counts / counts.sum(), [credit(x, w.triplets) for x in w.models.values()]
        found = each(w.models, lambda x: {"right": means(w, x, counts)["accuracy"]}, "models")
        for k, (a, b) in enumerate(combinations(range(len(right)), 2)):
            one, other = sorted((right[a], right[b]), key=lambda of: -(share * of).sum())  # the other may copy the one
            high, low = ((share * of).sum() for of in (one, other))
            observed, expected = (share * (one == other)).sum(), high * low + (1 - high) * (1 - low)
            copied = (share * other * one).sum() / high - (share * other * (1 - one)).sum() / (1 - high)
            kappa, wrong = (observed - expected) / (1 - expected), (share * (1 - one) * (1 - other)).sum()
            found |= {f"pairs/{k}/{key}": v for key, v in {
                "accuracy_a": (share * right[a]).sum(), "accuracy_b": (share * right[b]).sum(), "observed": observed,
                "expected": expected, "kappa": kappa, "unbiased_kappa": kappa, "both_wrong": wrong,
                "copy_probability": copied, "both_wrong_expected": (1 - high) * (1 - low),
                "kappa_min": (abs(1 - high - low) - expected) / (1 - expected),
                "kappa_max": (1 - high + low - expected) / (1 - expected),
                "same_choice": w.of_sets @ (one * other).sum(axis=1)}.items()}
        missed = share * np.prod([1 - one for one in right], axis=0)
        for g in (0, 1):
            part, of_all = missed[of_pairs(w) == g].sum(), share[of_pairs(w) == g].sum()
            found |= {f"missed/{g}/{key}": v for key, v in {
                "missed": part / of_all, "expected": missed.sum(), "excess": part / of_all - missed.sum(),
                "share": part / missed.sum()}.items()}
        return found

    return w.by_draws(drawn)


def failures(w, _):
    wrong = [1 - credit(x, w.triplets) for x in w.models.values()]
    listed = [(f"n_wrong/{k}", one) for k, one in enumerate(wrong)] + [("groups/0/n", np.prod(wrong, axis=0))]
    return w.by_draws(lambda counts: {key: (counts * one).sum() for key, one in listed})


def best_map(w, x):
    """(rows, objective) of the linear map that predicts endless answers best."""
    outer = np.stack([np.einsum("mi,mj->mij", x[w.triplets[:, a]], x[w.triplets[:, b]]) for a, b, _ in LAST], axis=1)
    outer = (outer + outer.transpose(0, 1, 3, 2)).reshape(-1, 3, D * D) / 2

    def loss(flat):
        weights = flat.reshape(D, D)
        logs = log_softmax(outer @ (weights @ weights.T).ravel())
        slope = np.einsum("mk,mkf->f", w.of_sets[:, None] * np.exp(logs) - w.shares, outer).reshape(D, D)
        return -(w.shares * logs).sum() + PENALTY * flat @ flat, 2 * (slope + PENALTY * np.eye(D)).dot(weights).ravel()

    start = np.eye(D).ravel() + np.random.default_rng(0).normal(size=D * D) / 10
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-13})
    return x @ found.x.reshape(D, D), found.fun


def fit(name, w, _):
    rows, objective = best_map(w, w.models[name])
    drawn = w.by_draws(lambda counts: means(w, rows, counts))
    return drawn | {"objective": objective, "accuracy": drawn["accuracy"][0]}  # the map has an error of its own


def probe(name, w, _):  # held out from two thirds of the sets
    fitted, before = fit(name, w, None), w.by_draws(lambda counts: means(w, unit(w.models[name]), counts))
    held_out = {"accuracy": fitted["accuracy"], "cross_entropy": fitted["cross_entropy"][0]}
    held_out |= {f"fit/{key}": v for key, v in fitted.items()} | {"zero_shot_accuracy": before["accuracy"]}
    held_out["difference"] = held_out["accuracy"] - held_out["zero_shot_accuracy"][0]
    of_splits = dict.fromkeys(("accuracy", "difference", "cross_entropy"), 0.0)  # so many answers leave one map
    of_splits["zero_shot"] = 0.0, 1e-4  # any split holds out all answers; its folds are of almost as many
    return held_out | {f"split_sd/{key}": v for key, v in of_splits.items()}


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def nearest(x):
    """(N, K), by the inner product."""
    return np.argsort(-x @ x.T + 1e9 * np.eye(N), axis=1, kind="stable")[:, :K]


def shared(a, b):
    """(N,) overlap, and rank-biased overlap, of the neighbors of each object."""
    lists, depths = zip(nearest(a), nearest(b), strict=True), np.arange(1, K + 1)
    x = np.array([[len({*p[:d]} & {*q[:d]}) for d in depths] for p, q in lists])
    rbo = x[:, -1] / K * 0.9**K + (0.1 / 0.9) * (x / depths * 0.9**depths).sum(axis=1)
    return {"overlap": x[:, -1] / K, "rbo": rbo}


def neighborhoods(w, found):
    kinds = w.x.argmax(axis=1)
    same = kinds[:, None] == kinds

    def of(x):
        near, each_object = nearest(unit(x)), shared(unit(x), unit(w.x))
        each_object["purity"] = np.take_along_axis(same, near, 1).mean(axis=1)
        each_object["chance"] = (same.sum(axis=1) - 1) / (N - 1)
        counts = np.bincount(near.ravel(), minlength=N) - K
        agreed = {name: values.mean() for name, values in each_object.items()}
        of_kinds = {f"concepts/{g}/{name}": values[kinds == kind].mean()
                    for g, kind in enumerate(np.unique(kinds)) for name, values in each_object.items()}
        return agreed | of_kinds | {
            "kept": agreed["overlap"], "kept_rbo": agreed["rbo"],
            "skewness": (counts**3).mean() / (counts**2).mean() ** 1.5,
            "robin_hood": np.abs(counts).sum() / (2 * K * (N - 1)), "antihubs": (counts == -K).mean(),
            "hub_occurrence": (counts + K)[counts >= K].sum() / (N * K)}

    own = {(name, None): {"overlap": shared(unit(x), unit(w.x))["overlap"].mean()} for name, x in w.models.items()}
    own |= {(name, f"kind {kind}"): {"overlap": shared(unit(x), unit(w.x))["overlap"][kinds == kind].mean()}
            for name, x in w.models.items() for kind in np.unique(kinds)}
    pairs = [((one.a, one.concept), (one.b, one.concept)) for one in found.differences]
    by_chance = 0.9**K * K / (N - 1) + (0.1 / 0.9) * (0.9 ** np.arange(1, K + 1) * np.arange(1, K + 1)).sum() / (N - 1)
    return each(w.models, of) | less(own, pairs, "differences", difference="overlap") | {
        "overlap_chance": K / (N - 1), "rbo_chance": by_chance}


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def judged(w):
    """(5, N, N): what five people say of pairs, with noise of their own."""
    noise = np.random.default_rng(11).normal(size=(5, N, N))
    return w.x @ w.x.T + noise + noise.transpose(0, 2, 1)


def rsa(w, found):
    ranks = np.array([rankdata(upper(one)) for one in judged(w)])
    ceiling = {"ceiling/upper": np.mean([np.corrcoef(one, ranks.mean(axis=0))[0, 1] for one in ranks]),
               "ceiling/lower": np.mean([spearmanr(ranks[k], np.delete(ranks, k, axis=0).mean(axis=0)).statistic
                                         for k in range(5)]),
               "ceiling/reliability": upper(np.corrcoef(ranks)).mean()}

    def of(x):
        person = [spearmanr(upper(x @ x.T), one).statistic for one in ranks]
        value = spearmanr(upper(x @ x.T), upper(judged(w).mean(axis=0))).statistic
        single = {f"per_person/values/{k}": one for k, one in enumerate(person)}
        of_ceiling = {"of_lower": ceiling["ceiling/lower"], "of_upper": ceiling["ceiling/upper"],
                      "disattenuated": ceiling["ceiling/reliability"] ** 0.5}
        ratios = {f"per_person/{name}/value": np.mean(person) / one for name, one in of_ceiling.items()}
        return ceiling | single | ratios | {
            "value": value, "per_person/mean": np.mean(person),
            "per_person/against_lower/difference": np.mean(person) - ceiling["ceiling/lower"]}

    known, pairs = {name: of(x) for name, x in w.models.items()}, [(pair.a, pair.b) for pair in found.pairs]
    names = {"difference": "value", "per_person/difference": "per_person/mean"}
    return each(w.models, of) | less(known, pairs, **names)


def debiased(a, b):
    """CKA with sums that have no bias (Song et al. 2012)."""
    a, b = ((1 - np.eye(N)) * (x @ x.T) for x in (a, b))
    hsic = [(p * q).sum() + p.sum() * q.sum() / (N - 1) / (N - 2) - 2 * (p.sum(0) @ q.sum(0)) / (N - 2)
            for p, q in ((a, b), (a, a), (b, b))]
    return hsic[0] / np.sqrt(hsic[1] * hsic[2])


def cka(w, found):
    models, (one,) = w.models, found
    scores = {f"results/0/scores/{k}/similarity": debiased(models[score.first], models[score.second])
              for k, score in enumerate(one.scores)}
    scores |= {f"results/0/differences/{k}/difference": debiased(models[row.model], models[row.a]) - debiased(
        models[row.model], models[row.b]) for k, row in enumerate(one.differences)}
    return scores | each(
        models, lambda x: {str(k): debiased(x, y) for k, y in enumerate(models.values())}, "results/0/matrix")


def layers(w, _):
    return each(w.models, lambda x: {"0": debiased(x, w.x)}, "matrix") | {"value": 1.0}


def transfer(w, _):
    half, human = w.models["half"], upper(judged(w).mean(axis=0))
    sides = {"before": half, "after": half * [1, 1, 1, 0, 0]}
    found = w.by_draws(lambda c: with_difference(0, {side: means(w, x, c)["accuracy"] for side, x in sides.items()}))
    found |= with_difference(1, {side: spearmanr(upper(x @ x.T), human).statistic for side, x in sides.items()})
    return found | with_difference(2, {side: shared(half, x)["overlap"].mean() for side, x in sides.items()})


def with_difference(k, of):
    return {f"figures/{k}/{key}": v for key, v in (of | {"difference": of["after"] - of["before"]}).items()}


def predict(w, found):
    """Ridge regression with the folds and the penalties that were chosen, written out."""
    results, human = iter(found.results), w.x

    def of(x):
        dimensions, guess, around = next(results).dimensions, np.empty_like(human), np.empty_like(human)
        for fold in range(found.folds):
            test = found.fold_of == fold
            at, around[test] = x[~test].mean(axis=0), human[~test].mean(axis=0)
            z, y = x[~test] - at, human[~test] - human[~test].mean(axis=0)
            weights = [np.linalg.solve(z.T @ z + one.penalties[fold] * np.eye(D), z.T @ y[:, d])
                       for d, one in enumerate(dimensions)]
            guess[test] = (x[test] - at) @ np.transpose(weights) + around[test]
        r2 = 1 - ((human - guess) ** 2).sum(axis=0) / ((human - around) ** 2).sum(axis=0)
        drawn = w.by_draws(lambda c: means(w, guess, c) | means(w, unit(x), c, "own_"))
        says = {key: drawn[key] for key in ("accuracy", "own_accuracy")} | {"mean_r2": r2.mean()}
        both = {"r2": r2, "correlation": np.diag(np.corrcoef(guess.T, human.T)[:D, D:])}
        return says | {f"dimensions/{d}/{key}": v[d] for d in range(D) for key, v in both.items()}

    figures = each(w.models, of) | {"human_accuracy": w.by_draws(lambda c: means(w, w.x, c))["accuracy"]}
    of_all = {(name, None): {"r2": figures[f"results/{k}/mean_r2"]} for k, name in enumerate(w.models)}
    of_all |= {(name, str(d + 1)): {"r2": figures[f"results/{k}/dimensions/{d}/r2"]}
               for k, name in enumerate(w.models) for d in range(D)}
    pairs = [((one.embeddings, one.dimension), (one.other, one.dimension)) for one in found.differences]
    return figures | less(of_all, pairs, "differences", difference="r2")


def embedding(w, _):
    return {"n_dimensions": D, "accuracy": w.best, "cross_entropy": w.of_sets @ entropy(w.p)}


def embed(w, _):
    own, drawn = embedding(w, None), w.by_draws(lambda c: means(w, w.x, c, "against/0/"))
    known = drawn | {f"fit/{key}": value for key, value in own.items()} | dict([*own.items()][1:])
    less_own = own["cross_entropy"] - drawn["against/0/cross_entropy"][0]
    return known | {"against/0/n_dimensions": D, "against/0/matched": 1.0, "against/0/difference": 0.0,
                    "against/0/cross_entropy_difference": less_own}


def recover(w, _):
    def of(x):
        s = similarities(x, w.triplets)
        t = minimize(lambda v: -(w.shares * log_softmax(s / np.exp(v[0]))).sum(), [0.5]).x[0]
        return {"temperature": np.exp(t), "recovery_rate": 1.0, "mistaken_share": 0.0}

    rates = {f"confusion/{a}/{b}": float(a == b) for a in (0, 1) for b in (0, 1)}
    return rates | each(better_than_chance(w), of, "by_model") | {"recovery_rate": 1.0, "curve/0/recovery_rate": 1.0}


def simulate(w, _):
    p = np.exp(log_softmax(similarities(w.x, every_triplet())))
    figures = {"expected_accuracy": p.max(axis=1), "expected_cross_entropy": entropy(p)}
    says = {key: (v.mean(), v.std() / 200) for key, v in figures.items()}  # of 40,000 triplets
    return says | {"standard_error": np.sqrt((p.max(axis=1) * (1 - p.max(axis=1))).mean()) / 200}
