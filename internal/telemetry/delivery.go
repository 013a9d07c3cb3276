package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// delivery is the SDK's queue before an exporter, which it knows the length of: the SDK
// tells nobody what it drops.
type delivery struct {
	sdktrace.SpanProcessor // the queue
	waiting                *atomic.Int64
	most                   int64
	lost                   func(spans int)
}

func newDelivery(to sdktrace.SpanExporter, o TraceOptions) delivery {
	waiting := &atomic.Int64{}
	queue := sdktrace.NewBatchSpanProcessor(
		counted{SpanExporter: to, waiting: waiting, exported: o.Exported, lost: o.Lost, trouble: &trouble{log: o.Log, what: "traces could not be exported"}},
		sdktrace.WithMaxQueueSize(o.Queue), sdktrace.WithMaxExportBatchSize(o.Batch),
		sdktrace.WithBatchTimeout(o.Delay), sdktrace.WithExportTimeout(o.Patience),
	)
	return delivery{SpanProcessor: queue, waiting: waiting, most: int64(o.Queue), lost: o.Lost}
}

// OnEnd implements sdktrace.SpanProcessor. What is being exported counts as waiting.
func (d delivery) OnEnd(s sdktrace.ReadOnlySpan) {
	if d.waiting.Add(1) > d.most {
		d.waiting.Add(-1)
		d.lost(1)
		return
	}
	d.SpanProcessor.OnEnd(s)
}

// counted is an exporter whose failures are counted and told. It has none for the SDK,
// which would tell them to whoever is its handler in the whole process.
type counted struct {
	sdktrace.SpanExporter
	waiting        *atomic.Int64
	exported, lost func(spans int)
	trouble        *trouble
}

// ExportSpans implements sdktrace.SpanExporter.
func (e counted) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.waiting.Add(-int64(len(spans)))
	if err != nil {
		e.lost(len(spans))
		e.trouble.tell(err.Error())
		return nil
	}
	e.exported(len(spans))
	return nil
}

// troubleEvery is how often the log tells of the same trouble, at most.
const troubleEvery = 10 * time.Second

// trouble tells the log of failures, and not of each.
type trouble struct {
	log  *slog.Logger
	what string
	last atomic.Int64 // in ns since 1970
}

func (t *trouble) tell(why string) {
	now, last := time.Now().UnixNano(), t.last.Load()
	if now-last < int64(troubleEvery) || !t.last.CompareAndSwap(last, now) {
		return
	}
	t.log.Warn(t.what, "error", scrub(why, 300)) // what a collector answers may be anything
}
