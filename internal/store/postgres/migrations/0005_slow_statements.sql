-- What each instance noted of slow statements. kind is the SHA-256 of statement and route, which
-- may be longer than what an index takes. Times are Unix milliseconds, durations nanoseconds; spread
-- has a number for each class of durations.
CREATE TABLE slow_statements (
    hour      bigint   NOT NULL, -- when it began
    kind      bytea    NOT NULL,
    statement text     NOT NULL,
    sample    text     NOT NULL,
    route     text     NOT NULL,
    count     bigint   NOT NULL,
    rows      bigint   NOT NULL,
    total     bigint   NOT NULL,
    max       bigint   NOT NULL,
    spread    bigint[] NOT NULL,
    last      bigint   NOT NULL,
    PRIMARY KEY (hour, kind)
);
