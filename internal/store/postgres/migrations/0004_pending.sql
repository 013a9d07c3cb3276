-- Terms go into the indexes at once: a list of pending ones, which whoever finds it full has
-- to put there, would hold him and those behind him up, for seconds in a large index.
ALTER INDEX post_terms_terms SET (fastupdate = off);
ALTER INDEX users_grams SET (fastupdate = off);
SELECT gin_clean_pending_list('post_terms_terms'), gin_clean_pending_list('users_grams');
