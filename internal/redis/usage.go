package redis

import (
	"context"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Usage is what a whole Redis tells of itself, whoever uses it.
type Usage struct {
	Bytes   int64 // that it uses
	Evicted int64 // keys that had to make room, since it was started
}

// Usage asks for it. It says nothing about whether Redis is up: a user may be allowed to do
// everything that is needed here but not to ask this. Errors are those of Redis and of the connection.
func (c *Client) Usage(ctx context.Context) (Usage, error) {
	if !c.Up() {
		return Usage{}, ErrAway
	}
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	return run(ctx, c.conn, func(ctx context.Context, conn rueidis.Client) (u Usage, err error) {
		text, err := conn.Do(ctx, conn.B().Info().Build()).ToString()
		if err != nil {
			return u, err
		}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch name {
			case "used_memory":
				u.Bytes, err = strconv.ParseInt(value, 10, 64)
			case "evicted_keys":
				u.Evicted, err = strconv.ParseInt(value, 10, 64)
			}
			if err != nil {
				return u, err
			}
		}
		return u, nil
	})
}
