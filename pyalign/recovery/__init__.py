"""Model recovery: can these data distinguish these models?

Choices are simulated from each model in turn, all models are fitted to them, and the best is selected: it should be the
one that generated the choices. `pool` has the triplets with the similarities of each model and simulates choices,
`refits` fits models, and `recovered` counts over simulations and sizes. `recover` is the public
function, and `recovered` defines its result.
"""
