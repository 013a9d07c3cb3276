// Package sqlite is the engine behind blog.Store that needs nothing installed:
// one file, read by several connections and written by one.
//
//   - sqlite.go: what a Store is made of; conn.go: a connection and its few verbs
//   - writer.go: the one connection that writes, and its group commit
//   - log.go: that the write-ahead log does not grow without end
//   - readers.go: the pool of connections that read; interrupt.go: when what they do is no
//     longer wanted
//   - statements.go, memory.go: what a connection and the allocator keep; inplace.go: a
//     text that is not copied
//   - generation.go, walindex.go: whether anything that shows has changed
//   - migrate.go, migrations/: the schema
//   - posts.go, likes.go, counts.go (totals, tags, the overview), rank.go (their order
//     as one number), texts.go (the full-text index): articles
//   - list.go, plan.go, search.go: lists of articles: what is asked for, along which
//     index, and which words
//   - users.go, userlist.go, userdelete.go, comments.go, uploads.go, sources.go: the rest
//   - pages.go: the file of a database in one state, for a backup; check.go: whether one
//     is sound, wherever it stands
//   - care.go, indexes.go: notes of slow statements, the state, indexes; uses.go: how often
//     statements run; explain.go: their plans; trial.go: which index would help
//   - errors.go: what a result code of SQLite means to the program
//
// A parameter is written +? where SQLite would compile its statement anew for each
// value: LIMIT, OFFSET, and what the condition of a partial index compares. To compile
// a list takes half as long as to read it.
//
// Several processes may open the same file. Files on network file systems are
// not supported: SQLite's write-ahead log needs shared memory.
package sqlite
