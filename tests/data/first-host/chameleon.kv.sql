-- <id>.kv.sqlite as the first host that kept data (1601b91) wrote it.
CREATE TABLE buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE entries (bucket TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, value BLOB NOT NULL, UNIQUE (bucket, key)) STRICT;
CREATE INDEX entries_by_end ON entries (expires) WHERE expires IS NOT NULL;
INSERT INTO buckets VALUES ('b');
INSERT INTO entries VALUES ('b', 'k', NULL, X'6B657074'), ('b', 'old', 1, X'6F6C64');
