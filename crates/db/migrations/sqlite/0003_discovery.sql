-- Discovery. What is derived from the files of a default branch's head, as rows, so that repositories are found by it.
-- The edges of the lineage: what a model was made from, in the order and by the names of its card.
CREATE TABLE model_base (
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    position INTEGER NOT NULL,
    base_folded TEXT NOT NULL,
    base_id TEXT NOT NULL,
    relation TEXT NOT NULL,
    PRIMARY KEY (repo_id, position)
);
CREATE INDEX model_base_base ON model_base (base_folded, repo_id);
-- Results of evaluations, of the head and of open pull requests.
CREATE TABLE eval_result (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    -- 'model-index', or the path of the file.
    source TEXT NOT NULL,
    -- NULL for the head.
    pull_request INTEGER,
    task TEXT,
    dataset_folded TEXT NOT NULL,
    dataset TEXT NOT NULL,
    dataset_name TEXT,
    config TEXT,
    split TEXT,
    dataset_revision TEXT,
    metric TEXT NOT NULL,
    metric_name TEXT,
    shots INTEGER,
    prompt_format TEXT,
    harness TEXT,
    value REAL NOT NULL,
    -- 'self', 'verified' or 'third-party'.
    origin TEXT NOT NULL,
    verify_token TEXT,
    source_name TEXT,
    source_url TEXT,
    source_user TEXT,
    source_org TEXT,
    date TEXT,
    notes TEXT
);
CREATE INDEX eval_result_repo ON eval_result (repo_id, pull_request);
CREATE INDEX eval_result_dataset ON eval_result (dataset_folded, metric, id);
-- The text of the card, cut to what is searched.
CREATE TABLE repo_card (
    repo_id INTEGER PRIMARY KEY REFERENCES repo (id),
    body TEXT NOT NULL
);
-- What the headers of the weight files say, as JSON.
CREATE TABLE repo_weights (
    repo_id INTEGER PRIMARY KEY REFERENCES repo (id),
    commit_oid BLOB NOT NULL,
    weights TEXT NOT NULL
);

-- Counters: what changes by being used. A repository nobody used yet has no row.
CREATE TABLE repo_stats (
    repo_id INTEGER PRIMARY KEY REFERENCES repo (id),
    downloads_30d INTEGER NOT NULL,
    downloads_all INTEGER NOT NULL,
    people_30d INTEGER NOT NULL,
    ci_30d INTEGER NOT NULL,
    likes INTEGER NOT NULL,
    -- The weight that never fades: what happens later weighs more instead.
    trend REAL NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX repo_stats_updated ON repo_stats (updated_at, repo_id);
-- One row for each day (since 1970, UTC) of the last 30 on which somebody downloaded it.
CREATE TABLE download_day (
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    day INTEGER NOT NULL,
    downloads INTEGER NOT NULL,
    people INTEGER NOT NULL,
    ci INTEGER NOT NULL,
    PRIMARY KEY (repo_id, day)
);
CREATE INDEX download_day_day ON download_day (day, repo_id);
-- What counts once, and when it last did. `who` is a keyed hash that means nothing two days later, when the row goes.
CREATE TABLE download_seen (
    scope INTEGER NOT NULL,
    repo_id INTEGER NOT NULL,
    who BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, repo_id, who)
);
CREATE INDEX download_seen_at ON download_seen (at);
CREATE TABLE repo_like (
    repo_id INTEGER NOT NULL REFERENCES repo (id),
    user_id INTEGER NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (repo_id, user_id)
);
CREATE INDEX repo_like_user ON repo_like (user_id, created_at, repo_id);
CREATE INDEX repo_like_time ON repo_like (repo_id, created_at, user_id);

-- Which transaction wrote an event: a server gives out ids before it commits, so a reader cannot go by them alone. With
-- one writer ids say it all, and this stays 0.
ALTER TABLE event ADD COLUMN tx INTEGER NOT NULL DEFAULT 0;
CREATE INDEX event_tx ON event (tx, id) WHERE tx > 0;
