package redis

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

func TestAFullRedisTellsWhatItEvicts(t *testing.T) {
	server := enginetest.PrivateRedis(t, "maxmemory=4mb", "maxmemory-policy=allkeys-lru")
	w := watch(t, server.URL())
	before, err := w.Usage(t.Context())
	if err != nil || before.Bytes < 100<<10 || before.Evicted != 0 {
		t.Fatalf("%+v %v", before, err)
	}
	value := []byte(strings.Repeat("x", 64<<10))
	for i := range 200 {
		_ = w.Set(t.Context(), "key "+string(rune('a'+i)), value, time.Minute)
	}
	after, err := w.Usage(t.Context())
	if err != nil || after.Bytes <= before.Bytes || after.Evicted == 0 {
		t.Errorf("after 13 MB into 4: %+v %v", after, err)
	}
}

func TestARedisThatIsAwayIsNotAskedForItsUsage(t *testing.T) {
	w := watch(t, "redis://127.0.0.1:1")
	if _, err := w.Usage(context.Background()); !errors.Is(err, ErrAway) {
		t.Errorf("%v", err)
	}
}
