package telemetry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// flushLimit is how long what waits to be sent may take when the program ends.
const flushLimit = 2 * time.Second

// How a collector that does not answer is tried again, within TraceOptions.Patience.
const (
	firstRetry = time.Second
	lastRetry  = 10 * time.Second
)

// TraceOptions say which requests are traced and where their spans go.
type TraceOptions struct {
	URL       string // takes spans by OTLP over HTTP
	Headers   map[string]string
	Timeout   time.Duration // of one try to export
	Compress  bool
	Authority string // file of the certificates that the collector's is to be signed by; "": the system's
	Cert, Key string // files of a client certificate; may be ""

	Service    string // "": what Attributes say, or inkstone
	Version    string
	Attributes map[string]string // more of the resource

	Sampler string // as OTEL_TRACES_SAMPLER has it
	Ratio   float64

	Queue, Batch int           // spans
	Delay        time.Duration // between two exports
	Patience     time.Duration // with a batch, all tries together

	Log            *slog.Logger
	Exported, Lost func(spans int) // must be quick
}

// Traces makes spans and exports them, from goroutines of its own: nobody waits, and what
// finds no place in the queue is lost and counted. All methods work on nil, which makes none.
type Traces struct {
	tracer   trace.Tracer
	sampler  sdktrace.Sampler
	provider *sdktrace.TracerProvider
	exporter sdktrace.SpanExporter
	http     *http.Transport
}

// OpenTraces begins to export. That there is no collector is no error.
func OpenTraces(ctx context.Context, o TraceOptions) (*Traces, error) {
	connections, err := collectorTransport(o)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, exporterOptions(o, connections)...)
	if err != nil {
		return nil, fmt.Errorf("make the exporter of traces: %w", err)
	}
	about, err := traceResource(ctx, o)
	if err != nil {
		return nil, err
	}
	sampler, err := samplerOf(o.Sampler, o.Ratio)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // Begin has asked the sampler
		sdktrace.WithIDGenerator(traceIDs{}),
		sdktrace.WithResource(about),
		sdktrace.WithRawSpanLimits(spanLimits),
		sdktrace.WithSpanProcessor(newDelivery(exporter, o)),
	)
	return &Traces{tracer: provider.Tracer("inkstone"), sampler: sampler, provider: provider, exporter: exporter, http: connections}, nil
}

// spanLimits bound a span; ours have fewer attributes by far.
var spanLimits = sdktrace.SpanLimits{
	AttributeValueLengthLimit: 8 << 10, AttributeCountLimit: 64, EventCountLimit: 16, AttributePerEventCountLimit: 16,
}

// Close exports what waits, for at most two seconds; the rest is lost.
func (t *Traces) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	_ = t.provider.Shutdown(ctx)                  // what goes wrong, the delivery has told
	_ = t.exporter.Shutdown(context.Background()) // ends what is still under way
	t.http.CloseIdleConnections()
	return nil
}

// exporterOptions give all that the exporter would else read from the environment, where
// .env is not.
func exporterOptions(o TraceOptions, connections http.RoundTripper) []otlptracehttp.Option {
	compression := otlptracehttp.NoCompression
	if o.Compress {
		compression = otlptracehttp.GzipCompression
	}
	return []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(o.URL),
		otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithTimeout(o.Timeout),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithTLSClientConfig(nil), // connections have it
		otlptracehttp.WithMaxResponseSize(64 << 10),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: o.Patience}),
		otlptracehttp.WithHTTPClient(&http.Client{
			Transport: connections, Timeout: o.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the headers may be secrets
		}),
	}
}

func collectorTransport(o TraceOptions) (*http.Transport, error) {
	t := outward()
	t.TLSClientConfig = &tls.Config{}
	if o.Authority != "" {
		pem, err := os.ReadFile(o.Authority)
		if err != nil {
			return nil, fmt.Errorf("certificate of the collector: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate of the collector: there is none in %s", o.Authority)
		}
	}
	if o.Cert != "" {
		own, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate for the collector: %w", err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{own}
	}
	return t, nil
}

// traceResource is what the spans are of. Arguments and the user of the process are left
// out: they may be nobody's business.
func traceResource(ctx context.Context, o TraceOptions) (*resource.Resource, error) {
	attributes := []attribute.KeyValue{
		semconv.ServiceVersion(o.Version),
		semconv.ServiceInstanceID(uuid.NewString()),
	}
	for name, value := range o.Attributes {
		attributes = append(attributes, attribute.String(name, value))
	}
	service := cmp.Or(o.Service, o.Attributes[string(semconv.ServiceNameKey)], "inkstone")
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithOSType(),
		resource.WithProcessPID(), resource.WithProcessExecutableName(), resource.WithProcessRuntimeName(), resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(attributes...), resource.WithAttributes(semconv.ServiceName(service)))
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("what traces tell of this process: %w", err)
	}
	return about, nil
}

// samplerOf returns the standard's sampler of a name.
func samplerOf(name string, ratio float64) (sdktrace.Sampler, error) {
	switch name {
	case "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(ratio), nil
	case "parentbased_always_on":
		return sdktrace.ParentBased(sdktrace.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample()), nil
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio)), nil
	}
	return nil, fmt.Errorf("no sampler is called %q", name)
}
