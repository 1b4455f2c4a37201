"""Makes files that grow as such files do: a parquet file gets rows, a GGUF file gets metadata at its front.

Usage: grow.py FOLDER STEP     (STEP 0, then 1)
"""

import struct
import sys
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet

folder, step = Path(sys.argv[1]), int(sys.argv[2])
random = numpy.random.default_rng(7)

# The same rows first, then 2 % more.
rows = 400_000
more = rows // 50 * step
columns = {
    "id": numpy.arange(rows + more),
    "score": numpy.concatenate([random.normal(size=rows), numpy.random.default_rng(8).normal(size=more)]),
    "text": [f"row {i} says {i * 7919 % 1000003}" for i in range(rows + more)],
}
table = pyarrow.table(columns)
pyarrow.parquet.write_table(table, folder / "rows.parquet", row_group_size=50_000, compression="zstd")


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


# Version 3; no tensor infos are needed for what is tested here: a header that grows, and blocks of weights behind it.
metadata = [("general.architecture", "llama"), ("general.name", "grown")]
if step:
    metadata.append(("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}{% endfor %}" * 20))
header = b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata))
for key, value in metadata:
    header += text(key) + struct.pack("<I", 8) + text(value)
header += b"\0" * (-len(header) % 32)
weights = numpy.random.default_rng(9).integers(0, 256, 30_000_000, dtype=numpy.uint8).tobytes()
(folder / "model.gguf").write_bytes(header + weights)
