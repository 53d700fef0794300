#!/usr/bin/env bash
# Runs the main job on built-in data, printing each command before it runs: tools/demo.sh [DIR]
set -euo pipefail
dir=${1:-demo}
mkdir -p "$dir"

run() {
  printf '\n$'
  printf ' %q' "$@"
  printf '\n'
  "$@"
}

run pyalign info
run pyalign datasets fetch sample --folder "$dir"
run pyalign score --embeddings "$dir/embeddings.npy" --triplets "$dir/triplets.npy"

printf '\nThe same at THINGS size: answers drawn from a known choice model, so the right accuracy is known.\n'
run pyalign triplets simulate "$dir/things" --n-objects 1854 --count 4700000
run pyalign score --embeddings "$dir/things/embeddings.npy" --triplets "$dir/things/triplets.npy" \
  --temperature 0.1 --json "$dir/things/score.json"
run pyalign describe "$dir/things/triplets.npy"
grep triplets_per_second "$dir/things/score.json" | awk '{printf "\n%.1f million triplets per second\n", $2 / 1e6}'

printf '\nA study with a page of results (needs the extras probe and report):\n  pyalign tour\n'
