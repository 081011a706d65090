CREATE TABLE IF NOT EXISTS todos (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT    NOT NULL UNIQUE,
  title      TEXT    NOT NULL,
  entity_ref TEXT,
  created_at TEXT    NOT NULL,
  completed  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS todos_newest ON todos (created_at, seq);
CREATE INDEX IF NOT EXISTS todos_newest_of_entity ON todos (entity_ref, created_at, seq);
