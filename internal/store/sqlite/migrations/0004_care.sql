-- Slow statements: what of one kind was slow in an hour when a route caused it. Durations
-- are microseconds. spread is a JSON array, see blog.Spread.
CREATE TABLE care_slow (
    hour      INTEGER NOT NULL,
    statement TEXT    NOT NULL,
    route     TEXT    NOT NULL,
    n         INTEGER NOT NULL,
    rows      INTEGER NOT NULL,
    total     INTEGER NOT NULL,
    longest   INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    spread    TEXT    NOT NULL,
    sample    TEXT    NOT NULL,
    UNIQUE (hour, statement, route)
);

-- How many statements looked by an index, or read a table in full.
CREATE TABLE care_uses (
    kind TEXT    NOT NULL, -- 'index' or 'scan'
    name TEXT    NOT NULL,
    n    INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Since when they are counted.
CREATE TABLE care_since (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    since INTEGER NOT NULL
);
INSERT INTO care_since (one, since) VALUES (1, CAST(unixepoch('subsec') * 1000 AS INTEGER));
