"""Model recovery: can these data tell these models apart?

Answers are simulated from each model in turn, all models are fitted to them anew, and the best is chosen: it should be
the one that answered. `pool` holds triplets with the similarities of each model, `answers` draws from them,
`by_temperature` and `by_probe` fit, `rates` counts over simulations and sizes; `recover` is the public function,
`recovered` what it finds, `summary` how that follows from the counts.
"""
