"""Fills a stopped hub's database with files of blocks, all linked to one repository; prints the hashes of some large ones.

Usage: seed_files.py DATABASE REPO FILES

Every thousandth file has 160 terms on 160 xorbs, the others one term each. Nothing has bytes: only recipes are asked for.
"""

import hashlib
import json
import sqlite3
import struct
import sys

path, repo_name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
XORBS, TERMS, EVERY = 20_000, 160, 1000
MIB = 1 << 20
db = sqlite3.connect(path)
db.execute("PRAGMA synchronous = OFF")
[(repo,)] = db.execute("SELECT id FROM repo WHERE name = ?", [repo_name]).fetchall()


def digest(kind, n):
    return hashlib.sha256(f"{kind} {n}".encode()).digest()


def term(xorb):
    return struct.pack("<qIIIII", xorb, 0, 1024, 64 * MIB, 0, 64 * MIB + 8192)


[(before,)] = db.execute("SELECT COALESCE(MAX(id), 0) FROM xorb").fetchall()
db.executemany(
    "INSERT INTO xorb (id, hash, generation, state, n_chunks, raw_bytes, stored_bytes, used_at, created_at) "
    "VALUES (?, ?, 1, 0, 1024, ?, ?, 1, 1)",
    ((before + n, digest("xorb", n), 64 * MIB, 64 * MIB + 8192) for n in range(1, XORBS + 1)),
)
large = []
files, edges, objects, links = [], [], [], []
[(first,)] = db.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM xet_file").fetchall()
for n in range(count):
    file, file_hash, sha256 = first + n, digest("file", n), digest("sha256", n)
    terms = TERMS if n % EVERY == 0 else 1
    xorbs = [before + 1 + (n * 7 + k * 113) % XORBS for k in range(terms)]
    if terms > 1:
        large.append(b"".join(file_hash[at : at + 8][::-1] for at in range(0, 32, 8)).hex())
    size = 64 * MIB * terms
    files.append((file, file_hash, size, terms, sha256, 1, b"".join(map(term, xorbs))))
    edges.extend((file, xorb) for xorb in sorted(set(xorbs)))
    objects.append((sha256, size, 1, 0, file))
    links.append((repo, sha256, f"{n:024x}", f"f{n}", 1))
    if len(files) == 10_000 or n == count - 1:
        db.executemany(
            "INSERT INTO xet_file (id, hash, size_bytes, n_terms, sha256, created_at, terms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            files,
        )
        db.executemany("INSERT INTO xet_file_xorb (file_id, xorb_id) VALUES (?, ?)", edges)
        db.executemany(
            "INSERT INTO lfs_object (sha256, size_bytes, created_at, has_raw, xet_file_id) VALUES (?, ?, ?, ?, ?)", objects
        )
        db.executemany(
            "INSERT INTO lfs_link (repo_id, sha256, public_id, filename, linked_at) VALUES (?, ?, ?, ?, ?)", links
        )
        files, edges, objects, links = [], [], [], []
db.commit()
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
print(json.dumps(large))
