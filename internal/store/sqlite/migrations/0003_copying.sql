-- While there is a row, a copy from that source into this database is not finished.
CREATE TABLE copying (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    source TEXT    NOT NULL
);
