// Package blog is the domain: what a user, a post, a comment and an upload are,
// what makes them valid, who may do what, how texts are searched, and what a
// store must promise. It knows no HTTP, no SQL and no words for people, and
// imports the standard library only.
//
// # The map of the program
//
//	cmd/inkstone      the commands; serve is the one that matters
//	internal/app      puts the parts together: services.go is the table of services
//	internal/account, post, comment, upload, admin
//	                  one service each: routes.go (HTTP) over service.go (rules)
//	internal/web      everything HTTP that the services share: decoding, answers,
//	                  errors, who asks, the chain in front of them
//	internal/auth     tokens, passwords, and token → Actor
//	internal/background
//	                  threads for work that takes a processor for long
//	internal/gateway  sends on what another process answers; discovery tells
//	                  where that is
//	internal/cache, limit, redis, telemetry, config, certs
//	internal/statement
//	                  what the text of an SQL statement tells: its kind, what it looks for
//	internal/store    the engines, and storetest, the suite they all pass
//	internal/importer Markdown in and out
//	internal/transfer everything from one store to another
//	internal/backup   a site in one file, and back
//
// A request goes web → a service's routes → its service → the store; errors
// come back as *Error and are written once, in web. To find your way, read
// app/services.go, post/routes.go, post/service.go, store.go here, storetest.
package blog
