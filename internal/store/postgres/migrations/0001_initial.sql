-- The 12 byte id is the key of everything. Times are Unix milliseconds, 0 for none.
-- Texts compare by code point: COLLATE "C" in a database whose encoding is UTF-8.

CREATE TABLE inkstone_schema (
    version integer     PRIMARY KEY,
    applied timestamptz NOT NULL
);

CREATE TABLE users (
    id            bytea   PRIMARY KEY,
    username      text    COLLATE "C" NOT NULL,
    folded        text    COLLATE "C" NOT NULL, -- the name without regard to case
    email         text    COLLATE "C" NOT NULL,
    password_hash text    NOT NULL,
    role          text    COLLATE "C" NOT NULL,
    active        boolean NOT NULL,
    avatar        text    NOT NULL,
    first_name    text    NOT NULL,
    last_name     text    NOT NULL,
    bio           text    NOT NULL,
    website       text    NOT NULL,
    location      text    NOT NULL,
    last_login    bigint  NOT NULL,
    created       bigint  NOT NULL,
    updated       bigint  NOT NULL,
    token_version bigint  NOT NULL,
    tokens_from   bigint  NOT NULL,
    grams         text    COLLATE "C" NOT NULL, -- blog.Grams of name and address, a bar between
    uploads       bigint  NOT NULL DEFAULT 0,   -- how many he has
    upload_bytes  bigint  NOT NULL DEFAULT 0,   -- and the sum of their sizes
    CONSTRAINT users_folded_key UNIQUE (folded),
    CONSTRAINT users_email_key UNIQUE (email)
);
CREATE INDEX users_created    ON users (role, active, created, id);
CREATE INDEX users_updated    ON users (role, active, updated, id);
CREATE INDEX users_username   ON users (role, active, username, id);
CREATE INDEX users_email      ON users (role, active, email, id);
CREATE INDEX users_last_login ON users (role, active, last_login, id);
CREATE INDEX users_grams      ON users USING gin (string_to_array(grams, ' '));

-- Samples would tell that letters are common; names are always looked for by the index.
ALTER TABLE users ALTER COLUMN grams SET STATISTICS 0;
ALTER INDEX users_grams ALTER COLUMN 1 SET STATISTICS 0;

-- The four rows are always there, so that whoever counts locks them.
CREATE TABLE user_counts (
    role   text    COLLATE "C" NOT NULL,
    active boolean NOT NULL,
    n      bigint  NOT NULL,
    PRIMARY KEY (role, active)
);
INSERT INTO user_counts (role, active, n) VALUES ('admin', false, 0), ('admin', true, 0), ('user', false, 0), ('user', true, 0);

CREATE TABLE revoked (
    owner bytea  NOT NULL REFERENCES users ON DELETE CASCADE,
    token text   COLLATE "C" NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (owner, token)
);
CREATE INDEX revoked_until ON revoked (until);

-- status is 1 draft, 2 published, 3 archived. A post never published has 0 for published.
CREATE TABLE posts (
    id        bytea    PRIMARY KEY,
    status    smallint NOT NULL,
    author    bytea    NOT NULL REFERENCES users,
    category  text     COLLATE "C" NOT NULL,
    title     text     COLLATE "C" NOT NULL,
    views     bigint   NOT NULL DEFAULT 0,
    likes     bigint   NOT NULL DEFAULT 0,
    comments  bigint   NOT NULL DEFAULT 0, -- living ones
    remarks   bigint   NOT NULL DEFAULT 0, -- with the shells
    published bigint   NOT NULL,
    created   bigint   NOT NULL,
    updated   bigint   NOT NULL,
    revision  bigint   NOT NULL,
    tags      text[]   COLLATE "C" NOT NULL, -- in the author's order
    cover     text     NOT NULL,
    excerpt   text     NOT NULL,
    content   text     NOT NULL
);
CREATE INDEX posts_status    ON posts (status, published, id);
CREATE INDEX posts_category  ON posts (status, category, published, id);
CREATE INDEX posts_author    ON posts (status, author, published, id) INCLUDE (category);
CREATE INDEX posts_user      ON posts (author);
CREATE INDEX posts_created   ON posts (status, created, id);
CREATE INDEX posts_updated   ON posts (status, updated, id);
CREATE INDEX posts_views     ON posts (status, views, id);
CREATE INDEX posts_likes     ON posts (status, likes, id);
CREATE INDEX posts_comments  ON posts (status, comments, id);
CREATE INDEX posts_title     ON posts (status, title, id);

-- author and category are the post's, so that a list by tag and one of these is found
-- in the index alone.
CREATE TABLE post_tags (
    tag       text     COLLATE "C" NOT NULL,
    status    smallint NOT NULL,
    published bigint   NOT NULL,
    post      bytea    NOT NULL REFERENCES posts ON DELETE CASCADE,
    author    bytea    NOT NULL,
    category  text     COLLATE "C" NOT NULL,
    PRIMARY KEY (tag, status, published, post) INCLUDE (author, category)
);
CREATE INDEX post_tags_post ON post_tags (post);

-- What a search reads: the different terms of title and content (blog.Index), the text
-- itself as its words and runs, in which phrases are looked for, and the terms of the
-- title (blog.Terms). It is narrow, so that a search that finds much reads little, and
-- is written anew only when a post's words change.
CREATE TABLE post_terms (
    post        bytea    PRIMARY KEY REFERENCES posts ON DELETE CASCADE,
    status      smallint NOT NULL,
    author      bytea    NOT NULL,
    category    text     COLLATE "C" NOT NULL,
    published   bigint   NOT NULL,
    tags        text[]   COLLATE "C" NOT NULL,
    title_terms text     COLLATE "C" NOT NULL,
    terms       text     COLLATE "C" NOT NULL,
    plain       text     COLLATE "C" NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX post_terms_terms ON post_terms USING gin (string_to_array(terms, ' '));

-- Samples of the terms would cost more than they tell: a search is always answered by
-- this index.
ALTER TABLE post_terms ALTER COLUMN terms SET STATISTICS 0, ALTER COLUMN plain SET STATISTICS 0, ALTER COLUMN title_terms SET STATISTICS 0;
ALTER INDEX post_terms_terms ALTER COLUMN 1 SET STATISTICS 0;

-- LZ4 unpacks several times as fast, where the server is new enough (14) and built with it.
DO $$ BEGIN
    EXECUTE 'ALTER TABLE post_terms ALTER COLUMN plain SET COMPRESSION lz4';
    EXECUTE 'ALTER TABLE posts ALTER COLUMN content SET COMPRESSION lz4';
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;

-- How many posts there are of each status with each author, category and tag; an
-- empty author, category and tag stand for any.
CREATE TABLE post_counts (
    status   smallint NOT NULL,
    author   bytea    NOT NULL,
    category text     COLLATE "C" NOT NULL,
    tag      text     COLLATE "C" NOT NULL,
    n        bigint   NOT NULL,
    PRIMARY KEY (status, author, category, tag)
);
CREATE INDEX post_counts_tags ON post_counts (n DESC, tag)
    WHERE status = 2 AND author = '' AND category = '' AND tag > '';
CREATE INDEX post_counts_categories ON post_counts (category)
    WHERE status = 2 AND author = '' AND category > '' AND tag = '';

CREATE TABLE post_sums (
    status smallint PRIMARY KEY,
    views  bigint   NOT NULL,
    likes  bigint   NOT NULL
);
INSERT INTO post_sums (status, views, likes) VALUES (1, 0, 0), (2, 0, 0), (3, 0, 0);

CREATE TABLE likes (
    post   bytea NOT NULL REFERENCES posts ON DELETE CASCADE,
    member bytea NOT NULL REFERENCES users,
    PRIMARY KEY (post, member)
);
CREATE INDEX likes_member ON likes (member, post);

-- A shell has no author.
CREATE TABLE comments (
    id      bytea   PRIMARY KEY,
    post    bytea   NOT NULL REFERENCES posts,
    author  bytea   REFERENCES users,
    parent  bytea   REFERENCES comments,
    deleted boolean NOT NULL,
    created bigint  NOT NULL,
    updated bigint  NOT NULL,
    content text    NOT NULL
);
CREATE INDEX comments_post   ON comments (post, created, id);
CREATE INDEX comments_author ON comments (author);
CREATE INDEX comments_parent ON comments (parent);

-- owner is NULL when that user was deleted.
CREATE TABLE uploads (
    filename text   COLLATE "C" PRIMARY KEY,
    field    text   NOT NULL,
    owner    bytea  REFERENCES users ON DELETE SET NULL,
    original text   NOT NULL,
    size     bigint NOT NULL,
    created  bigint NOT NULL
);
CREATE INDEX uploads_owner ON uploads (owner, created DESC, filename);

-- name is the SHA-256 of the path, which may be longer than what an index takes.
CREATE TABLE sources (
    author bytea NOT NULL REFERENCES users ON DELETE CASCADE,
    name   bytea NOT NULL,
    path   text  NOT NULL,
    post   bytea NOT NULL REFERENCES posts ON DELETE CASCADE,
    digest text  NOT NULL,
    PRIMARY KEY (author, name)
);
CREATE INDEX sources_post ON sources (post);

-- The generation is the sum: a row for each of some connections, so that writers do
-- not wait for each other's commits here.
CREATE TABLE generation (
    stripe smallint PRIMARY KEY,
    value  bigint   NOT NULL
) WITH (fillfactor = 50);
INSERT INTO generation (stripe, value) SELECT i, CASE i WHEN 0 THEN 1 ELSE 0 END FROM generate_series(0, 15) i;
