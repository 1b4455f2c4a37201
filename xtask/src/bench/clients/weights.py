"""Makes files of bf16 weights, and changes them as people do.

Usage: weights.py make FILE MIB SEED       normally distributed bf16
       weights.py insert FILE AT BYTES SEED  bytes inserted in the middle
       weights.py tune FROM TO SHARE SEED  a copy with a share of its 1 MiB blocks trained further
"""

import sys

import numpy

MIB = 1 << 20


def bf16(random, count):
    values = random.normal(0, 0.02, count).astype(numpy.float32)
    return (values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes()


verb, *args = sys.argv[1:]
if verb == "make":
    path, mib, seed = args[0], int(args[1]), int(args[2])
    random = numpy.random.default_rng(seed)
    with open(path, "wb") as file:
        for _ in range(mib):
            file.write(bf16(random, MIB // 2))
elif verb == "insert":
    path, at, count, seed = args[0], int(args[1]), int(args[2]), int(args[3])
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:at] + numpy.random.default_rng(seed).bytes(count) + data[at:])
else:
    source, dest, share, seed = args[0], args[1], float(args[2]), int(args[3])
    random = numpy.random.default_rng(seed)
    with open(source, "rb") as file:
        data = bytearray(file.read())
    blocks = len(data) // MIB
    # Tensors change as wholes: a few runs of neighbouring blocks.
    left = max(1, round(blocks * share))
    while left > 0:
        run = min(left, 3)
        start = int(random.integers(0, blocks - run + 1)) * MIB
        data[start : start + run * MIB] = bf16(random, run * MIB // 2)
        left -= run
    with open(dest, "wb") as file:
        file.write(data)
