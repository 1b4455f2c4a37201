-- The hub as OAuth provider: apps that people registered, and what they allowed whom.
CREATE TABLE oauth_app (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    owner_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    website TEXT,
    -- NULL: an app that can keep no secret.
    secret_hash BLOB,
    -- A JSON array of addresses.
    redirect_uris TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX oauth_app_owner ON oauth_app (owner_id, id);
-- One time that somebody allowed an app something. Apps without a row, which the hub knows by itself, have grants too.
CREATE TABLE oauth_grant (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES account (id),
    client_id TEXT NOT NULL,
    app_name TEXT NOT NULL,
    scope TEXT NOT NULL,
    -- Where the app runs, as far as it is known.
    address TEXT NOT NULL,
    access_secs INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);
CREATE INDEX oauth_grant_user ON oauth_grant (user_id, id);
CREATE INDEX oauth_grant_client ON oauth_grant (client_id);
CREATE TABLE oauth_code (
    hash BLOB PRIMARY KEY,
    grant_id INTEGER NOT NULL REFERENCES oauth_grant (id),
    redirect_uri TEXT NOT NULL,
    nonce TEXT,
    -- Of PKCE, method S256.
    challenge TEXT,
    expires_at INTEGER NOT NULL,
    uses INTEGER NOT NULL
);
CREATE INDEX oauth_code_expires ON oauth_code (expires_at);
CREATE TABLE oauth_device (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device_hash BLOB NOT NULL UNIQUE,
    user_code_hash BLOB NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    -- 'waiting', 'allowed' or 'denied'.
    state TEXT NOT NULL,
    grant_id INTEGER REFERENCES oauth_grant (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The last time it was asked for, and the time before.
    polled_at INTEGER,
    polled_before INTEGER
);
CREATE INDEX oauth_device_address ON oauth_device (address);
CREATE INDEX oauth_device_expires ON oauth_device (expires_at);
CREATE TABLE oauth_refresh (
    hash BLOB PRIMARY KEY,
    grant_id INTEGER NOT NULL REFERENCES oauth_grant (id),
    expires_at INTEGER NOT NULL,
    uses INTEGER NOT NULL
);
CREATE INDEX oauth_refresh_grant ON oauth_refresh (grant_id);
CREATE INDEX oauth_refresh_expires ON oauth_refresh (expires_at);
ALTER TABLE token ADD COLUMN grant_id INTEGER REFERENCES oauth_grant (id);
-- Says who somebody is and opens no repository.
ALTER TABLE token ADD COLUMN is_identity BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX token_grant ON token (grant_id) WHERE grant_id IS NOT NULL;
