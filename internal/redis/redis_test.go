package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"inkstone/internal/enginetest"
)

// watched is a client with what it told.
type watched struct {
	*Client
	mu    sync.Mutex
	news  []error
	kinds []string
	shown []tls.ConnectionState
}

// watch opens a client and looks for its server until the test ends.
func watch(t *testing.T, url string) *watched {
	t.Helper()
	w := &watched{}
	c, err := Open(Options{
		URL:       url,
		Report:    func(err error) { w.mu.Lock(); defer w.mu.Unlock(); w.news = append(w.news, err) },
		Failed:    func(kind string) { w.mu.Lock(); defer w.mu.Unlock(); w.kinds = append(w.kinds, kind) },
		Handshake: func(s tls.ConnectionState) { w.mu.Lock(); defer w.mu.Unlock(); w.shown = append(w.shown, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Client = c
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		c.Close()
	})
	return w
}

// told returns the reports so far and how often each kind of failure was told.
func (w *watched) told() (news []error, kinds map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds = map[string]int{}
	for _, k := range w.kinds {
		kinds[k]++
	}
	return slices.Clone(w.news), kinds
}

var seven = NewScript("return {7}")

func (w *watched) ask(t *testing.T) error {
	got, err := w.Eval(t.Context(), seven, nil, nil)
	if err == nil && !slices.Equal(got, []int64{7}) {
		t.Errorf("answers %d", got)
	}
	return err
}

func TestFiveFailuresInARowOpenTheBreakerAndAProbeMendsIt(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	w := watch(t, server.URL())
	if err := w.ask(t); err != nil || !w.Up() {
		t.Fatal(err)
	}
	server.Stop()
	for i := range tripAfter {
		if !w.Up() {
			t.Fatalf("given up after %d failures", i)
		}
		if err := w.ask(t); err == nil || errors.Is(err, ErrAway) {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if err := w.ask(t); !errors.Is(err, ErrAway) || w.Up() {
		t.Errorf("still asked: %v", err)
	}
	if news, kinds := w.told(); len(news) != 1 || news[0] == nil || kinds["connection"] != tripAfter {
		t.Errorf("told %v %v", news, kinds)
	}
	server.Start()
	enginetest.Within(t, 2*time.Second, "Redis is used", w.Up)
	if err := w.ask(t); err != nil {
		t.Error(err)
	}
}

// Connections that broke while nobody used them are no failure of who comes next.
func TestARestartThatNobodyWaitedForGoesUnnoticed(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	enginetest.Undisturbed(t, Bound/4, func() error {
		w := watch(t, server.URL())
		crowd := func() error {
			var all sync.WaitGroup
			errs := make([]error, 3*maxConns) // enough to have all connections used, and few enough for 50 ms on a busy machine
			for i := range errs {
				all.Go(func() { errs[i] = w.ask(t) })
			}
			all.Wait()
			return errors.Join(errs...)
		}
		before := crowd()
		server.Stop()
		server.Start()
		if err := errors.Join(before, crowd()); err != nil {
			return err
		}
		if news, kinds := w.told(); len(news) != 0 || len(kinds) != 0 {
			return fmt.Errorf("told %v %v", news, kinds)
		}
		return nil
	})
}

func TestFailuresAreToldByTheirKind(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	w := watch(t, server.URL())
	if _, err := w.Eval(t.Context(), NewScript("return redis.call('NO SUCH COMMAND')"), nil, nil); err == nil {
		t.Error("no error")
	}
	if _, err := w.Eval(t.Context(), NewScript("return 'no numbers'"), nil, nil); err == nil {
		t.Error("no error")
	}
	server.Pause()
	_ = w.ask(t)
	if _, kinds := w.told(); kinds["server"] != 2 || kinds["timeout"] != 1 {
		t.Errorf("%v", kinds)
	}
}

// A Redis that answers and can't be written to is as good as away.
func TestARedisThatCannotBeWrittenToIsAway(t *testing.T) {
	server := enginetest.PrivateRedis(t, "min-replicas-to-write=1")
	w := watch(t, server.URL())
	if w.Up() || !errors.Is(w.ask(t), ErrAway) {
		t.Error("it is asked")
	}
	w.wantRefusal(t, "NOREPLICAS")
}

// wantRefusal waits for the first news, of a Redis that is away because of what it answers.
func (w *watched) wantRefusal(t *testing.T, answer string) {
	t.Helper()
	enginetest.Within(t, 5*time.Second, "its absence is told", func() bool { news, _ := w.told(); return len(news) > 0 })
	if news, _ := w.told(); news[0] == nil || !strings.Contains(news[0].Error(), answer) {
		t.Errorf("told %v", news)
	}
}

// A cluster takes a key alone and refuses two that are counted together, as at a login.
func TestAClusterIsAway(t *testing.T) {
	bus := strconv.Itoa(10000 + rand.IntN(10000)) // its default may be the port of a connection going out
	server := enginetest.PrivateRedis(t, "cluster-enabled=yes", "cluster-port="+bus)
	do := func(words ...string) error {
		conn := watch(t, server.URL()).conn
		return conn.Do(t.Context(), conn.B().Arbitrary(words...).Build()).Error()
	}
	if err := do("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); err != nil {
		t.Fatal(err)
	}
	enginetest.Within(t, 5*time.Second, "the cluster takes a key", func() bool { return do("SET", "k", "") == nil })
	w := watch(t, server.URL())
	w.wantRefusal(t, "CROSSSLOT")
	if w.Up() {
		t.Error("it is used")
	}
}

func TestAWrongPasswordIsToldWithoutIt(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	w := watch(t, strings.Replace(server.URL(), "default:", "default:wr0ng-", 1))
	news, _ := w.told()
	if w.Up() || len(news) != 1 || !strings.Contains(news[0].Error(), "WRONGPASS") || strings.Contains(news[0].Error(), "wr0ng-") {
		t.Errorf("told %v", news)
	}
}

// What takes connections may be no Redis, and answer with anything or nothing.
func TestWhatIsNoRedisIsAway(t *testing.T) {
	for name, said := range map[string]string{
		"silent": "", "http": "HTTP/1.1 400 Bad Request\r\n\r\n", "numbers": ":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n",
		"deep": strings.Repeat("*1\r\n", 1000), "broken": "*3\r\n$-5\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go answerWith(l, said)
			stalls, begun := enginetest.Stalls(t), time.Now()
			w := watch(t, "redis://"+l.Addr().String())
			if took := time.Since(begun); took > startWait+50*time.Millisecond+3*stalls() {
				t.Errorf("the start took %v", took)
			}
			time.Sleep(1200 * time.Millisecond) // it is looked for once more
			if w.Up() {
				t.Error("it is used")
			}
		})
	}
}

func answerWith(l net.Listener, said string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.WriteString(c, said)
			_, _ = io.Copy(io.Discard, c)
		}()
	}
}

// More calls than the library has places for must not wait for each other.
func TestACrowdAtASilentRedisWaitsNoLongerThanOne(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	w := watch(t, server.URL())
	server.Pause()
	stalls := enginetest.Stalls(t)
	var all sync.WaitGroup
	for range 1500 {
		all.Go(func() {
			begun := time.Now()
			_ = w.ask(t)
			if took := time.Since(begun); took > 500*time.Millisecond+3*stalls() {
				t.Errorf("one waited %v", took)
			}
		})
	}
	all.Wait()
}

func TestNothingIsLeftOfAClientThatIsClosed(t *testing.T) {
	url := enginetest.Redis(t)
	before := goleak.IgnoreCurrent()
	c, err := Open(Options{URL: url, Report: func(error) {}, Failed: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{Client: c}
	for range 8 {
		if err := w.ask(t); err != nil {
			t.Error(err)
		}
	}
	c.Close()
	if err := w.ask(t); !errors.Is(err, ErrAway) {
		t.Errorf("closed: %v", err)
	}
	goleak.VerifyNone(t, before)
}

func TestNewsComeAtMostOnceInTenSecondsAndTheLastIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		n := &news{report: func(err error) {
			if err == nil {
				told = append(told, "back")
			} else {
				told = append(told, err.Error())
			}
		}}
		n.tell(true)
		n.cause(errors.New("away"))
		for second := range 30 { // away and back all the time, in the end back
			n.tell(second%2 == 1)
			time.Sleep(time.Second)
		}
		if len(told) > 3 {
			t.Errorf("told %q in 30 s", told)
		}
		for range 12 {
			n.tell(true)
			time.Sleep(time.Second)
		}
		if told[len(told)-1] != "back" {
			t.Errorf("the last of %q", told)
		}
	})
}

// A server that was not there is started with another password.
func TestARefusalAfterAnOutageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		n := &news{report: func(err error) { told = append(told, err) }}
		gone, wrong := errors.New("connection refused"), new(rueidis.RedisError)
		for _, why := range []error{gone, gone, wrong, wrong, gone, wrong} {
			n.cause(why)
			n.tell(false)
			time.Sleep(newsAtMost)
		}
		n.tell(true)
		if want := []error{gone, wrong, nil}; !slices.Equal(told, want) {
			t.Errorf("told %q", told)
		}
	})
}

// A program that ends before it knows why nothing answers has nothing to tell.
func TestNothingIsToldOfARedisThatNobodyHasWaitedFor(t *testing.T) {
	n := &news{report: func(err error) { t.Errorf("told %v", err) }}
	n.tell(false)
}

func TestCallsThatFailTogetherAreOneFailure(t *testing.T) {
	var b breaker
	for round := range tripAfter {
		if b.open() {
			t.Fatalf("opened after %d rounds", round)
		}
		begun := time.Now()
		for range 64 {
			b.failed(begun)
		}
	}
	if !b.open() {
		t.Error("not opened")
	}
}

func TestFailuresThatAreNotInARowDoNotOpenTheBreaker(t *testing.T) {
	var b breaker
	for range 100 {
		for range tripAfter - 1 {
			if b.failed(time.Now()) {
				t.Fatal("opened")
			}
		}
		b.succeeded()
	}
	for range tripAfter {
		b.failed(time.Now())
	}
	if !b.open() {
		t.Error("not opened")
	}
	b.succeeded() // a call that was under way
	if !b.open() {
		t.Error("a late success mended it")
	}
}
