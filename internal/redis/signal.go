package redis

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	signalLife  = time.Minute            // of the key that is written
	listenEvery = 100 * time.Millisecond // while nothing is heard
)

// Signal is heard by all who listen for it: whoever sends it writes a key, and Redis tells
// of that as it would tell to forget the key (server-assisted client-side caching in its
// broadcasting mode, https://redis.io/docs/latest/develop/reference/client-side-caching/).
// It is not sure to arrive, and may be heard though nobody has sent it.
type Signal struct {
	client *Client
	key    string
	heard  func()
	hears  atomic.Bool
	due    chan struct{} // holds one if the key is to be written
}

// NewSignal makes a signal for Run. heard is told each time, also when it begins to be
// heard: what was sent before is unknown.
func (c *Client) NewSignal(key string, heard func()) *Signal {
	return &Signal{client: c, key: key, heard: heard, due: make(chan struct{}, 1)}
}

// Hears reports whether what is sent would be heard, as far as is known: a line that has
// gone silent is noticed within two seconds. A Redis that takes no writes, as one without
// memory, keeps its lines and tells nothing: it is not heard once it counts as away.
func (s *Signal) Hears() bool { return s.hears.Load() && s.client.Up() }

// Send sends the signal soon, without waiting for it.
func (s *Signal) Send() {
	select {
	case s.due <- struct{}{}:
	default: // whoever is about to write the key does so for this one, too
	}
}

// Run sends and listens until ctx ends.
func (s *Signal) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { s.listenAlways(ctx) })
	both.Go(func() { s.sendAll(ctx) })
	both.Wait()
}

func (s *Signal) sendAll(ctx context.Context) {
	for {
		select {
		case <-s.due:
			s.write()
		case <-ctx.Done():
			select {
			case <-s.due:
				s.write()
			default:
			}
			return
		}
	}
}

// write has its time, whatever ends meanwhile. Who does not hear of it has to find out himself.
func (s *Signal) write() {
	_ = s.client.Set(context.Background(), s.key, []byte{'1'}, signalLife)
}

func (s *Signal) listenAlways(ctx context.Context) {
	for {
		if s.client.Up() {
			s.listen(ctx)
		}
		select {
		case <-time.After(listenEvery):
		case <-ctx.Done():
			return
		}
	}
}

// listen has a connection to itself, until it breaks. A Redis that knows no tracking, or
// does not allow it, is not heard at all.
func (s *Signal) listen(ctx context.Context) {
	conn, _ := s.client.conn.Dedicate()
	defer conn.Close()
	came := make(chan struct{}, 1)
	gone := conn.SetOnInvalidations(func([]rueidis.RedisMessage) {
		s.heard()
		select {
		case came <- struct{}{}:
		default:
		}
	})
	if !s.track(ctx, conn, came) {
		return
	}
	s.heard()
	s.hears.Store(true)
	defer s.hears.Store(false)
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

// track makes conn hear, and reports whether something came of what it sends to itself:
// where there is no HELLO Redis agrees to track, and has no way to tell.
func (s *Signal) track(ctx context.Context, conn rueidis.DedicatedClient, came <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	for _, command := range []rueidis.Completed{
		conn.B().Arbitrary("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX").Keys(s.key).Build(),
		conn.B().Set().Key(s.key).Value("1").Px(signalLife).Build(),
	} {
		if conn.Do(ctx, command).Error() != nil {
			return false
		}
	}
	select {
	case <-came:
		return true
	case <-ctx.Done():
		return false
	}
}
