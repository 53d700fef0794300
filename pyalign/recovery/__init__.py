"""Model recovery: can these data distinguish these models?

Choices are simulated from each model in turn, all models are fitted to them, and the best is selected: it should be the
one that generated the choices. `refits` has the triplets with the similarities of each model, simulates choices and
fits models; `recovered` counts over simulations and sizes, and defines the result of `recover`, the public function.
"""
