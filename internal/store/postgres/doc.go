// Package postgres keeps a blog in PostgreSQL, from version 13 on, for any number of
// processes at once. It owns the schema (migrations/), the statements and what they may
// cost; what a store promises is written in package blog.
//
// Writes run in READ COMMITTED transactions that lock what they decide by. So that no
// two of them wait for each other in a circle, all take their locks in one order:
//
//	users, posts (by id), what hangs on these, then the counters (by key), at last the
//	generation; see tx.finish
//
// A transaction that loses a race all the same (a name that another took meanwhile, an
// author who was deleted, a deadlock) is run again, and finds then what the other left.
//
// Reads of one statement see one state by themselves; those of several run in a
// REPEATABLE READ transaction.
//
// A server that is away, stopped, frozen or out of connections is CodeUnavailable within the
// time-out of an operation, and a connection that died while nobody used it is not noticed.
// A transaction is run again after a break only if it had not begun: one whose COMMIT got no
// answer is CodeUnavailable, and may have happened. So that those who wait for one lock do not
// take all connections, writers have half of them, and writers of accounts a fifth.
package postgres
