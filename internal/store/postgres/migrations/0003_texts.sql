-- The text in which phrases are looked for goes into a table of its own, where most stand
-- in the row itself: a search that looks into very many of them does not fetch each from
-- pieces elsewhere, nor unpack it. Those of more than about 4 KB are packed, and only those
-- that are still larger than 8 KB are kept in pieces.
CREATE TABLE post_texts (
    post  bytea PRIMARY KEY REFERENCES posts ON DELETE CASCADE,
    plain text  COLLATE "C" NOT NULL
) WITH (toast_tuple_target = 4080);
ALTER TABLE post_texts ALTER COLUMN plain SET STORAGE MAIN, ALTER COLUMN plain SET STATISTICS 0;

-- LZ4 unpacks, and packs, several times as fast, where the server is new enough (14) and
-- built with it.
DO $$ BEGIN
    EXECUTE 'ALTER TABLE post_texts ALTER COLUMN plain SET COMPRESSION lz4';
    EXECUTE 'ALTER TABLE post_terms ALTER COLUMN terms SET COMPRESSION lz4';
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;

INSERT INTO post_texts SELECT post, plain || '' FROM post_terms ORDER BY post; -- unpacked
ALTER TABLE post_terms DROP COLUMN plain;
