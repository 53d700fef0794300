"""Decodes damaged images until its time is over; ends with 1 and the file at the first fault.

python attempt.py SECONDS SEED

Each must become RGB or be refused in one line, in time and within memory: the largest image that is read takes 4 bytes
a pixel, some kinds of it several times.
"""

from __future__ import annotations

import base64
import random
import resource
import runpy
import signal
import struct
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

from pictures import files

from pyalign.errors import InputError
from pyalign.extraction.decode import decode
from pyalign.extraction.spelling import MOST_PIXELS, format_of

LONGEST = 30  # seconds for one image; machines are shared
ROOM = 16 * MOST_PIXELS
SIZES = (0, 1, 2, 255, 256, 9000, 9459, 9460, 16383, 30000, 65535, 1 << 16, 1 << 24, (1 << 31) - 1, (1 << 32) - 1)
mutate = runpy.run_path(str(Path(__file__).parents[1] / "fuzz" / "attempt.py"))["mutate"]


def resized(raw, rng):
    """Another width or height, wherever one may stand."""
    found = bytearray(raw)
    side = rng.choice((19, 23, 18, 22))  # WebP counts from 0
    for code in rng.sample((">I", "<I", ">H", "<H", "<I"), 5):
        place = found.find(struct.pack(code, side))
        if place >= 0:
            size = struct.calcsize(code)
            new = rng.choice(SIZES) % (1 << 8 * size)
            found[place : place + size] = struct.pack(code, new)
            break
    return bytes(found)


def summed(raw):
    """A PNG with the sums of its chunks made right, so that what is in them is read."""
    found, place = bytearray(raw[:8]), 8
    while place + 12 <= len(raw):
        length = int.from_bytes(raw[place : place + 4], "big")
        body = raw[place + 4 : place + 8 + length]
        found += raw[place : place + 4] + body + struct.pack(">I", zlib.crc32(body))
        place += 12 + length
    return bytes(found) + raw[place:]


def mutant(valid, rng):
    raw = rng.choice(valid)
    for _ in range(rng.choice((1, 1, 2))):
        raw = rng.choice((resized(raw, rng), mutate(raw, valid, rng), mutate(raw, valid, rng)))
    return summed(raw) if raw.startswith(b"\x89PNG") and rng.random() < 0.7 else raw


def attempt(raw):
    """What became of it."""
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        image = decode(raw)
        assert image.mode == "RGB" and image.width * image.height <= MOST_PIXELS and min(image.size) > 0
        return "decoded"
    except InputError as error:
        message = str(error)
        assert message and len(message.splitlines()) == 1 and message.isprintable() and len(message) < 400, message
        return "refused"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def late(*_):
    raise AssertionError(f"not decoded within {LONGEST} seconds")


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    valid, rng, told = list(files().values()), random.Random(seed), Counter()
    for raw in valid:
        assert attempt(raw) == "decoded"
    signal.signal(signal.SIGALRM, late)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, resource.RLIM_INFINITY))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        raw = mutant(valid, rng)
        try:
            became = attempt(raw)
        except BaseException:
            print(f"seed {seed}, image {sum(told.values())}: {base64.b85encode(raw).decode()}", file=sys.stderr)
            raise
        found = format_of(raw)
        told[f"{found.name if found else 'no format'} {became}"] += 1
    print(sum(told.values()), "images:", ", ".join(f"{count} {kind}" for kind, count in sorted(told.items())))


if __name__ == "__main__":
    main()
