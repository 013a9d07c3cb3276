package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
)

func TestTracesGoWhereOpenTelemetrysSettingsSay(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "http://collector:4318/v1/traces"},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector/otlp/"}, "https://collector/otlp/v1/traces"},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/x"}, "http://collector:4318/x"},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318"}, "http://collector:4318/"},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b/t"}, "http://b/t"},
	} {
		cfg, _, err := load(t, t.TempDir(), c.env)
		if err != nil || cfg.Tracing.URL != c.want || cfg.Tracing.Off {
			t.Errorf("%v: %+v, %v", c.env, cfg, err)
		}
	}
	for _, env := range []map[string]string{{"OTEL_SDK_DISABLED": "True"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}} {
		env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://a"
		if cfg, _, err := load(t, t.TempDir(), env); err != nil || !cfg.Tracing.Off {
			t.Errorf("%v: %+v, %v", env, cfg, err)
		}
	}
}

func TestTheSettingsOfTracesAreThoseOfTheStandard(t *testing.T) {
	cfg, _, err := load(t, t.TempDir(), nil)
	want := Tracing{Timeout: 10 * second, Sampler: "parentbased_traceidratio", Ratio: 0.05, Queue: 2048, Batch: 512, Delay: 5 * second, Patience: 30 * second}
	if err != nil || !same(cfg.Tracing, want) {
		t.Errorf("by default %+v, %v", cfg, err)
	}
	dir := t.TempDir()
	dotenv := `
OTEL_SERVICE_NAME=墨
OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=trial, team=a%2Cb
OTEL_TRACES_SAMPLER=traceidratio
OTEL_TRACES_SAMPLER_ARG=0.25
OTEL_EXPORTER_OTLP_HEADERS=api-key=general
OTEL_EXPORTER_OTLP_TRACES_HEADERS=Authorization=Basic%20abc,x=1
OTEL_EXPORTER_OTLP_TIMEOUT=3000
OTEL_EXPORTER_OTLP_COMPRESSION=gzip
OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
OTEL_EXPORTER_OTLP_CERTIFICATE=ca.pem
OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=traces-ca.pem
OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=cert.pem
OTEL_EXPORTER_OTLP_CLIENT_KEY=key.pem
OTEL_BSP_SCHEDULE_DELAY=1000
OTEL_BSP_EXPORT_TIMEOUT=2000
OTEL_BSP_MAX_QUEUE_SIZE=100
`
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(dotenv), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err = load(t, dir, nil)
	want = Tracing{
		Headers: map[string]string{"Authorization": "Basic abc", "x": "1"}, Timeout: 3 * second, Authority: "traces-ca.pem", Cert: "cert.pem", Key: "key.pem",
		Service: "墨", Attributes: map[string]string{"deployment.environment.name": "trial", "team": "a,b"},
		Sampler: "traceidratio", Ratio: 0.25, Queue: 100, Batch: 100, Delay: time.Second, Patience: 2 * second,
	}
	if err != nil || !same(cfg.Tracing, want) {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func same(a, b Tracing) bool {
	headers, attributes := maps.Equal(a.Headers, b.Headers), maps.Equal(a.Attributes, b.Attributes)
	return headers && attributes && a.URL == b.URL && a.Off == b.Off && a.Timeout == b.Timeout && a.Compress == b.Compress &&
		a.Authority == b.Authority && a.Cert == b.Cert && a.Key == b.Key && a.Service == b.Service && a.Sampler == b.Sampler && a.Ratio == b.Ratio &&
		a.Queue == b.Queue && a.Batch == b.Batch && a.Delay == b.Delay && a.Patience == b.Patience
}

func TestTracesAndReportsThatCannotBeMeantAreAMistake(t *testing.T) {
	for name, values := range map[string][]string{
		"OTEL_SDK_DISABLED":                  {"1", "yes"},
		"OTEL_TRACES_EXPORTER":               {"console", "zipkin", "otlp,console"},
		"OTEL_PROPAGATORS":                   {"b3", "baggage", "jaeger"},
		"OTEL_TRACES_SAMPLER":                {"jaeger_remote", "xray", "0.5"},
		"OTEL_TRACES_SAMPLER_ARG":            {"-0.1", "1.1", "5%", "NaN", "x"},
		"OTEL_RESOURCE_ATTRIBUTES":           {"a", "=b", "a=%zz"},
		"OTEL_EXPORTER_OTLP_ENDPOINT":        {"collector:4318", "grpc://collector", "http://", "http://ink:hidden@collector", "http://collector?key=x"},
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": {"collector:4318"},
		"OTEL_EXPORTER_OTLP_PROTOCOL":        {"grpc", "http/json"},
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": {"grpc"},
		"OTEL_EXPORTER_OTLP_HEADERS":         {"hidden", "a b=hidden", "a=hidden%0a", "a=hidden%zz"},
		"OTEL_EXPORTER_OTLP_COMPRESSION":     {"zstd"},
		"OTEL_EXPORTER_OTLP_TIMEOUT":         {"x", "0", "1h"},
		"OTEL_EXPORTER_OTLP_CLIENT_KEY":      {"key.pem"},
		"OTEL_BSP_MAX_QUEUE_SIZE":            {"0", "many"},
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE":     {"0"},
		"OTEL_BSP_SCHEDULE_DELAY":            {"0"},
		"OTEL_BSP_EXPORT_TIMEOUT":            {"0"},
		"SENTRY_DSN":                         {"hidden", "https://sentry.example/1", "https://hidden@sentry.example", "https://hidden@sentry.example/", "ftp://hidden@sentry.example/1", "https://hidden@/1", "https://hidden@sentry.example:x/1", "https://hidden%zz@sentry.example/1"},
	} {
		for _, value := range values {
			given := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}
			given[name] = value
			_, shown, err := load(t, t.TempDir(), given)
			mistakes, _ := errors.AsType[Mistakes](err)
			if len(mistakes) != 1 || !strings.HasPrefix(mistakes[0], strings.TrimSuffix(name, "KEY")) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s=%s: %v", name, value, err)
			}
			for _, v := range shown {
				if strings.Contains(v.Value, "hidden") {
					t.Errorf("%s is shown as %s", v.Name, v.Value)
				}
			}
		}
	}
}

// Other programs of a machine may read the same variables, and know more.
func TestWhereNothingIsTracedSettingsOfTracesAreNoMistake(t *testing.T) {
	for _, off := range []map[string]string{{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}} {
		given := maps.Clone(off)
		maps.Copy(given, map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "jaeger_remote", "OTEL_PROPAGATORS": "b3", "OTEL_TRACES_EXPORTER": "console"})
		if _, _, err := load(t, t.TempDir(), given); err != nil {
			t.Errorf("%v: %v", off, err)
		}
	}
	if _, _, err := load(t, t.TempDir(), map[string]string{"OTEL_PROPAGATORS": "tracecontext, baggage", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}); err != nil {
		t.Errorf("the standard's own default: %v", err)
	}
}

func TestADSNThatIsTakenIsOneForTheLibrary(t *testing.T) {
	for _, dsn := range []string{"https://key@o1.ingest.sentry.io/42", "http://key:secret@127.0.0.1:9000/path/42"} {
		cfg, shown, err := load(t, t.TempDir(), map[string]string{"SENTRY_DSN": dsn, "NODE_ENV": "test"})
		if err != nil || cfg.Reports.DSN != dsn || cfg.Reports.Environment != "development" {
			t.Errorf("%s: %+v, %v", dsn, cfg, err)
		}
		if _, err := sentry.NewDsn(dsn); err != nil {
			t.Error(err)
		}
		for _, v := range shown {
			if v.Name == "SENTRY_DSN" && strings.Contains(v.Value, "key") {
				t.Errorf("it is shown as %s", v.Value)
			}
		}
	}
}
