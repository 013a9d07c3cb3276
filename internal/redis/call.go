package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// Script is Lua that is run in Redis.
type Script = rueidis.Lua

// NewScript makes a script of its text. It is sent with each call, though without its
// comments, so that none needs a second round trip where Redis has forgotten it.
func NewScript(text string) *Script {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			b.WriteString(line + "\n")
		}
	}
	return rueidis.NewLuaScriptNoSha(b.String())
}

// Eval runs a script that answers with numbers. An error is one of Redis, of the
// connection to it, or ErrAway: never one of the request. That a caller goes away does
// not end a call, for it would look as if Redis had failed; and what is asked with no time
// left to wait for the answer is asked all the same.
func (c *Client) Eval(ctx context.Context, s *Script, keys, args []string) ([]int64, error) {
	return ask(ctx, c, "EVAL", evaluate(s, keys, args))
}

// Get returns what is kept under key; nil if that is nothing, more than most bytes, or no
// string. Errors as Eval.
func (c *Client) Get(ctx context.Context, key string, most int64) ([]byte, error) {
	return ask(ctx, c, "GETRANGE", func(ctx context.Context, conn rueidis.Client) ([]byte, error) {
		// A range, so that no more is read of what somebody else may have put there.
		value, err := conn.Do(ctx, conn.B().Getrange().Key(key).Start(0).End(most).Build()).AsBytes()
		if e, answered := rueidis.IsRedisErr(err); answered && strings.HasPrefix(e.Error(), "WRONGTYPE") {
			return nil, nil
		}
		if len(value) == 0 || int64(len(value)) > most {
			return nil, err
		}
		return value, err
	})
}

// Set keeps a value for a while, which is cut to milliseconds. Errors as Eval.
func (c *Client) Set(ctx context.Context, key string, value []byte, life time.Duration) error {
	_, err := ask(ctx, c, "SET", func(ctx context.Context, conn rueidis.Client) (struct{}, error) {
		return struct{}{}, conn.Do(ctx, conn.B().Set().Key(key).Value(rueidis.BinaryString(value)).Px(life).Build()).Error()
	})
	return err
}

// call is one command to Redis and the reading of its answer.
type call[T any] func(context.Context, rueidis.Client) (T, error)

func evaluate(s *Script, keys, args []string) call[[]int64] {
	return func(ctx context.Context, conn rueidis.Client) ([]int64, error) {
		return s.Exec(ctx, conn, keys, args).AsIntSlice()
	}
}

type answer[T any] struct {
	value T
	err   error
}

// ask is a call that its caller does not wait for longer than he may.
func ask[T any](ctx context.Context, c *Client, command string, do call[T]) (none T, err error) {
	if !c.Up() {
		return none, ErrAway
	}
	bound, spend := patienceOf(ctx)
	begun := time.Now()
	defer spend(begun)
	if c.observe != nil {
		defer func() { c.observe(ctx, command, time.Since(begun), err) }()
	}
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case c.calls <- struct{}{}:
	case <-timer.C:
		return none, c.note(errBusy, begun, bound)
	}
	asked := start(c, do)
	select {
	case a := <-asked:
		return a.value, c.note(a.err, begun, bound)
	case <-timer.C:
	}
	if time.Since(begun) > bound+stall {
		select {
		case a := <-asked:
			return a.value, c.note(a.err, begun, bound)
		case <-time.After(moment):
		}
	}
	return none, c.note(context.DeadlineExceeded, begun, bound)
}

// start gives a call its connection and the place that it holds in calls until its end.
func start[T any](c *Client, do call[T]) <-chan answer[T] {
	got := make(chan answer[T], 1)
	c.running.Go(func() {
		defer func() { <-c.calls }()
		ctx, cancel := context.WithTimeout(context.Background(), callLife)
		defer cancel()
		value, err := run(ctx, c.conn, do)
		got <- answer[T]{value, err}
	})
	return got
}

// run tries the connections that there are, then a new one: a server that was started again, or
// closes those that were idle, breaks all of them.
func run[T any](ctx context.Context, conn rueidis.Client, do call[T]) (value T, err error) {
	for range maxConns + 1 {
		value, err = try(ctx, conn, do)
		if _, isNew := errors.AsType[*dialError](err); err == nil || isNew || kindOf(err) != "connection" {
			break
		}
	}
	return value, err
}

// try survives the library's panic about a length that makes no sense.
func try[T any](ctx context.Context, conn rueidis.Client, do call[T]) (value T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("redis answers what makes no sense: %v", cause)
		}
	}()
	return do(ctx, conn)
}

// note tells of a call that failed, and returns its error.
func (c *Client) note(err error, begun time.Time, bound time.Duration) error {
	if err == nil {
		c.breaker.succeeded()
		return nil
	}
	c.failed(kindOf(err))
	c.news.cause(err)
	if bound < Bound && time.Since(begun) >= bound { // what the request asked before has spent its time
		return err
	}
	if c.breaker.failed(begun) {
		c.news.tell(false)
	}
	return err
}

func kindOf(err error) string {
	if _, answered := rueidis.IsRedisErr(err); answered || rueidis.IsParseErr(err) {
		return "server"
	}
	if errors.Is(err, errBusy) {
		return "busy"
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "timeout"
	}
	return "connection"
}
