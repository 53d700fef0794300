#!/usr/bin/env bash
# Everything that waits for a CUDA device, in one command: tools/first_light.sh [FOLDER]
#
# Builds; checks the kernels against naive loops, with their limits and with low ones; the same under each tool of
# compute-sanitizer; pytest -m gpu; benchmarks.gpu. Logs, rows and what machine it was go to FOLDER, by default
# benchmarks/results/first_light/DEVICE, which is to be committed. A step that fails, or whose tool is missing, keeps
# none from running but those that need it. Exit status: 0 when every step passed, 1 when one did not, 2 without a device.
#
# PYTHON: the Python of an installation with the extras test and bench, by default .venv's, which `make develop` makes.
# STEP_SECONDS: the longest that a step may take, by default 3600. BUILD: folder for what is compiled.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

PYTHON=${PYTHON:-$PWD/.venv/bin/python}
STEP_SECONDS=${STEP_SECONDS:-3600}
BUILD=${BUILD:-build/first_light}
# Where a toolkit is, and what pip has installed; what PATH has comes first.
for place in /usr/local/cuda/bin "$(dirname "$PYTHON")" "$(dirname "$PYTHON")"/../lib/python3*/site-packages/nvidia/cu13/bin; do
  [ -d "$place" ] && PATH=$PATH:$place
done
device=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
slug=$(tr 'A-Z ' 'a-z-' <<<"${device:-none}" | tr -cd 'a-z0-9-')
folder=${1:-benchmarks/results/first_light/$slug}
mkdir -p "$folder" "$BUILD" || exit 1
summary=$folder/summary.txt
: >"$summary"
worst=0 running='' child=''

note() {
  printf '%-22s %s\n' "$1" "$2" | tee -a "$summary"
}

fails() {
  note "$@"
  worst=1
}

# A run that is killed says where it stopped.
# shellcheck disable=SC2317,SC2329  # called by the trap
at_end() {
  [ -n "$running" ] || return
  note "$running" "stopped here: $folder/$running.log"
  kill "$child"
}
trap at_end EXIT
trap 'exit 1' INT TERM

# passed NAME: whether that step has run, and passed.
passed() { grep -q "^$1  *passed in " "$summary"; }

# step NAME NEEDED COMMAND...: its output goes to NAME.log. NEEDED: a step that must have passed, or "".
step() {
  local name=$1 needed=$2 start=$SECONDS status
  shift 2
  if [ -n "$needed" ] && ! passed "$needed"; then
    fails "$name" "left out: $needed did not pass"
    return
  fi
  if ! command -v "$1" >/dev/null; then
    fails "$name" "left out: no $1"
    return
  fi
  running=$name
  timeout --kill-after=60 "$STEP_SECONDS" "$@" >"$folder/$name.log" 2>&1 &
  child=$!
  wait "$child"  # in the background, so that the trap need not wait for it
  status=$?
  running=''
  case $status in
    0) note "$name" "passed in $((SECONDS - start)) s" ;;
    124 | 137) fails "$name" "stopped after $((SECONDS - start)) s: $folder/$name.log" ;;
    *) fails "$name" "FAILED with status $status after $((SECONDS - start)) s: $folder/$name.log" ;;
  esac
}

environment() {
  date -u +%Y-%m-%dT%H:%MZ
  printf 'commit %s%s\n' "$(git rev-parse HEAD 2>/dev/null)" "$(git diff --quiet HEAD 2>/dev/null || echo ', with changes')"
  uname -srm
  "${CUDACXX:-nvcc}" --version 2>&1
  nvidia-smi 2>&1
  nvidia-smi -q -d CLOCK,POWER,ECC 2>&1
  "$PYTHON" --version 2>&1
  "$PYTHON" -m pip list 2>&1
}
environment >"$folder/environment.txt"

if [ ! -x "$PYTHON" ] && [ "$PYTHON" = "$PWD/.venv/bin/python" ]; then step install '' make .venv/toolkit develop; fi

# built NAME TARGET CMAKE_OPTION...: the steps configure_NAME and build_NAME.
built() {
  local name=$1 target=$2
  shift 2
  step "configure_$name" '' cmake -S . -B "$BUILD/$name" -DPYALIGN_PYTHON=OFF -DPYALIGN_CUDA_EMULATION=ON "$@"
  step "build_$name" "configure_$name" cmake --build "$BUILD/$name" --parallel --target "$target"
}

if [ -z "$device" ]; then
  built emulated check_cuda -DPYALIGN_CUDA=OFF
  step check_emulated build_emulated "$BUILD/emulated/tests/cuda/check_cuda" --quick
  echo "no CUDA device (nvidia-smi finds none): the kernels ran on the emulator alone, the rest waits for one" |
    tee -a "$summary"
  [ "$worst" = 0 ] && exit 2
  exit 1
fi

on_device=(-DPYALIGN_CUDA=ON -DPYALIGN_CUDA_ARCHITECTURES=native)
built normal check_cuda_device "${on_device[@]}" -DPYALIGN_LOW_LIMITS=OFF
built low check_cuda_device "${on_device[@]}" -DPYALIGN_LOW_LIMITS=ON
for limits in normal low; do
  step "check_$limits" "build_$limits" "$BUILD/$limits/tests/cuda/check_cuda_device"
done
for limits in normal low; do
  for tool in memcheck racecheck initcheck synccheck; do
    # Errors of calls are not reported: the checks provoke one, a device that does not exist.
    step "${tool}_$limits" "build_$limits" compute-sanitizer --tool "$tool" --error-exitcode 9 --report-api-errors no \
      "$BUILD/$limits/tests/cuda/check_cuda_device" --quick
  done
done
step installed '' "$PYTHON" -c 'from pyalign.backends import _cuda; assert _cuda.device_count()[0] > 0, _cuda.device_count()'
step registers installed "$PYTHON" tools/kernel_table.py
step machine_code installed "$PYTHON" tools/machine_code.py
# Without a torch that finds the device all tests would be skipped, and pass.
step torch '' "$PYTHON" -c 'import torch; assert torch.cuda.is_available(), torch.__version__'
step pytest torch "$PYTHON" -m pytest -m gpu -ra tests
step benchmarks torch "$PYTHON" -m benchmarks.gpu --out "$folder/gpu.csv"

steps=$(wc -l <"$summary")
echo "$device: $(grep -c ' passed in ' "$summary") of $steps steps passed; results are in $folder" | tee -a "$summary"
exit "$worst"
