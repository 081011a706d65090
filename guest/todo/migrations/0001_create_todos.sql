CREATE TABLE todos (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  title      TEXT    NOT NULL,
  entity_ref TEXT,
  created_at TEXT    NOT NULL,
  completed  INTEGER NOT NULL DEFAULT 0
);

-- Newest first, items of the same millisecond too.
CREATE INDEX todos_newest ON todos (created_at, seq);

-- The same for the todos of one entity.
CREATE INDEX todos_newest_of_entity ON todos (entity_ref, created_at, seq);
