package web

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/limit"
	"inkstone/internal/redis"
	"inkstone/internal/telemetry"
)

// A login asks the limiter before and in its handler; a Redis that does not answer must
// not be waited for each time.
func TestALoginWaitsForASilentRedisOnce(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	client, err := redis.Open(redis.Options{URL: server.URL(), Report: func(error) {}, Failed: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	limiter := limit.NewRedis(client, limit.NewMemory(time.Minute, time.Now))
	m := NewMux()
	m.Handle("POST /api/auth/login", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		limiter.Take(r.Context(), limit.Count{Key: "login", Most: 10})
		limiter.Refund(r.Context(), limit.Count{Key: "login", Most: 10})
		return JSON(w, r, http.StatusOK, Message{Message: "done"})
	})
	h := Edge(m, EdgeOptions{Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(), Limiter: limiter, Max: 100})
	if res := ask(h, "POST", "/api/auth/login"); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	server.Pause()
	stalls, begun := enginetest.Stalls(t), time.Now()
	if res := ask(h, "POST", "/api/auth/login"); res.StatusCode != http.StatusOK {
		t.Error(res.StatusCode)
	}
	if took := time.Since(begun); took > redis.Bound+20*time.Millisecond+3*stalls() {
		t.Errorf("waited %v", took)
	}
}
