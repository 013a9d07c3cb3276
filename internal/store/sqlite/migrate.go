package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"inkstone/internal/blog"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as ours ("INKS"), see PRAGMA application_id.
const applicationID = 0x494e4b53

// Errors of Open and Migrate, beside those that blog names for all engines.
var (
	ErrDamaged = errors.New("the file is no database, or a damaged one")
	ErrLocked  = errors.New("another process holds the database locked")
)

// Migrate brings the database at path, made if missing, to the newest schema and
// returns the versions it had and has. Any number of processes may do so at
// once: each step happens once. ErrNewerSchema, ErrForeign, ErrDamaged, ErrLocked.
func Migrate(ctx context.Context, path string) (from, to int, err error) {
	if err := makeFile(path); err != nil {
		return 0, 0, faultOfSystem(err)
	}
	c, err := openConn(path, busyWait, writerCacheKiB)
	if err != nil {
		return 0, 0, fault(ctx, err)
	}
	from, to, err = migrate(ctx, c)
	return from, to, fault(ctx, errors.Join(err, c.Close()))
}

// expectFile makes the file, or fails if it is not there.
func expectFile(path string, make bool) error {
	if make {
		return makeFile(path)
	}
	_, err := os.Stat(path)
	return err
}

// makeFile creates the file readable for its owner only: it holds password
// hashes. SQLite gives its log files the same mode.
func makeFile(path string) error {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return errors.New("sqlite: a database needs a file")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func migrate(ctx context.Context, c *conn) (from, to int, err error) {
	steps, err := fs.Glob(migrations, "migrations/*.sql") // in the order of their numbers
	if err != nil {
		return 0, 0, err
	}
	from = -1
	for {
		if err := ctx.Err(); err != nil {
			return from, to, err
		}
		to, err = step(c, steps)
		if from < 0 {
			from = to
		}
		if err != nil || to == len(steps) {
			return from, to, err
		}
		to++
	}
}

// step applies the next migration and returns the version before it; all in one
// transaction, so that it is there with its number or not at all.
func step(c *conn, steps []string) (version int, err error) {
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	defer func() {
		if !c.AutocommitEnabled() {
			err = errors.Join(err, c.script("ROLLBACK"))
		}
	}()
	version, err = schemaVersion(c, len(steps))
	if err != nil || version == len(steps) {
		return version, err
	}
	sql, err := migrations.ReadFile(steps[version])
	if err != nil {
		return version, err
	}
	if err := c.script(string(sql)); err != nil {
		return version, fmt.Errorf("migration %s: %w", steps[version], err)
	}
	return version, c.script(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", applicationID, version+1))
}

// schemaVersion reads the version and refuses what is not ours or newer than newest.
func schemaVersion(c *conn, newest int) (int, error) {
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	app, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	switch {
	case app != applicationID && (app != 0 || version != 0 || tables != 0):
		return int(version), blog.ErrForeign
	case int(version) > newest:
		return int(version), fmt.Errorf("%w (its schema is %d, this program knows %d)", blog.ErrNewerSchema, version, newest)
	}
	return int(version), nil
}

// refuseForeign refuses a database of another program: ErrForeign. It reads one state, as
// somebody may just make a database of it. One that a crash has left is brought in order by
// SQLite when it is read, as whoever opens it next would.
func (c *conn) refuseForeign() error {
	if err := c.script("BEGIN"); err != nil {
		return err
	}
	_, err := schemaVersion(c, math.MaxInt)
	return errors.Join(err, c.script("ROLLBACK"))
}

// checkSchema refuses a database whose schema is not the newest.
func checkSchema(c *conn) error {
	newest, err := NewestSchema()
	if err != nil {
		return err
	}
	version, err := schemaVersion(c, newest)
	if err != nil {
		return err
	}
	return blog.CheckSchema(version, newest)
}

// NewestSchema is the version that this program brings a database to.
func NewestSchema() (int, error) {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	return len(steps), err
}
