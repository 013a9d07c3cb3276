package auth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

func testPasswords(t *testing.T, cost int) *Passwords {
	t.Helper()
	p, err := NewPasswords(cost)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHashesOfTheOriginalVerify(t *testing.T) {
	p := testPasswords(t, bcrypt.MinCost)
	hash, err := p.Hash(t.Context(), "secret1")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"$2a$", "$2b$", "$2y$"} {
		if ok, err := p.Verify(t.Context(), Asker{}, kind+hash[4:], "secret1"); !ok || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
	if ok, _ := p.Verify(t.Context(), Asker{}, hash, "secret2"); ok {
		t.Error("another password verifies")
	}
}

func TestNothingBeyond72BytesVerifies(t *testing.T) {
	p := testPasswords(t, bcrypt.MinCost)
	long := strings.Repeat("x", 72)
	hash, err := p.Hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := p.Verify(t.Context(), Asker{}, hash, long); !ok {
		t.Error("72 bytes do not verify")
	}
	if ok, _ := p.Verify(t.Context(), Asker{}, hash, long+"y"); ok {
		t.Error("73 bytes verify")
	}
}

// What an attacker could time: there is no such user, his hash is of the current
// cost, and it is of an older, cheaper one.
func TestNeitherAnAbsentNorACheapHashIsAnsweredFaster(t *testing.T) {
	p := testPasswords(t, 8)
	hashes := map[string]string{"none": "", "not a hash": "x"}
	for name, cost := range map[string]int{"current": 8, "cheap": bcrypt.MinCost} {
		hash, err := bcrypt.GenerateFromPassword([]byte("secret1"), cost)
		if err != nil {
			t.Fatal(err)
		}
		hashes[name] = string(hash)
	}
	medians := mediansInTurn(hashes, func(hash string) { _, _ = p.Verify(t.Context(), Asker{}, hash, "wrong1") })
	for name, took := range medians {
		if took < medians["current"]/2 || took > medians["current"]*2 {
			t.Errorf("%s takes %v, a wrong password %v", name, took, medians["current"])
		}
	}
}

// Cost 10 is 64 times the work of cost 4: what returned early would take the same for both.
func TestNobodysHashIsWorkedThrough(t *testing.T) {
	cheap, dear := testPasswords(t, 4), testPasswords(t, 10)
	medians := mediansInTurn(map[string]*Passwords{"cheap": cheap, "dear": dear}, func(p *Passwords) { _, _ = p.Verify(t.Context(), Asker{}, "", "wrong1") })
	if medians["dear"] < 8*medians["cheap"] {
		t.Errorf("cost 10 takes %v, cost 4 %v", medians["dear"], medians["cheap"])
	}
}

func TestACheapHashVerifies(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret1"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	p := testPasswords(t, 6)
	if ok, err := p.Verify(t.Context(), Asker{}, string(hash), "secret1"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if !p.Outdated(string(hash)) {
		t.Error("it is not outdated")
	}
}

func TestACostThatBcryptHasNotIsRefused(t *testing.T) {
	for _, cost := range []int{-1, 3, 32, 100} {
		if _, err := NewPasswords(cost); err == nil {
			t.Errorf("%d is taken", cost)
		}
	}
}

// mediansInTurn times work on each of several things, in turn, so that a busy
// moment of the machine is everybody's.
func mediansInTurn[T any](things map[string]T, work func(T)) map[string]time.Duration {
	const rounds = 15
	times := map[string][]time.Duration{}
	for range rounds {
		for name, thing := range things {
			start := time.Now()
			work(thing)
			times[name] = append(times[name], time.Since(start))
		}
	}
	medians := map[string]time.Duration{}
	for name, all := range times {
		slices.Sort(all)
		medians[name] = all[rounds/2]
	}
	return medians
}
