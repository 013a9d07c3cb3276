-- Segments of the full-text index are merged by eights, not by fours: fewer merges
-- for each post that is written, and about as many segments to look into.
INSERT INTO posts_fts (posts_fts, rank) VALUES ('automerge', 8);
