"""The CUDA kernels on the CPU: check_cuda and check_emulation, plain and under sanitizers, and on kernels broken once.

ThreadSanitizer sees a missing barrier, AddressSanitizer a bound that is not kept, and its companion for undefined
behavior a vector access that is not aligned; the emulator itself sees what a launch may not ask for.
"""

from __future__ import annotations

import re
import sys

import pytest
from emulated_builds import MEMORY, ROOT, THREADS, Build, must, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="The emulator needs GNU ld.")


def built(tmp_path_factory, sanitizers=""):
    build = Build(tmp_path_factory, sanitizers)
    build.build("check_cuda", "check_emulation")
    return build


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    return built(tmp_path_factory, MEMORY)


@pytest.fixture(scope="module")
def threads(tmp_path_factory):
    tree = built(tmp_path_factory, THREADS)
    if "unexpected memory mapping" in tree.run("check_emulation").stderr:
        pytest.skip("ThreadSanitizer cannot lay out its memory on this kernel.")
    return tree


@pytest.fixture
def tree(request):
    return request.getfixturevalue(request.param)


# --- the emulator

SANITIZED = [pytest.param(name, marks=pytest.mark.of_kernels) for name in ("memory", "threads")]
EVERY_TREE = pytest.mark.parametrize("tree", ["plain", *SANITIZED], indirect=True)


@EVERY_TREE
def test_the_emulator_runs_right_kernels_right(tree):
    tree.must_pass("check_emulation")


MISTAKES = {
    "divergence": "barrier divergence: threads wait at different places",
    "ended": "barrier divergence: a thread ended, others wait",
    "missing-lane": "barrier divergence",
    "ended-lane": "deadlock|has ended",
    "partial-warp": "no lane 24",
    "outside-mask": "lane 0 reads lane 20, which is not in the mask",
    "past-dynamic": "writes past its 404 bytes of dynamic shared memory",
    "large-block": "65 threads in a block, its launch bounds are 64",
    "many-blocks": "16 blocks of 256 threads are more than a multiprocessor holds",
    "default-stream": "a launch on the default stream",
    "memset-default-stream": "a memory set on the default stream",
    "other-stream": "a launch on another stream than the caller's",
}
FROM_THE_HOST = {"large-block", "many-blocks", "default-stream", "memset-default-stream", "other-stream"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_emulator_refuses(plain, mistake):
    done = plain.run("check_emulation", mistake)
    assert done.returncode != 0
    assert re.search(rf"CUDA emulation: .*({MISTAKES[mistake]})", done.stderr), done.stderr
    if mistake not in FROM_THE_HOST | {"ended-lane", "past-dynamic"}:
        assert re.search(r"check_emulation\.cu:\d+", done.stderr), done.stderr


def line_of(text):
    """Where the emulator's own checks hold it."""
    files = [ROOT / "tests" / "cuda" / name for name in ("check_emulation.cu", "check_calls.cu")]
    lines = [(file.name, k, line) for file in files for k, line in enumerate(file.read_text().splitlines(), 1)]
    ((name, number, _),) = [row for row in lines if text in row[2]]
    return f"{name}:{number}"


@pytest.mark.of_kernels
@pytest.mark.parametrize(
    ("tree", "mistake", "message", "place"),
    [
        ("memory", "past-shared", "index 4 out of bounds", "parts[warp + (mistake == PAST_SHARED)]"),
        ("memory", "past-global", "heap-buffer-overflow", "(mistake == PAST_GLOBAL)];"),
        ("memory", "past-dynamic", "heap-buffer-overflow", "values[k + past] ="),
        ("threads", "no-barrier", "data race", "? parts[lane] : 0.0f"),
        ("threads", "shuffle-as-barrier", "data race", "= values[other]"),
        ("threads", "no-syncwarp", "data race", "= values[31 - threadIdx.x]"),
        ("threads", "no-atomic blocks", "data race", "else counts[threadIdx.x] += one;"),
        ("memory", "read-too-early", "use-after-poison", "// by the host"),
    ],
    indirect=["tree"],
)
def test_a_sanitizer_reports_with_file_and_line(tree, mistake, message, place):
    done = tree.run("check_emulation", *mistake.split())
    assert done.returncode != 0
    assert message in done.stderr
    assert line_of(place) in done.stderr


def test_a_missing_barrier_changes_the_result_too(plain):
    assert plain.run("check_emulation", "no-barrier").returncode == 1


def static_memory(program):
    """Bytes of static shared memory by function: what lies between the symbols of shared_memory.ld."""
    listing = must(["nm", "-S", "-C", program])
    first, last = (int(re.search(rf"^(\w+) . pa_shared_{end}$", listing, re.M)[1], 16) for end in ("begin", "end"))
    sizes = {}
    for address, size, name in re.findall(r"^(\w+) (\w+) \w (.+)$", listing, re.M):
        if first <= int(address, 16) < last:
            function = name.rpartition("::")[0]
            sizes[function] = sizes.get(function, 0) + int(size, 16)
    return sizes


def test_no_kernel_has_more_static_shared_memory_than_devices_give(plain):
    sizes = static_memory(plain.program("check_cuda"))
    assert len(sizes) >= 5
    assert not {name: size for name, size in sizes.items() if size > 48 * 1024}


# --- the kernels


@pytest.mark.of_kernels
def test_agree_with_naive_loops_in_any_order_of_threads(plain):
    assert plain.must_pass("check_cuda") > 6_000


@pytest.mark.of_kernels
@pytest.mark.parametrize("seed", [1000, 2000])
def test_other_orders_of_threads_change_no_bit(plain, seed):
    plain.must_pass("check_cuda", "--quick", "--seed", seed)


@pytest.mark.of_kernels
def test_no_access_is_out_of_bounds_or_misaligned(memory):
    memory.must_pass("check_cuda", "--quick")


@pytest.mark.of_kernels
def test_no_barrier_is_missing(threads):
    threads.must_pass("check_cuda", "--quick")


# --- the checks themselves: each kernel file, broken in one place. What stands there, what is put in its place, and the
# part of check_cuda that has to notice.

BARRIER = "__syncthreads();"
LAUNCH_TOPK = (
    "PA_LAUNCH(topk<T>, s->n, kThreads, stream, static_cast<const T*>(s->data), s->d, s->stride, k, own, indices);"
)
BROKEN = {
    # Seen as races.
    "similarity: a slice is read before it is written": (
        "threads", "similarity", "plain_tiles.cuh", f"next + P::buffer / 2);\n    {BARRIER}", "next + P::buffer / 2);"),
    "similarity: a strip is read before it is written": (
        "threads", "similarity", "tile.cuh", f"{BARRIER}  // the strip", "// the strip"),
    "similarity: a stage is written before it was read": (
        "threads", "similarity", "tensor_tiles.cuh", f"{BARRIER}  // this", "// this"),
    "similarity: the mirror is read before it is written": (
        "threads", "similarity", "tile.cuh", f"{BARRIER}\n  write_mirror", "write_mirror"),
    "similarity: copies are not waited for": (
        "threads", "similarity", "tensor_tiles.cuh", "copy_wait<S::stages - 2>();", ""),
    "similarity: one copy too few is waited for": (
        "threads", "similarity", "tensor_tiles.cuh", "copy_wait<S::stages - 2>();",
        "copy_wait<S::stages - 1>();"),
    "triplets: sums of warps are read before they are written": (
        "threads", "triplets", "triplet.cuh", f"{BARRIER}\n  if (threadIdx.x >= kSums)", "if (threadIdx.x >= kSums)"),
    "triplets: the flag is not written by an atomic": (
        "threads", "triplets", "from_matrix.cuh", "atomicExch(want.invalid, 1);", "*want.invalid = 1;"),
    "gradient: runs of warps are read before they are written": (
        "threads", "gradient", "runs.cuh", f"{BARRIER}\n  if (!first", "if (!first"),
    "gradient: runs of warps are written before they were read": (
        "threads", "gradient", "runs.cuh", f"of_warps[w].sum;\n  {BARRIER}", "of_warps[w].sum;"),
    "choice_similarity: a slice is read before it is written": (
        "threads", "choice_similarity", "choice_similarity.cu", f"{BARRIER}\n    if (k0 < 0)",
        "if (k0 < 0)"),
    "choice_similarity: a slice is written before it was read": (
        "threads", "choice_similarity", "choice_similarity.cu", f"sums);\n    {BARRIER}", "sums);"),
    "resample: blocks add without an atomic": (
        "threads", "resample", "resample.cu",
        "atomicAdd(target + (1 + first + c) * r.lanes, static_cast<unsigned long long>(sum));",
        "target[(1 + first + c) * r.lanes] += static_cast<unsigned long long>(sum);"),
    "resample: the flag is not written by an atomic": (
        "threads", "resample", "resample.cu", "atomicExch(r.invalid, 1);", "*r.invalid = 1;"),
    "gradient: the flag is not written by an atomic": (
        "threads", "gradient", "gradient.cu", "atomicExch(problem.invalid, 1);", "*problem.invalid = 1;"),
    # Seen by the emulator.
    "triplets: sums are added up on the default stream": (
        "plain", "triplets", "triplets.cu", "kSums, kThreads, stream,", "kSums, kThreads, nullptr,"),
    "resample: sums become zero on the default stream": (
        "plain", "resample", "resample.cu", "0, bytes, static_cast<cudaStream_t>(stream))", "0, bytes)"),
    "gradient: the matrix becomes zero on the default stream": (
        "plain", "gradient", "gradient.cu", "0, bytes, static_cast<cudaStream_t>(stream))", "0, bytes)"),
    "gradient: entries are sorted on the default stream": (
        "plain", "gradient", "gradient.cu", "int(entries), bits, stream)", "int(entries), bits, nullptr)"),
    "topk: another stream than the caller's": ("plain", "topk", "topk.cu", "kThreads, stream,", "kThreads, indices,"),
    "gradient: launch bounds are below the size of a block": (
        "plain", "gradient", "gradient.cu", "__launch_bounds__(kThreads)", "__launch_bounds__(128)"),
    "topk: launch bounds are below the size of a block": (
        "plain", "topk", "topk.cu", "__launch_bounds__(kThreads)", "__launch_bounds__(128)"),
    "choice_similarity: more blocks at once than a multiprocessor holds": (
        "plain", "choice_similarity", "choice_similarity.cu", "__launch_bounds__(kThreads, 2)",
        "__launch_bounds__(kThreads, 16)"),
    "topk: a launch is added": ("plain", "counts", "topk.cu", LAUNCH_TOPK, LAUNCH_TOPK + LAUNCH_TOPK),
    "resample: a call waits for its work": (
        "plain", "counts", "resample.cu", "if (triplets->t == 0) return 0;",
        "if (cudaStreamSynchronize(static_cast<cudaStream_t>(stream)) || triplets->t == 0) return 0;"),
    # Seen as wrong accesses.
    "resample: the host reads what lies on the device": (
        "memory", "resample", "resample.cu", "if (triplets->t == 0) return 0;",
        "if (triplets->t == 0 || *invalid) return 0;"),
    "choice_similarity: pairs past the last are written": (
        "memory", "choice_similarity", "choice_similarity.cu", "if (j >= c.n || i > j) return;", "if (i > j) return;"),
    "similarity: columns past the last are written": (
        "memory", "similarity", "tile.cuh", "j < job.y.n ? wanted : 0", "wanted"),
    "similarity: copies go past the end of a row": (
        "memory", "similarity", "tensor_tiles.cuh", "left < 16 ? int(left) : 16", "16"),
    "triplets: indices that are not aligned are read by 8 and 16 bytes": (
        "memory", "triplets", "triplet.cuh", "% (narrow ? 8 : 16) == 0", "% 2 == 0"),
    "triplets: indices that are aligned to 8 bytes are read by 16": (
        "memory", "triplets", "triplet.cuh", "(narrow ? 8 : 16) == 0", "8 == 0"),
    "triplets: packs of indices are mixed up": (
        "threads", "triplets", "triplet.cuh", "items[v / 3][v % 3] = packs", "items[v / 3][2 - v % 3] = packs"),
    "triplets: choices past the last are written": (
        "memory", "triplets", "from_matrix.cuh", "left < kTripletsOfThread ? int(left) : kTripletsOfThread",
        "kTripletsOfThread"),
    "triplets: negative indices are followed": ("memory", "triplets", "triplet.cuh", "uint64_t(a) < limit", "a < n"),
    "similarity: ready products past the last row are read": (
        "memory", "similarity", "last_step.cuh", "row < wanted ?", "row < R::tile ?"),
    # Seen as wrong results.
    "similarity: ready products are taken from below the diagonal": (
        "plain", "similarity", "last_step.cuh", "(at.i0 + row) * job.out_stride + j",
        "j * job.out_stride + at.i0 + row"),
    "similarity: the mirror image is not written": (
        "threads", "similarity", "tile.cuh", "write_mirror<S>(job, at, strip);", ""),
    "similarity: close rows are not summed from the rows": (
        "threads", "similarity", "tile.cuh", "s <= (a + b) * job.close_share", "false"),
    "similarity: close rows are left to float32": (
        "threads", "similarity", "tile.cuh", "sure &= !(s.high <= sum * with.close_share);", ""),
    "similarity: sums stay in the tensor cores": (
        "memory", "deep", "tensor_tiles.cuh", "float product[4] = {};",
        "float product[4]; for (int e = 0; e < 4; ++e) product[e] = sum[r][c][e], sum[r][c][e] = 0.0f;"),
    "similarity: TF32 is cut off, not rounded": ("plain", "deep", "tensor_tiles.cuh", "r[v] = to_tf32(value);", ""),
    "similarity: rows of a stage meet in the banks": (
        "threads", "similarity", "tensor_tiles.cuh", "chunk ^ (row * S::chunks / 8 % S::chunks)", "chunk"),
    "similarity: what is left over of the features is not multiplied": (
        "threads", "similarity", "tensor_tiles.cuh", "if (job.x.d % depth) {", "if (false) {"),
    "similarity: the rest is copied over a slice that is being read": (
        "threads", "similarity", "tensor_tiles.cuh", "int64_t(slices) * depth, own + now);",
        "int64_t(slices) * depth, own + last);"),
    "float_pair: the low part of a cosine is cut off": (
        "threads", "float_pair", "../float_pair.h", "fmaf(g, ab.low, fmaf(g, ab.high, -high))",
        "fmaf(g, ab.high, -high)"),
    "float_pair: all is sure": ("threads", "float_pair", "../float_pair.h", "1.0f + 0x1p-18f", "1.0f"),
    "float_pair: the low part of a squared distance is cut off": (
        "threads", "float_pair", "../float_pair.h", "fmaf(-root, root, s.high) + s.low",
        "fmaf(-root, root, s.high)"),
    "triplets: the flag is not set": (
        "threads", "triplets", "from_rows.cuh", "if (!items.valid) atomicExch(want.invalid, 1);", ""),
    "triplets: indices are cut to 32 bits": (
        "threads", "triplets", "triplet.cuh", "uint64_t(b) < limit", "uint64_t(int32_t(b)) < limit"),
    "similarity: later launches repeat the first tiles": (
        "threads", "tiles", "tile.cuh", "tile = job.first_tile + block;", "tile = block;"),
    "gradient: fixed sums are added to without an atomic": (
        "threads", "gradient", "fixed.cuh", "atomicAdd(sums + pair, static_cast<unsigned long long>(value));",
        "sums[pair] += static_cast<unsigned long long>(value);"),
    "gradient: fixed sums overflow": (
        "threads", "gradient", "fixed.cuh", "ldexp(1.0, 60 - ilogb(bound))", "ldexp(1.0, 64 - ilogb(bound))"),
    "gradient: fixed sums are bounded by t whatever the answers": (
        "threads", "gradient", "fixed.cuh", "return Soft ? *fixed.bound : fixed.triplets;", "return fixed.triplets;"),
    "gradient: fixed sums of a warp are added by each of its lanes": (
        "threads", "gradient", "fixed.cuh", "if (threadIdx.x % kWarp != 0) return;", ""),
    "gradient: answers of triplets that are not valid count": (
        "threads", "gradient", "fixed.cuh", "&& read_triplet(problem.triplets, q, problem.n).valid", ""),
    "gradient: fixed sums take what has no number": (
        "threads", "gradient", "fixed.cuh", "atomicExch(fixed.not_finite, 1);", ""),
    "gradient: later slabs overwrite": (
        "threads", "gradient", "gradient.cu", "gradient.add = first > 0;", "gradient.add = false;"),
    "gradient: parts of long runs are lost": (
        "threads", "gradient", "runs.cuh", "if (next < tiles && !after_end)", "if (next < tiles && lane == 0)"),
    "gradient: later slabs have the answers of the first": (
        "threads", "gradient", "gradient.cu", "<E, Soft>(problem, items, first + q)",
        "<E, Soft>(problem, items, q)"),
    "gradient: the sort leaves out a bit": (
        "threads", "gradient", "gradient.cu", "bits_of(no_pair(problem.n));", "bits_of(no_pair(problem.n)) - 1;"),
    "resample: triplets are read before they are staged": (
        "memory", "resample", "resample.cu", f"&staged);\n    {BARRIER}", "&staged);"),
    "resample: triplets are staged before they were read": (
        "threads", "resample", "resample.cu", f"step, sums);\n    {BARRIER}", "step, sums);"),
    "resample: warps add up at once": (
        "threads", "resample", "resample.cu", f"}}\n    }}\n    {BARRIER}\n  }}", "}\n    }\n  }"),
    "resample: items that are not valid are followed": (
        "memory", "resample", "resample.cu", "items.valid ? named : uint4{}", "named"),
    "resample: triplets that are not valid weigh something": (
        "memory", "resample", "resample.cu", "[0][place] = items.valid;", "[0][place] = 1;"),
    "resample: digits are in the order of the triplets": (
        "threads", "resample", "resample.cu", "k / kStepTriplets * kStepTriplets + k % 4 * 4 + k % kStepTriplets / 4",
        "k"),
    "resample: high bytes of the weights meet digits for low ones": (
        "threads", "resample", "resample.cu", "high ? 0x1404 : 0x4140", "0x4140"),
    "choice_similarity: the item itself counts as a third": (
        "threads", "choice_similarity", "choice_similarity.cu", "k >= c.n || i == k", "k >= c.n"),
    "choice_similarity: later launches repeat the first tiles": (
        "threads", "choice_similarity", "choice_similarity.cu", "upper_tile(c.first_tile + blockIdx.x)",
        "upper_tile(blockIdx.x)"),
    "resample: later rows of values repeat the first": (
        "threads", "resample", "resample.cu", "r.values[(first + c)", "r.values[c"),
    "topk: warps are read before they are written": (
        "threads", "topk", "topk.cu", f"}}\n    {BARRIER}\n    last", "}\n    last"),
    "topk: the later of equal columns comes first": (
        "threads", "topk", "topk.cu", "a.column < b.column);", "a.column > b.column);"),
    "topk: a row is its own neighbor": ("threads", "topk", "topk.cu", "j != left_out && after", "after"),
    "rows: maxima of warps are read before they are written": (
        "threads", "rows", "rows.cu", f"= maxima;\n  {BARRIER}", "= maxima;"),
    "rows: maxima of blocks meet without an atomic": (
        "plain", "rows", "rows.cu", "if (of_block > 0) atomicMax(report + threadIdx.x, of_block);",
        "report[threadIdx.x] = of_block;"),
    "rows: the last load of a row is taken whole": (
        "memory", "rows", "common.cuh", "aligned && k + Chunk<T>::size <= x.d", "aligned"),
    "rows: what stands behind a row is not zero": (
        "plain", "rows", "rows.cu", "if (k + first + e >= p.x.d) continue;", ""),
    "rows: a constant row is not told": ("plain", "rows", "rows.cu", "seen.low == seen.high &&", "false &&"),
    "rows: rows past the first round are left out": (
        "plain", "rows", "rows.cu", "i += int64_t(gridDim.x) * kRowWarps", "i += p.x.n"),
    "rows: a row whose squares are zero counts as zero": (
        "plain", "rows", "rows.cu", "zero = zero && value == 0.0;", "zero = squares == 0.0;"),
    "rows: a row with an infinite number is known": ("plain", "rows", "rows.cu", "&& largest < double(INFINITY)", ""),
}


# What a part of check_cuda calls: only that is compiled again. That of "counts" is the file that is broken.
UNITS = {
    **{part: f"csrc/cuda/{part}.cu" for part in ("similarity", "triplets", "gradient", "resample", "topk", "rows")},
    "choice_similarity": "csrc/cuda/choice_similarity.cu",
    "deep": "csrc/cuda/similarity.cu",
    "float_pair": "tests/cuda/check_float_pair.cpp",
    "tiles": "tests/cuda/check_tiles.cu",
}


@pytest.mark.of_kernels
@pytest.mark.plants
@pytest.mark.parametrize(("tree", "broken"), [(BROKEN[name][0], name) for name in BROKEN], indirect=["tree"])
def test_notice_that(tree, broken, tmp_path):
    _, part, file, before, after = BROKEN[broken]
    program = tree.mutant(tmp_path, UNITS.get(part, f"csrc/cuda/{file}"), file, before, after)
    done = run([program, "--quick", "--first", part])
    program.unlink()  # of 30 MB
    assert done.returncode != 0, done.stdout
    assert re.search("FAILED|data race|runtime error|AddressSanitizer|CUDA emulation", done.stdout + done.stderr)


@pytest.mark.of_kernels
@EVERY_TREE
@pytest.mark.parametrize("part", ["topk", "float_pair", "tiles"])
def test_notice_nothing_where_nothing_is_broken(tree, part, tmp_path):
    """Else it would be the way in which mutants are built that fails."""
    file = {"topk": "topk.cu", "float_pair": "../float_pair.h", "tiles": "tile.cuh"}[part]
    same = "common.cuh" if part == "topk" else "#pragma once"
    program = tree.mutant(tmp_path, UNITS[part], file, same, same)
    done = run([program, "--quick", part])
    program.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
