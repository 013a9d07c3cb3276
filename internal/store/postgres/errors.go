package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"inkstone/internal/blog"
)

// fault gives an error its meaning by PostgreSQL's code. ctx is the caller's: if it
// ended, that is the error. What has no code is the connection's: CodeUnavailable.
//
// Source of the codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
func fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*blog.Error](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch code := codeOf(err); {
	case code == "53100": // disk_full
		return blog.Wrap(blog.CodeStorageFull, err)
	case unavailable(code), isRefused(err), code == "" && isConnection(err):
		return blog.Wrap(blog.CodeUnavailable, err)
	}
	return err
}

// codeOf is the code of an error that PostgreSQL sent, else "".
func codeOf(err error) string {
	if reply, ok := errors.AsType[*pgconn.PgError](err); ok {
		return reply.Code
	}
	return ""
}

// unavailable tells whether a code says that the server, and not the statement, is why
// it failed.
func unavailable(code string) bool {
	switch code {
	case "57014", // query_canceled: it took too long
		"55P03",          // lock_not_available
		"40001", "40P01", // serialization_failure, deadlock_detected, again and again
		"25P03", "25P04", // idle_in_transaction_session_timeout, transaction_timeout: this process stood still
		"25006",                   // read_only_sql_transaction: a standby
		"28P01", "28000", "3D000", // wrong password, refused, no such database: told apart at the start
		"58030": // io_error
		return true
	}
	for _, class := range []string{"08", "53", "57P"} { // connection, resources, operator intervention
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// errSilent means that the server takes connections and says nothing.
var errSilent = errors.New("postgres: the server does not answer")

// isRefused tells whether an operation has got no connection, whatever PostgreSQL says of it:
// a database may be closed to clients (55000), and more.
func isRefused(err error) bool {
	var connect *pgconn.ConnectError
	_, none := errors.AsType[notConnected](err)
	return none || errors.As(err, &connect)
}

// isConnection tells whether an error that PostgreSQL did not send is about reaching it.
func isConnection(err error) bool {
	if isRefused(err) || errors.Is(err, errSilent) {
		return true
	}
	var timeout interface{ Timeout() bool } // net.Error, context.DeadlineExceeded
	return errors.As(err, &timeout) || pgconn.SafeToRetry(err) || isClosed(err)
}

// losesRace tells whether a transaction failed because of another one, so that it may
// succeed, or fail for the right reason, when it is run again.
func losesRace(err error) bool {
	reply, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch reply.Code {
	case "40001", "40P01":
		return true
	case "23505": // unique_violation
		return reply.ConstraintName == "users_folded_key" || reply.ConstraintName == "users_email_key"
	case "23503": // foreign_key_violation: what is referred to was deleted meanwhile
		return true
	}
	return false
}
