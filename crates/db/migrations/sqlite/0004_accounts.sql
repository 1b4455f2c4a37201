-- Accounts of people: passwords, second factors, sessions of browsers, codes sent by mail, keys.
ALTER TABLE account ADD COLUMN about TEXT;
ALTER TABLE account ADD COLUMN website TEXT;
-- When an administrator took the account out of service; its tokens and sessions are good for nothing since then.
ALTER TABLE account ADD COLUMN disabled_at INTEGER;
ALTER TABLE token ADD COLUMN used_at INTEGER;
ALTER TABLE token ADD COLUMN expires_at INTEGER;
CREATE INDEX token_user ON token (user_id, id);

-- How a user proves who they are to a browser. No row: by tokens only.
CREATE TABLE login (
    user_id INTEGER PRIMARY KEY REFERENCES account (id),
    -- In PHC form: `$argon2id$...`.
    password_hash TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    totp_secret BLOB,
    -- The last time step of which a code was used; NULL until the first code proves that the secret was received.
    totp_step INTEGER
);
-- Codes that stand for the second factor once.
CREATE TABLE recovery_code (
    user_id INTEGER NOT NULL REFERENCES account (id),
    hash BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
);
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES account (id),
    hash BLOB NOT NULL UNIQUE,
    -- The password was right; the second factor is still to come.
    awaits_code BOOLEAN NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX session_of_user ON session (user_id, id);
CREATE INDEX session_expires ON session (expires_at);
-- Codes that somebody was given outside the hub: to set a new password, or to make an account.
CREATE TABLE login_code (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    -- 'reset' or 'invitation'.
    purpose TEXT NOT NULL,
    -- Whose password it sets.
    user_id INTEGER REFERENCES account (id),
    email TEXT,
    created_by INTEGER REFERENCES account (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX login_code_expires ON login_code (expires_at);
-- Wrong passwords and codes by what was tried, so that guessing is slow on all replicas together.
CREATE TABLE login_failure (
    subject TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    since INTEGER NOT NULL
);
CREATE TABLE ssh_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES account (id),
    title TEXT NOT NULL,
    -- `SHA256:...`, as ssh-keygen prints it.
    fingerprint TEXT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX ssh_key_user ON ssh_key (user_id, id);
