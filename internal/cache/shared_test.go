package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"inkstone/internal/enginetest"
	"inkstone/internal/redis"
)

// texts is how a text is kept; some bytes are no text.
var texts = Codec[text]{
	Encode: func(v text) []byte { return []byte(v) },
	Decode: func(data []byte) (text, error) {
		if strings.HasPrefix(string(data), "not a text") {
			return "", errors.New("not a text")
		}
		return text(data), nil
	},
}

// client is one of Redis, and raw the library's, with which tests see what is there.
func client(t *testing.T, url string) (c *redis.Client, raw rueidis.Client) {
	t.Helper()
	c, err := redis.Open(redis.Options{URL: url, Report: func(error) {}, Failed: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for begun := time.Now(); !c.Up(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("redis is not found")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		c.Run(ctx)
		cancel()
	}
	opt := rueidis.MustParseURL(url)
	opt.DisableCache, opt.ForceSingleClient = true, true
	raw, err = rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	return c, raw
}

// instance is a cache with a shared level, and how often it had to load.
type instance struct {
	*Cache[text]
	t     *testing.T
	loads int
}

func newInstance(t *testing.T, c *redis.Client, version string, generation uint64) *instance {
	t.Helper()
	opt := Options[text]{Bytes: 1 << 20, TTL: time.Minute, Shared: NewShared(c, version, texts),
		Generation: func(context.Context) (uint64, error) { return generation, nil }}
	kept, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kept.Close)
	return &instance{Cache: kept, t: t}
}

// get returns what it finds or loads, when it has been kept for others.
func (i *instance) get(key string, value text) text {
	i.t.Helper()
	got, err := i.Get(i.t.Context(), key, func(context.Context) (text, error) { i.loads++; return value, nil })
	if err != nil {
		i.t.Fatal(err)
	}
	for range sharedSaves {
		i.opt.Shared.saves <- struct{}{}
	}
	for range sharedSaves {
		<-i.opt.Shared.saves
	}
	return got
}

func TestWhatOneInstanceLoadedAnotherFinds(t *testing.T) {
	c, raw := client(t, enginetest.Redis(t))
	version := rand.Text()
	one, two := newInstance(t, c, version, 1), newInstance(t, c, version, 1)
	one.get("k", "砚")
	if got := two.get("k", "other"); got != "砚" || two.loads != 0 {
		t.Errorf("%q after %d loads", got, two.loads)
	}
	ms, err := raw.Do(t.Context(), raw.B().Pttl().Key(one.opt.Shared.name(under(1, "k"))).Build()).AsInt64()
	if life := time.Duration(ms) * time.Millisecond; err != nil || life <= sharedLife/2 || life > sharedLife*11/10 {
		t.Errorf("kept for %v, %v", life, err)
	}
	for what, other := range map[string]*instance{"another generation": newInstance(t, c, version, 2), "another version": newInstance(t, c, rand.Text(), 1)} {
		if got := other.get("k", "new"); got != "new" || other.loads != 1 {
			t.Errorf("%s: %q after %d loads", what, got, other.loads)
		}
	}
	if got := two.get("other", "new"); got != "new" {
		t.Errorf("another key: %q", got)
	}
}

func TestRubbishInRedisIsAMissAndIsWrittenOver(t *testing.T) {
	c, raw := client(t, enginetest.Redis(t))
	do := func(command ...string) {
		t.Helper()
		if err := raw.Do(t.Context(), raw.B().Arbitrary(command...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	read := func(key string) string {
		value, _ := raw.Do(t.Context(), raw.B().Get().Key(key).Build()).ToString()
		return value
	}
	for what, spoil := range map[string]func(key, sound string){
		"nothing":             func(key, _ string) { do("SET", key, "") },
		"a letter":            func(key, _ string) { do("SET", key, "x") },
		"a list":              func(key, _ string) { do("DEL", key); do("RPUSH", key, "x") },
		"a hash":              func(key, _ string) { do("DEL", key); do("HSET", key, "x", "y") },
		"a text cut off":      func(key, sound string) { do("SET", key, sound[:len(sound)-1]) },
		"a text with a tail":  func(key, sound string) { do("SET", key, sound+"x") },
		"another letter":      func(key, sound string) { do("SET", key, sound[:len(sound)-1]+"x") },
		"64 MB":               func(key, _ string) { do("SET", key, strings.Repeat("x", 64<<20)) },
		"another key's value": func(key, _ string) { do("COPY", key+"-other", key, "REPLACE") },
	} {
		t.Run(what, func(t *testing.T) {
			version := rand.Text()
			one, two, three := newInstance(t, c, version, 1), newInstance(t, c, version, 1), newInstance(t, c, version, 1)
			name := one.opt.Shared.name(under(1, "k"))
			one.get("k", "砚台")
			one.get("other", "墨")
			do("COPY", one.opt.Shared.name(under(1, "other")), name+"-other")
			defer do("DEL", name, name+"-other")
			spoil(name, read(name))
			if got := two.get("k", "new"); got != "new" || two.loads != 1 {
				t.Errorf("%q after %d loads", got, two.loads)
			}
			if got := three.get("k", "newer"); got != "new" {
				t.Errorf("%q, want what was loaded instead", got)
			}
			if !c.Up() {
				t.Error("redis is given up for what it holds")
			}
		})
	}
}

func TestWhatCannotBeDecodedIsAMiss(t *testing.T) {
	c, _ := client(t, enginetest.Redis(t))
	version := rand.Text()
	newInstance(t, c, version, 1).get("k", "not a text")
	two := newInstance(t, c, version, 1)
	if got := two.get("k", "a text"); got != "a text" {
		t.Errorf("%q", got)
	}
}

func TestALargeValueIsNotShared(t *testing.T) {
	c, _ := client(t, enginetest.Redis(t))
	version := rand.Text()
	for size, want := range map[int]int{sharedBytes: 0, sharedBytes + 1: 1} {
		key, value := fmt.Sprint(size), text(strings.Repeat("x", size))
		newInstance(t, c, version, 1).get(key, value)
		two := newInstance(t, c, version, 1)
		if got := two.get(key, value); got != value || two.loads != want {
			t.Errorf("%d bytes: %d loads, want %d", size, two.loads, want)
		}
	}
}

func TestWithoutRedisEachInstanceLoads(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	c, _ := client(t, server.URL())
	one, two := newInstance(t, c, "v", 1), newInstance(t, c, "v", 1)
	server.Kill()
	for i := range 20 {
		key := fmt.Sprint(i)
		if one.get(key, "x") != "x" || two.get(key, "y") != "y" {
			t.Error("not what it loaded")
		}
	}
	if one.loads != 20 || two.loads != 20 {
		t.Errorf("%d and %d loads", one.loads, two.loads)
	}
	if one.get("0", "z") != "x" {
		t.Error("nothing is kept in memory")
	}
}
