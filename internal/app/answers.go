package app

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"inkstone/internal/cache"
	"inkstone/internal/store"
	"inkstone/internal/web"
)

// answerLife is the time of a kept answer; a change ends it sooner.
const answerLife = 10 * time.Minute

// changedKey is written when something has changed that answers are made of. Those of
// another site on the same Redis ask their database in vain then, and no more.
const changedKey = "inkstone:v1:changed"

// openNews lets instances on one database server tell each other of changes, so that not
// every answer has to ask for the generation. With SQLite that costs next to nothing.
func (a *App) openNews(context.Context) error {
	if a.redis == nil || store.Connections(a.cfg.Database, server(a.cfg)) == 0 {
		return nil
	}
	signal := a.redis.NewSignal(changedKey, func() { a.generations.Changed() })
	a.generations = cache.NewGenerations(func(ctx context.Context) (uint64, error) { return a.store.Generation(ctx) }, signal.Hears)
	a.changed = func() {
		a.generations.Changed()
		signal.Send()
	}
	a.metrics.Gauge("cache_news", "Whether changes by other instances are heard of; while they are not, each answer asks the database.", func() float64 { return oneIf(signal.Hears()) })
	a.background = append(a.background, signal.Run)
	return nil
}

func (a *App) openAnswers(context.Context) (err error) {
	generation := a.store.Generation
	if a.generations != nil {
		generation = a.generations.Current
	}
	looked := map[cache.Level]func(hit bool){cache.InMemory: a.metrics.Cache("memory")}
	var shared *cache.Shared[*web.Answer]
	if a.redis != nil {
		looked[cache.InRedis] = a.metrics.Cache("redis")
		shared = cache.NewShared(a.redis, programID(), cache.Codec[*web.Answer]{Encode: (*web.Answer).Bytes, Decode: web.ParseAnswer})
	}
	a.parts.answers, err = cache.New(cache.Options[*web.Answer]{
		Bytes: a.cfg.CacheBytes, TTL: answerLife, Generation: generation, Shared: shared,
		Looked: a.looked(looked),
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.parts.answers.Close(); return nil })
	return nil
}

// programID is another one for each build of the program: two versions that run side by
// side, as while one takes the other's place, need not make the same answers.
func programID() string {
	name, err := os.Executable()
	if err != nil {
		return rand.Text()
	}
	file, err := os.Open(name)
	if err != nil {
		return rand.Text()
	}
	defer file.Close()
	d := xxhash.New()
	if _, err := io.Copy(d, file); err != nil {
		return rand.Text()
	}
	return strconv.FormatUint(d.Sum64(), 36)
}
