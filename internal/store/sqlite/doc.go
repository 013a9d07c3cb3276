// Package sqlite is the engine behind blog.Store that needs nothing installed:
// one file, read by several connections and written by one.
//
//   - writer.go: the one connection that writes, and its group commit
//   - log.go: that the write-ahead log does not grow without end
//   - readers.go: the pool of connections that read
//   - statements.go, memory.go: what a connection and the allocator keep
//   - generation.go, walindex.go: whether anything that shows has changed
//   - migrate.go, migrations/: the schema
//   - posts.go, list.go, search.go, texts.go, counts.go, rank.go, likes.go: articles
//   - users.go, accounts.go, comments.go, uploads.go, sources.go: the rest
//   - errors.go: what a result code of SQLite means to the program
//
// Several processes may open the same file. Files on network file systems are
// not supported: SQLite's write-ahead log needs shared memory.
package sqlite
