-- Xet: blocks of chunks (xorbs), the files put together from them, and who may refer to what.
CREATE TABLE xorb (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    -- Part of the object's key: what is uploaded again never shares a key with what is being deleted.
    generation INTEGER NOT NULL,
    -- 0 live, 1 condemned, 2 being deleted.
    state INTEGER NOT NULL,
    uploader_id INTEGER REFERENCES account (id),
    n_chunks INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    -- When a file first used it; until then its bytes count against its uploader's quota.
    used_at INTEGER,
    created_at INTEGER NOT NULL,
    condemned_at INTEGER,
    -- Since when it may hold chunks that no file has any more.
    shrunk_at INTEGER
);
CREATE INDEX xorb_shrunk ON xorb (shrunk_at) WHERE shrunk_at IS NOT NULL;
CREATE INDEX xorb_unused ON xorb (uploader_id) WHERE used_at IS NULL;
CREATE INDEX xorb_state ON xorb (state, condemned_at) WHERE state <> 0;
-- 40 bytes a chunk: hash, end in the stored bytes, end in the raw bytes.
CREATE TABLE xorb_chunks (
    xorb_id INTEGER PRIMARY KEY REFERENCES xorb (id),
    packed BLOB NOT NULL
);
-- A user may refer to a xorb until then: they uploaded it, or were told of it. It is kept as long.
CREATE TABLE xorb_use (
    xorb_id INTEGER NOT NULL REFERENCES xorb (id),
    user_id INTEGER NOT NULL REFERENCES account (id),
    until INTEGER NOT NULL,
    PRIMARY KEY (xorb_id, user_id)
);
CREATE INDEX xorb_use_until ON xorb_use (until);
CREATE TABLE xet_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    n_terms INTEGER NOT NULL,
    -- SHA-256 of the content, once computed here.
    sha256 BLOB,
    created_at INTEGER NOT NULL,
    condemned_at INTEGER,
    -- 28 bytes each. Last, because SQLite reads its way through a long value to what comes after it.
    terms BLOB NOT NULL
);
CREATE INDEX xet_file_condemned ON xet_file (condemned_at) WHERE condemned_at IS NOT NULL;
CREATE TABLE xet_file_xorb (
    file_id INTEGER NOT NULL REFERENCES xet_file (id),
    xorb_id INTEGER NOT NULL REFERENCES xorb (id),
    PRIMARY KEY (file_id, xorb_id)
);
CREATE INDEX xet_file_xorb_xorb ON xet_file_xorb (xorb_id, file_id);
-- Chunks by which known content is found again: the first of each file, and one in 1024.
CREATE TABLE xet_dedup (
    chunk BLOB PRIMARY KEY,
    xorb_id INTEGER NOT NULL REFERENCES xorb (id),
    chunk_index INTEGER NOT NULL
);
CREATE INDEX xet_dedup_xorb ON xet_dedup (xorb_id);
-- A content has one of two homes, or for a while both: a raw object, or a file put together from xorbs.
ALTER TABLE lfs_object ADD COLUMN has_raw BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE lfs_object ADD COLUMN raw_retired_at INTEGER;
ALTER TABLE lfs_object ADD COLUMN xet_file_id INTEGER REFERENCES xet_file (id);
CREATE INDEX lfs_object_xet_file ON lfs_object (xet_file_id) WHERE xet_file_id IS NOT NULL;
CREATE INDEX lfs_object_raw_retired ON lfs_object (raw_retired_at) WHERE raw_retired_at IS NOT NULL;
CREATE INDEX lfs_object_raw_only ON lfs_object (sha256) WHERE xet_file_id IS NULL;
ALTER TABLE lfs_upload ADD COLUMN xet_file_id INTEGER REFERENCES xet_file (id);
CREATE INDEX lfs_upload_xet_file ON lfs_upload (xet_file_id) WHERE xet_file_id IS NOT NULL;
CREATE INDEX lfs_upload_finished ON lfs_upload (sha256) WHERE finished_at IS NOT NULL;
-- A link may rest on a claim: the uploader said which SHA-256 the file has, and nobody has checked it yet. Such a link has
-- no row in lfs_object, so the reference goes.
CREATE TABLE lfs_link_2 (
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    sha256 BLOB NOT NULL,
    public_id TEXT NOT NULL UNIQUE,
    filename TEXT,
    ref_name TEXT,
    linked_at INTEGER NOT NULL,
    claimed_file_id INTEGER REFERENCES xet_file (id),
    -- The claim was wrong: never served.
    quarantined_at INTEGER,
    PRIMARY KEY (repo_id, sha256)
);
INSERT INTO lfs_link_2 (repo_id, sha256, public_id, filename, ref_name, linked_at)
    SELECT repo_id, sha256, public_id, filename, ref_name, linked_at FROM lfs_link;
DROP TABLE lfs_link;
ALTER TABLE lfs_link_2 RENAME TO lfs_link;
CREATE INDEX lfs_link_sha256 ON lfs_link (sha256, repo_id);
CREATE INDEX lfs_link_claimed ON lfs_link (claimed_file_id, repo_id) WHERE claimed_file_id IS NOT NULL;
