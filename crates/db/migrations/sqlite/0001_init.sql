-- Accounts: users and organisations share one space of names.
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    email TEXT,
    is_admin BOOLEAN NOT NULL,
    default_visibility TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE org_member (
    org_id INTEGER NOT NULL REFERENCES account (id),
    user_id INTEGER NOT NULL REFERENCES account (id),
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX org_member_user ON org_member (user_id);
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);
CREATE UNIQUE INDEX token_name ON token (user_id, name) WHERE revoked_at IS NULL;

-- Repositories. Rows elsewhere join by id, so a rename touches one row.
CREATE TABLE repo (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    owner_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    creator_id INTEGER NOT NULL REFERENCES account (id),
    visibility TEXT NOT NULL,
    gated TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at INTEGER NOT NULL,
    last_modified INTEGER NOT NULL,
    deleted_at INTEGER,
    next_discussion INTEGER NOT NULL,
    settings TEXT NOT NULL,
    facts TEXT NOT NULL
);
CREATE UNIQUE INDEX repo_name ON repo (kind, owner_id, name_folded) WHERE deleted_at IS NULL;
CREATE INDEX repo_owner ON repo (owner_id, kind, id);
CREATE INDEX repo_modified ON repo (kind, last_modified, id);
CREATE TABLE repo_redirect (
    kind TEXT NOT NULL,
    namespace_folded TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    PRIMARY KEY (kind, namespace_folded, name_folded)
);
-- Pull requests and (later) discussions share one sequence of numbers per repository.
CREATE TABLE discussion (
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    num INTEGER NOT NULL,
    public_id TEXT NOT NULL UNIQUE,
    is_pull_request BOOLEAN NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    base_ref TEXT,
    author_id INTEGER NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (repo_id, num)
);

-- Git: refs and the pack manifest are the truth (docs/ARCHITECTURE.md, "How repositories are stored").
CREATE TABLE git_repo (
    repo_id INTEGER PRIMARY KEY REFERENCES repo (id),
    seq INTEGER NOT NULL,
    gc_epoch INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    head_ref TEXT NOT NULL,
    tail_packs INTEGER NOT NULL,
    tail_bytes INTEGER NOT NULL,
    drop_wanted BOOLEAN NOT NULL,
    drop_after INTEGER
);
CREATE INDEX git_repo_join ON git_repo (repo_id) WHERE tail_packs >= 2;
CREATE INDEX git_repo_drop ON git_repo (repo_id) WHERE drop_wanted;
CREATE TABLE git_ref (
    repo_id INTEGER NOT NULL REFERENCES git_repo (repo_id),
    name TEXT NOT NULL,
    oid BLOB NOT NULL,
    peeled BLOB,
    updated_seq INTEGER NOT NULL,
    PRIMARY KEY (repo_id, name)
);
CREATE TABLE git_pack (
    pack_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    n_objects INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    trailer BLOB NOT NULL,
    toc BLOB,
    inline_bytes BLOB,
    created_at INTEGER NOT NULL
);
CREATE TABLE git_repo_pack (
    repo_id INTEGER NOT NULL REFERENCES git_repo (repo_id),
    pack_id TEXT NOT NULL REFERENCES git_pack (pack_id),
    seq INTEGER NOT NULL,
    retired_at INTEGER,
    PRIMARY KEY (repo_id, pack_id)
);
CREATE INDEX git_repo_pack_seq ON git_repo_pack (repo_id, seq);
CREATE INDEX git_repo_pack_pack ON git_repo_pack (pack_id);
CREATE INDEX git_repo_pack_retired ON git_repo_pack (retired_at) WHERE retired_at IS NOT NULL;
CREATE TABLE git_reflog (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    ref_name TEXT NOT NULL,
    old_oid BLOB,
    new_oid BLOB,
    actor_id INTEGER,
    cause TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX git_reflog_repo ON git_reflog (repo_id, id);

-- Large files: contents are stored once, and a repository reaches one only through its own link.
CREATE TABLE lfs_object (
    sha256 BLOB PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    condemned_at INTEGER
);
CREATE TABLE lfs_link (
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    sha256 BLOB NOT NULL REFERENCES lfs_object (sha256),
    public_id TEXT NOT NULL UNIQUE,
    filename TEXT,
    ref_name TEXT,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (repo_id, sha256)
);
CREATE INDEX lfs_link_sha256 ON lfs_link (sha256);
CREATE TABLE lfs_upload (
    id TEXT PRIMARY KEY,
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    user_id INTEGER NOT NULL REFERENCES account (id),
    sha256 BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    part_size_bytes INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX lfs_upload_wanted ON lfs_upload (repo_id, sha256);
CREATE INDEX lfs_upload_expiry ON lfs_upload (expires_at);
CREATE TABLE lfs_lock (
    id TEXT PRIMARY KEY,
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    path TEXT NOT NULL,
    owner_id INTEGER NOT NULL REFERENCES account (id),
    ref_name TEXT,
    locked_at INTEGER NOT NULL,
    UNIQUE (repo_id, path)
);

-- The spine: what happened, in order, written in the transaction that made it happen.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor_id INTEGER,
    repo_id INTEGER,
    payload TEXT NOT NULL
);
CREATE INDEX event_repo ON event (repo_id, id);
-- Work for later; whoever holds the lease does it.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE UNIQUE INDEX job_waiting ON job (kind, subject) WHERE state = 'waiting';
CREATE INDEX job_due ON job (state, run_at);
CREATE INDEX job_subject ON job (kind, subject);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
