-- How far a job has come, for those who watch: so many of so many of something; and when its last run began.
ALTER TABLE job ADD COLUMN started_at INTEGER;
ALTER TABLE job ADD COLUMN progress_done INTEGER;
ALTER TABLE job ADD COLUMN progress_total INTEGER;
ALTER TABLE job ADD COLUMN progress_unit TEXT;
-- The form that a pull request was opened with, so that one sent twice opens one.
ALTER TABLE discussion ADD COLUMN form_hash BLOB;
CREATE INDEX discussion_form ON discussion (repo_id, author_id, form_hash) WHERE form_hash IS NOT NULL;
-- When whoever let an app in had signed in themselves.
ALTER TABLE oauth_code ADD COLUMN auth_time INTEGER;
-- Whoever signs in may name their address instead of their name.
CREATE INDEX account_email ON account (LOWER(email));
