-- <id>.sqlite as the first host that kept data (1601b91) wrote it, with the migration `base` of the chameleon.
CREATE TABLE _greenroom_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, additive INTEGER NOT NULL, applied_at TEXT NOT NULL) STRICT;
INSERT INTO _greenroom_migrations VALUES (1, 'base', '7855e4e33e370f018b1eafaa13307449153a11f9a31555ab87cd67589fa0f8f5', 1, '2026-11-22T16:52:43.000Z');
CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE child (
           id INTEGER PRIMARY KEY,
           parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE
         );
CREATE INDEX child_parent ON child (parent_id);
INSERT INTO parent VALUES (1, 'row'), (2, 'row');
INSERT INTO child VALUES (1, 1), (2, 2);
