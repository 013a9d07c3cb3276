package limit

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"inkstone/internal/enginetest"
	"inkstone/internal/redis"
)

// connected is a client that looks for its server, as in the program.
func connected(t testing.TB, url string) *redis.Client {
	t.Helper()
	return counting(t, url, func(string) {})
}

func counting(t testing.TB, url string, failed func(string)) *redis.Client {
	t.Helper()
	c, err := redis.Open(redis.Options{URL: url, Report: func(err error) { t.Log("redis:", err) }, Failed: failed})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		c.Close()
	})
	return c
}

// shared is a limiter of an instance; its keys are those of the name.
func shared(t testing.TB, url string, window time.Duration) *Redis {
	t.Helper()
	c := connected(t, url)
	enginetest.Within(t, 2*time.Second, "Redis is used", c.Up)
	return NewRedis(c, NewMemory(window, time.Now))
}

// direct is a connection of the test's own.
func direct(t testing.TB, address string) rueidis.Client {
	t.Helper()
	opt := rueidis.MustParseURL(address)
	opt.ForceSingleClient, opt.DisableCache = true, true
	c, err := rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ask(t testing.TB, c rueidis.Client, command ...string) string {
	t.Helper()
	m, err := c.Do(context.Background(), c.B().Arbitrary(command...).Build()).ToAny()
	if err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%v: %v", command, err)
	}
	return fmt.Sprint(m)
}

func passed(l interface {
	Take(context.Context, ...Count) Result
}, n int, c ...Count) (ok int) {
	for range n {
		if l.Take(context.Background(), c...).OK {
			ok++
		}
	}
	return ok
}

func TestInstancesCountTogetherUpToTheLimitAndBeginAgainAfterTheWindow(t *testing.T) {
	const window = 700 * time.Millisecond
	url := enginetest.Redis(t)
	instances := []*Redis{shared(t, url, window), shared(t, url, window)}
	enginetest.Undisturbed(t, time.Millisecond, func() error { return countTogether(t, instances, rand.Text(), window) })
}

// countTogether tells what is wrong with a window of two limiters.
func countTogether(t *testing.T, instances []*Redis, key string, window time.Duration) error {
	first := instances[0].Take(t.Context(), Count{key, 3})
	if !first.OK || first.Remaining != 2 || first.Limit != 3 || first.In != window {
		return fmt.Errorf("the first: %+v", first)
	}
	if far := time.Until(first.Reset) - window; far.Abs() > time.Second {
		return fmt.Errorf("the window ends at %v", first.Reset)
	}
	for i := 1; i < 5; i++ {
		got := instances[i%2].Take(t.Context(), Count{key, 3})
		if got.OK != (i < 3) || got.Remaining != max(0, 2-i) || got.Limit != 3 || got.In > first.In || got.In <= 0 {
			return fmt.Errorf("event %d: %+v", i, got)
		}
		if off := got.Reset.Sub(first.Reset).Abs(); off > 2*time.Millisecond {
			return fmt.Errorf("event %d: the window ends %v apart", i, off)
		}
	}
	if r := instances[1].Take(t.Context(), Count{key + " other", 3}); !r.OK {
		return fmt.Errorf("another key: %+v", r)
	}
	time.Sleep(window)
	if r := instances[1].Take(t.Context(), Count{key, 3}); !r.OK || r.Remaining != 2 {
		return fmt.Errorf("next window: %+v", r)
	}
	return nil
}

func TestTwoInstancesAreExactUnderConcurrency(t *testing.T) {
	url, key := enginetest.Redis(t), rand.Text()
	var ok, failed atomic.Int64
	var instances []*Redis
	for range 2 {
		c := counting(t, url, func(string) { failed.Add(1) })
		enginetest.Within(t, 2*time.Second, "Redis is used", c.Up)
		instances = append(instances, NewRedis(c, NewMemory(time.Minute, time.Now)))
	}
	const most = 500
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() { ok.Add(int64(passed(instances[i%2], 20, Count{key, most}))) })
	}
	all.Wait()
	// Where this machine kept Redis from answering in time, an instance counted for itself.
	if over := ok.Load() - most; over < 0 || over > failed.Load() {
		t.Errorf("%d passed, want %d; %d calls failed", ok.Load(), most, failed.Load())
	}
}

func TestARefundIsSeenByAllInstances(t *testing.T) {
	url, key := enginetest.Redis(t), rand.Text()
	one, two := shared(t, url, time.Minute), shared(t, url, time.Minute)
	c := Count{key, 1}
	one.Refund(t.Context(), c) // there is nothing to give back
	if passed(one, 2, c) != 1 {
		t.Fatal("want one to pass")
	}
	one.Refund(t.Context(), c)
	one.Refund(t.Context(), c)
	if n := passed(two, 2, c); n != 1 {
		t.Errorf("%d passed after a refund, want 1", n)
	}
}

func TestOfSeveralKeysAllCountOrNone(t *testing.T) {
	limiters := map[string]interface {
		Take(context.Context, ...Count) Result
		Refund(context.Context, ...Count)
	}{"memory": NewMemory(time.Minute, time.Now), "redis": shared(t, enginetest.Redis(t), time.Minute)}
	for name, l := range limiters {
		wide, narrow := Count{rand.Text(), 5}, Count{rand.Text(), 2}
		if n := passed(l, 4, wide, narrow); n != 2 {
			t.Errorf("%s: %d passed, want 2", name, n)
		}
		if r := l.Take(t.Context(), wide, narrow); r.OK || r.Limit != 2 || r.Remaining != 0 || r.In <= 0 {
			t.Errorf("%s: refused with %+v", name, r)
		}
		if r := l.Take(t.Context(), wide); !r.OK || r.Remaining != 2 {
			t.Errorf("%s: what was refused was counted: %+v", name, r)
		}
		l.Refund(t.Context(), wide, narrow)
		if n := passed(l, 3, wide, narrow); n != 1 {
			t.Errorf("%s: %d passed after a refund, want 1", name, n)
		}
	}
}

func TestRubbishUnderOurKeysIsAsNothing(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	r, c := shared(t, server.URL(), time.Minute), direct(t, server.URL())
	for _, rubbish := range [][]string{
		{"RPUSH", "a"}, {"HSET", "a", "b"}, {"SET", "no number"}, {"SET", ""}, {"SET", "-5"}, {"SET", "1e9"}, {"SET", "0x7"}, {"SET", "nan"}, {"SET", "7.5"},
		{"SET", "99999999999"}, {"SET", "\x00\xff"}, {"SET", "9"} /* it would never end */, {"SET", "9", "EX", "86400"},
	} {
		key := rand.Text()
		name := r.keys([]Count{{Key: key}})[0]
		ask(t, c, append([]string{rubbish[0], name}, rubbish[1:]...)...)
		r.Refund(t.Context(), Count{key, 9})
		if got := r.Take(t.Context(), Count{key, 9}); !got.OK || got.Remaining != 8 || got.In != time.Minute {
			t.Errorf("%q: %+v", rubbish, got)
		}
		if ttl, _ := strconv.Atoi(ask(t, c, "PTTL", name)); ttl <= 0 || ttl > 60_000 {
			t.Errorf("%q: ends in %d ms", rubbish, ttl)
		}
		if got := r.Take(t.Context(), Count{key, 9}); got.Remaining != 7 {
			t.Errorf("%q, the next: %+v", rubbish, got)
		}
	}
}

func TestNothingButOurKeysIsTouched(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	r, c := shared(t, server.URL(), time.Minute), direct(t, server.URL())
	key := rand.Text()
	others := []string{key, "limit:" + key, "inkstone:limit:" + key, "inkstone:v0:limit:60000:" + key, "inkstone:v2:limit:60000:" + key, "inkstone:v1:limit:1000:" + key}
	for _, name := range others {
		ask(t, c, "SET", name, "41")
	}
	passed(r, 5, Count{key, 3})
	r.Refund(t.Context(), Count{key, 3})
	for _, name := range others {
		if got := ask(t, c, "GET", name) + ask(t, c, "TTL", name); got != "41-1" {
			t.Errorf("%s is %s now", name, got)
		}
	}
	time.Sleep(1100 * time.Millisecond) // the key of the probe ends
	if n := ask(t, c, "DBSIZE"); n != strconv.Itoa(len(others)+1) {
		t.Errorf("%s keys", n)
	}
}

func TestARequestIsOneRoundTripAndLooksThroughNoKeys(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	r, c := shared(t, server.URL(), time.Minute), direct(t, server.URL())
	ask(t, c, "CONFIG", "RESETSTAT")
	ask(t, c, "SCRIPT", "FLUSH")
	passed(r, 25, Count{rand.Text(), 3}, Count{rand.Text(), 30})
	stats := ask(t, c, "INFO", "commandstats")
	if !strings.Contains(stats, "cmdstat_eval:calls=25,") {
		t.Errorf("not one call for each: %s", stats)
	}
	for line := range strings.Lines(stats) {
		name, isCommand := strings.CutPrefix(line, "cmdstat_")
		if !isCommand {
			continue
		}
		name, _, _ = strings.Cut(name, ":")
		switch name {
		case "eval", "get", "pttl", "incr", "set", "time", "config|resetstat", "script|flush", "ping", "info":
		default:
			t.Errorf("it was asked for %s", line)
		}
	}
}

func TestAFlushOnlyBeginsTheWindowsAgain(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	r, c := shared(t, server.URL(), time.Minute), direct(t, server.URL())
	count := Count{rand.Text(), 5}
	if n := passed(r, 8, count); n != 5 {
		t.Errorf("%d passed", n)
	}
	ask(t, c, "FLUSHALL")
	if n := passed(r, 8, count); n != 5 {
		t.Errorf("%d passed after the flush", n)
	}
}

func BenchmarkRedisTake(b *testing.B) {
	r := shared(b, enginetest.Redis(b), time.Minute)
	c := Count{rand.Text(), 1 << 30}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			r.Take(b.Context(), c)
		}
	})
	b.Run("many", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				r.Take(b.Context(), c)
			}
		})
	})
}

// BenchmarkRoundTrip is what a byte there and back costs here.
func BenchmarkRoundTrip(b *testing.B) {
	u, _ := url.Parse(enginetest.Redis(b))
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	buffer := make([]byte, 512)
	for b.Loop() {
		_, _ = conn.Write([]byte("PING\r\n"))
		_, _ = conn.Read(buffer)
	}
}
