package alerts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of the relay. Alertmanager itself waits as long as its group_interval.
const (
	mostBytes  = 4 << 20 // of a notice: some thousand alerts
	sendWithin = 10 * time.Second
	stopWithin = 15 * time.Second
)

// Options of a relay.
type Options struct {
	Robots  []Robot
	Runbook string         // address of docs/runbook.md as people here read it; "": none
	Zone    *time.Location // of the times that people read
	Log     *slog.Logger
}

// Handler takes what Alertmanager posts to /dingtalk, /feishu and /wecom, as far as
// there is such a robot: 204 when the robot took it, 502 when it did not (Alertmanager
// tries again), 400 for what is no notice (it does not). GET /livez is 200.
func Handler(o Options) http.Handler {
	connections := http.DefaultTransport.(*http.Transport).Clone()
	connections.Protocols = new(http.Protocols)
	connections.Protocols.SetHTTP1(true) // see docs/decisions/0015-vulnerabilities.md
	client := &http.Client{
		Transport:     connections,
		Timeout:       sendWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // robots don't
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	for _, r := range o.Robots {
		mux.HandleFunc("POST /"+r.name, func(w http.ResponseWriter, req *http.Request) {
			n, err := readNotice(http.MaxBytesReader(w, req.Body, mostBytes))
			if err != nil {
				o.Log.Warn("a notice was refused", "robot", r.name, "error", err)
				answer(w, http.StatusBadRequest, err.Error())
				return
			}
			if err := r.send(req.Context(), client, time.Now(), o.compose(r, n)); err != nil {
				o.Log.Error("a notice could not be delivered", "robot", r.name, "alerts", len(n.Alerts), "error", err)
				answer(w, http.StatusBadGateway, err.Error())
				return
			}
			o.Log.Info("a notice was delivered", "robot", r.name, "alerts", len(n.Alerts), "firing", n.firing())
			w.WriteHeader(http.StatusNoContent)
		})
	}
	return mux
}

func (o Options) compose(r Robot, n notice) message {
	text := n.text(r.most, style{zone: o.Zone, runbook: o.Runbook, newline: r.newline})
	return message{title: n.title(), text: text, colour: n.urgency()}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // whoever has gone does not read it
}

// Serve answers on l until ctx ends, and then lets what is under way finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       sendWithin,
		WriteTimeout:      2*sendWithin + 5*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		stopped <- s.Shutdown(within)
	})
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}
