-- <id>.kv.sqlite as the first host that counted keys wrote it.
CREATE TABLE buckets (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE entries (bucket TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, value BLOB NOT NULL, UNIQUE (bucket, key)) STRICT;
CREATE INDEX entries_by_end ON entries (expires) WHERE expires IS NOT NULL;
CREATE TABLE tallies (bucket TEXT PRIMARY KEY, keys INTEGER NOT NULL, ttl INTEGER) STRICT, WITHOUT ROWID;
CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN UPDATE tallies SET keys = keys + 1 WHERE bucket = NEW.bucket; END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN UPDATE tallies SET keys = keys - 1 WHERE bucket = OLD.bucket; END;
INSERT INTO buckets VALUES ('b');
INSERT INTO tallies VALUES ('b', 0, NULL);
INSERT INTO entries VALUES ('b', 'k', NULL, X'6B657074'), ('b', 'old', 1, X'6F6C64');
