package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// load is the clients.
type load struct {
	clients []*client
	pause   time.Duration // from one request of a client to its next
	ledger  *ledger
}

// newLoad signs up the clients, who write a post each.
func newLoad(ctx context.Context, o options, f *front, r *record) (*load, error) {
	l := &load{ledger: &ledger{}, pause: time.Duration(float64(o.clients) / o.rate * float64(time.Second))}
	for n := range o.clients {
		c := newClient(fmt.Sprintf("client%02d", n), f, r, l.ledger)
		if err := c.signUp(ctx); err != nil {
			return nil, err
		}
		l.clients = append(l.clients, c)
	}
	return l, nil
}

// start lets them work until ctx ends; what is returned is closed when the last request has ended.
func (l *load) start(ctx context.Context) (ended chan struct{}) {
	var working sync.WaitGroup
	for _, c := range l.clients {
		working.Go(func() { l.work(ctx, c) })
	}
	ended = make(chan struct{})
	go func() { working.Wait(); close(ended) }()
	return ended
}

func (l *load) work(ctx context.Context, c *client) {
	defer c.close()
	next := time.Now().Add(rand.N(l.pause))
	for {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return
		}
		c.act()
		if next = next.Add(l.pause); time.Now().After(next) {
			next = time.Now() // what was missed is not made good: that would be another load
		}
	}
}

// deed is one kind of request, and how many of a thousand are of it.
type deed struct {
	share int
	do    func(*client)
}

var deeds = []deed{
	{280, (*client).list},
	{20, (*client).tags},
	{160, (*client).read},
	{140, (*client).readOwn},
	{90, (*client).readComments},
	{20, (*client).me},
	{15, (*client).readFile},
	{70, (*client).create},
	{50, (*client).put},
	{50, (*client).patch},
	{50, (*client).like},
	{45, (*client).comment},
	{3, (*client).upload},
	{7, (*client).login},
}

// act does something at random.
func (c *client) act() {
	n := rand.IntN(1000)
	for _, d := range deeds {
		if n -= d.share; n < 0 {
			d.do(c)
			return
		}
	}
}
