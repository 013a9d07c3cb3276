-- Every table has a small integer key of its own, which the others point to and
-- the indexes end in; the 12 byte id is what the world knows. Times are Unix
-- milliseconds, 0 for none. Texts compare by code point (BINARY).

CREATE TABLE users (
    key           INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE,
    username      TEXT    NOT NULL,
    folded        TEXT    NOT NULL UNIQUE, -- the name without regard to case
    email         TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    active        INTEGER NOT NULL,
    avatar        TEXT    NOT NULL,
    first_name    TEXT    NOT NULL,
    last_name     TEXT    NOT NULL,
    bio           TEXT    NOT NULL,
    website       TEXT    NOT NULL,
    location      TEXT    NOT NULL,
    last_login    INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL,
    token_version INTEGER NOT NULL,
    tokens_from   INTEGER NOT NULL,
    uploads       INTEGER NOT NULL DEFAULT 0, -- how many he has
    upload_bytes  INTEGER NOT NULL DEFAULT 0  -- and the sum of their sizes
);
CREATE INDEX users_created    ON users (role, active, created, id);
CREATE INDEX users_updated    ON users (role, active, updated, id);
CREATE INDEX users_username   ON users (role, active, username, id);
CREATE INDEX users_email      ON users (role, active, email, id);
CREATE INDEX users_last_login ON users (role, active, last_login, id);

CREATE TABLE user_counts (
    role   TEXT    NOT NULL,
    active INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (role, active)
) WITHOUT ROWID;

-- rowid is users.key; the columns hold blog.Grams.
CREATE VIRTUAL TABLE users_fts USING fts5 (
    username, email, content = '', contentless_delete = 1, tokenize = 'ascii'
);

CREATE TABLE revoked (
    user  INTEGER NOT NULL REFERENCES users (key) ON DELETE CASCADE,
    token TEXT    NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (user, token)
) WITHOUT ROWID;
CREATE INDEX revoked_until ON revoked (until);

-- rank is an order label: ORDER BY rank is ORDER BY published, id. See rank.go.
-- status is 1 draft, 2 published, 3 archived. content is last, so that reading
-- the other columns of a row does not walk through it.
CREATE TABLE posts (
    key       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    rank      INTEGER NOT NULL UNIQUE,
    status    INTEGER NOT NULL,
    author    INTEGER NOT NULL REFERENCES users (key),
    category  TEXT    NOT NULL,
    title     TEXT    NOT NULL,
    views     INTEGER NOT NULL,
    likes     INTEGER NOT NULL,
    comments  INTEGER NOT NULL, -- living ones
    remarks   INTEGER NOT NULL, -- with the shells
    published INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    updated   INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    tags      TEXT    NOT NULL, -- a JSON array, in the author's order
    cover     TEXT    NOT NULL,
    excerpt   TEXT    NOT NULL,
    content   TEXT    NOT NULL
);
CREATE INDEX posts_status      ON posts (status, rank);
CREATE INDEX posts_category    ON posts (status, category, rank);
CREATE INDEX posts_author      ON posts (status, author, rank);
CREATE INDEX posts_user        ON posts (author, rank);
CREATE INDEX posts_publishedAt ON posts (published, id);
CREATE INDEX posts_created     ON posts (status, created, id);
CREATE INDEX posts_updated     ON posts (status, updated, id);
CREATE INDEX posts_views       ON posts (status, views, id);
CREATE INDEX posts_likes       ON posts (status, likes, id);
CREATE INDEX posts_comments    ON posts (status, comments, id);
CREATE INDEX posts_title       ON posts (status, title, id);

CREATE TABLE post_tags (
    tag    TEXT    NOT NULL,
    status INTEGER NOT NULL,
    rank   INTEGER NOT NULL,
    post   INTEGER NOT NULL,
    PRIMARY KEY (tag, status, rank)
) WITHOUT ROWID;

-- How many posts there are of each status with each author, category and tag;
-- author 0, category '' and tag '' stand for any.
CREATE TABLE post_counts (
    status   INTEGER NOT NULL,
    author   INTEGER NOT NULL,
    category TEXT    NOT NULL,
    tag      TEXT    NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (status, author, category, tag)
) WITHOUT ROWID;
CREATE INDEX post_counts_tags ON post_counts (n DESC, tag)
    WHERE status = 2 AND author = 0 AND category = '' AND tag > '';
CREATE INDEX post_counts_categories ON post_counts (category, n)
    WHERE status = 2 AND author = 0 AND category > '' AND tag = '';

CREATE TABLE post_sums (
    status INTEGER PRIMARY KEY,
    views  INTEGER NOT NULL,
    likes  INTEGER NOT NULL
);
INSERT INTO post_sums (status, views, likes) VALUES (1, 0, 0), (2, 0, 0), (3, 0, 0);

-- rowid is posts.rank; title and body hold blog.Terms, facets what search.go writes there.
CREATE VIRTUAL TABLE posts_fts USING fts5 (
    title, body, facets, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '+#'"
);

CREATE TABLE likes (
    post INTEGER NOT NULL REFERENCES posts (key),
    user INTEGER NOT NULL REFERENCES users (key),
    PRIMARY KEY (post, user)
) WITHOUT ROWID;
CREATE INDEX likes_user ON likes (user, post);

-- A shell has no author.
CREATE TABLE comments (
    key     INTEGER PRIMARY KEY,
    id      BLOB    NOT NULL UNIQUE,
    post    INTEGER NOT NULL REFERENCES posts (key),
    author  INTEGER REFERENCES users (key),
    parent  INTEGER REFERENCES comments (key),
    deleted INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    content TEXT    NOT NULL
);
CREATE INDEX comments_post   ON comments (post, created, id);
CREATE INDEX comments_author ON comments (author);
CREATE INDEX comments_parent ON comments (parent);

-- owner is NULL when that user was deleted.
CREATE TABLE uploads (
    filename TEXT    NOT NULL PRIMARY KEY,
    field    TEXT    NOT NULL,
    owner    INTEGER REFERENCES users (key) ON DELETE SET NULL,
    original TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    created  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX uploads_owner ON uploads (owner, created DESC, filename);

CREATE TABLE sources (
    author INTEGER NOT NULL REFERENCES users (key) ON DELETE CASCADE,
    path   TEXT    NOT NULL,
    post   INTEGER NOT NULL REFERENCES posts (key) ON DELETE CASCADE,
    digest TEXT    NOT NULL,
    PRIMARY KEY (author, path)
) WITHOUT ROWID;
CREATE INDEX sources_post ON sources (post);

CREATE TABLE generation (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value INTEGER NOT NULL
);
INSERT INTO generation (one, value) VALUES (1, 1);
