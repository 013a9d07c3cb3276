package auth

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/crypto/bcrypt"

	"inkstone/internal/background"
	"inkstone/internal/blog"
)

// Passwords hashes and compares with bcrypt, at most half the cores at once, so
// that a flood of logins leaves the other half to everybody else.
type Passwords struct {
	cost   int
	queue  queue
	hashed func(took time.Duration)
}

// NewPasswords makes a Passwords of a bcrypt cost (4..31). How long a hash takes is a
// guess until the first one is made.
func NewPasswords(cost int) (*Passwords, error) {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		return nil, bcrypt.InvalidCostError(cost)
	}
	workers := max(1, runtime.GOMAXPROCS(0)/2)
	return &Passwords{cost: cost, queue: queue{workers: workers, average: 70 * time.Microsecond << cost}, hashed: func(time.Duration) {}}, nil
}

// OnHash has f told of each hash how long it took, without its waiting. It is to be called before
// anything is hashed.
func (p *Passwords) OnHash(f func(took time.Duration)) { p.hashed = f }

// PasswordStats says how busy a Passwords is.
type PasswordStats struct {
	Workers int   // most hashes at once
	Busy    int   // hashes that are made
	Waiting int   // that wait for a worker
	Refused int64 // with CodeBusy since the start
}

// Stats returns how busy p is at the moment.
func (p *Passwords) Stats() PasswordStats { return p.queue.stats() }

// nobody is a well-formed hash of that cost which no password is known to have,
// and which takes as much work to compare with as any other.
func nobody(cost int) []byte {
	return fmt.Appendf(nil, "$2a$%02d$NobodysSaltNobodysSal.NobodysHashNobodysHashNobodysHa", cost)
}

// Hash returns the bcrypt hash of a password of at most blog.MaxPasswordBytes.
// CodeBusy if too many wait already; the context's error.
func (p *Passwords) Hash(ctx context.Context, password string) (hash string, err error) {
	err = p.run(ctx, Asker{}, func() error {
		b, err := bcrypt.GenerateFromPassword([]byte(password), p.cost)
		hash = string(b)
		return err
	})
	return hash, err
}

// Verify reports whether the password has that hash ($2a$, $2b$ or $2y$). A
// password beyond bcrypt's 72 bytes never has, and what is no hash has no password.
// All take the work of a hash of the current cost, so that the time does not tell
// who has an account, nor who has an old one; only a dearer hash takes longer.
// Errors as Hash.
func (p *Passwords) Verify(ctx context.Context, who Asker, hash, password string) (ok bool, err error) {
	stored := []byte(hash)
	cost, bad := bcrypt.Cost(stored)
	if bad != nil {
		cost, stored = p.cost, nobody(p.cost)
	}
	cut := password[:min(len(password), blog.MaxPasswordBytes)]
	err = p.run(ctx, who, func() error {
		same := bcrypt.CompareHashAndPassword(stored, []byte(cut)) == nil
		for ; cost < p.cost; cost++ { // each doubles what was done, up to the current cost
			_ = bcrypt.CompareHashAndPassword(nobody(cost), []byte(cut))
		}
		ok = same && bad == nil && cut == password
		return nil
	})
	return ok, err
}

// Outdated reports whether a hash costs less than new ones do.
func (p *Passwords) Outdated(hash string) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	return err == nil && cost < p.cost
}

// hashNice is how much nicer than the process a hash is: others come first, but it still
// gets its share of a busy core.
const hashNice = 10

// run does work in the background, when its turn has come: the scheduler of Go would let
// reads wait for a hash as if it were their equal.
func (p *Passwords) run(ctx context.Context, who Asker, work func() error) error {
	return p.queue.do(ctx, who, func() (err error) {
		begun := time.Now()
		background.Do(hashNice, func() { err = work() })
		p.hashed(time.Since(begun))
		return err
	})
}
