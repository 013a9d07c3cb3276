package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Tracing says which requests are traced, and where their spans go.
type Tracing struct {
	URL       string // that takes spans by OTLP over HTTP; "": none are made
	Off       bool   // whatever URL says
	Headers   map[string]string
	Timeout   duration // of one export
	Compress  bool
	Authority string // file of the certificates that the collector's is to be signed by; "": the system's
	Cert, Key string // files of what the collector knows us by; may be ""

	Service    string // "": what Attributes say, or inkstone
	Attributes map[string]string

	Sampler string // one of OpenTelemetry's names
	Ratio   float64

	Queue, Batch int      // spans
	Delay        duration // between two exports
	Patience     duration // with a batch, all tries together

	mistakes []mistake
}

// mistake is a setting that is wrong where requests are traced. Where they are not, a
// variable that other programs of the same machine read must not end the start.
type mistake struct {
	name string
	err  error
}

// whereTraced has what is wrong with a value told by checkTracing.
func whereTraced(name string, parse parser) parser {
	return func(c *Config, v string) error {
		if err := parse(c, v); err != nil {
			c.Tracing.mistakes = append(c.Tracing.mistakes, mistake{name, err})
		}
		return nil
	}
}

// samplers are those of the standard that need no server of their own.
//
// Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

// tracingRows have the names of OpenTelemetry. A value of the standard that this version
// does not know is refused, so that nobody believes it counts.
func tracingRows() []setting {
	at := func(c *Config) *Tracing { return &c.Tracing }
	rows := []setting{
		{Setting: Setting{Name: "OTEL_SDK_DISABLED", Default: "false",
			ZH: "`true`：关闭追踪", EN: "`true`: no traces"}, parse: disabled},
		{Setting: Setting{Name: "OTEL_TRACES_EXPORTER", Default: "otlp",
			ZH: "`otlp`，或 `none`：不发送", EN: "`otlp`, or `none`: no traces"}, parse: tracesExporter},
		{Setting: Setting{Name: "OTEL_SERVICE_NAME",
			ZH: "追踪中的服务名；缺省为 `inkstone`", EN: "name of the service in traces; else `inkstone`"},
			parse: func(c *Config, v string) error { at(c).Service = v; return nil }},
		{Setting: Setting{Name: "OTEL_RESOURCE_ATTRIBUTES",
			ZH: "追踪中附加的属性：`名=值,名=值`", EN: "more about the service in traces: `name=value,name=value`"}, parse: attributes},
		{Setting: Setting{Name: "OTEL_TRACES_SAMPLER", Default: "parentbased_traceidratio",
			ZH: "抽样方式：`" + strings.Join(samplers, "`、`") + "`", EN: "which requests are traced: `" + strings.Join(samplers, "`, `") + "`"},
			parse: oneOf(func(c *Config) *string { return &at(c).Sampler }, samplers...)},
		{Setting: Setting{Name: "OTEL_TRACES_SAMPLER_ARG", Default: "0.05",
			ZH: "抽样比例，0 到 1", EN: "their share, 0 to 1"}, parse: ratio},
		{Setting: Setting{Name: "OTEL_PROPAGATORS", Default: "tracecontext",
			ZH: "须含 `tracecontext`（W3C 的 traceparent），其余不起作用", EN: "`tracecontext` (W3C's traceparent) has to be among them; others have no effect"},
			parse: propagators},
		{Setting: Setting{Name: "OTEL_BSP_SCHEDULE_DELAY", Default: "5s",
			ZH: "两次发送的间隔", EN: "time between two exports"},
			parse: span(func(c *Config) *duration { return &at(c).Delay }, 10*time.Millisecond, minute)},
		{Setting: Setting{Name: "OTEL_BSP_EXPORT_TIMEOUT", Default: "30s",
			ZH: "一批的时限，含重试", EN: "bound of a batch, with all tries"},
			parse: span(func(c *Config) *duration { return &at(c).Patience }, 10*time.Millisecond, 10*minute)},
		{Setting: Setting{Name: "OTEL_BSP_MAX_QUEUE_SIZE", Default: "2048",
			ZH: "等待发送的跨度数上限，超出的丢弃并计数", EN: "spans that wait to be exported; more are lost and counted"},
			parse: number(func(c *Config) *int { return &at(c).Queue }, 1, 1_000_000)},
		{Setting: Setting{Name: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Default: "512",
			ZH: "每批的跨度数上限", EN: "spans in a batch"}, parse: batch},
	}
	rows = append(rows, exporterRows()...)
	for i, r := range rows {
		if r.Name != "OTEL_SDK_DISABLED" && !strings.HasSuffix(r.Name, "_ENDPOINT") {
			rows[i].parse = whereTraced(r.Name, r.parse)
		}
	}
	return rows
}

// exporterRows each have a twin for traces alone, as the standard has it, which wins.
func exporterRows() []setting {
	at := func(c *Config) *Tracing { return &c.Tracing }
	text := func(of func(c *Config) *string) parser {
		return func(c *Config, v string) error { *of(c) = v; return nil }
	}
	rows := []setting{
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_ENDPOINT",
			ZH: "收集器的地址，如 `http://127.0.0.1:4318`；其后接 `/v1/traces`。设置后才有追踪", EN: "address of the collector, such as `http://127.0.0.1:4318`; `/v1/traces` is added. With it requests are traced"},
			parse: endpoint("/v1/traces")},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_HEADERS", Secret: true,
			ZH: "发送时的请求头：`名=值,名=值`，值可写成 %XX", EN: "headers of an export: `name=value,name=value`, values may have %XX"}, parse: headers},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_TIMEOUT", Default: "10s",
			ZH: "一次发送的时限", EN: "bound of one try to export"},
			parse: span(func(c *Config) *duration { return &at(c).Timeout }, 10*time.Millisecond, minute)},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_COMPRESSION", Default: "none",
			ZH: "`none` 或 `gzip`", EN: "`none` or `gzip`"}, parse: compression},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Default: "http/protobuf",
			ZH: "只支持 `http/protobuf`", EN: "`http/protobuf` alone"}, parse: only("http/protobuf")},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_CERTIFICATE",
			ZH: "收集器证书的签发者（PEM 文件）；缺省为系统所信任的", EN: "PEM file of who signs the collector's certificate; else whom the system trusts"},
			parse: text(func(c *Config) *string { return &at(c).Authority })},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
			ZH: "客户端证书（PEM 文件）", EN: "PEM file of a client certificate"},
			parse: text(func(c *Config) *string { return &at(c).Cert })},
		{Setting: Setting{Name: "OTEL_EXPORTER_OTLP_CLIENT_KEY",
			ZH: "客户端证书的密钥（PEM 文件）", EN: "PEM file of its key"},
			parse: text(func(c *Config) *string { return &at(c).Key })},
	}
	for _, general := range rows {
		twin := general
		twin.Name = strings.Replace(general.Name, "OTLP", "OTLP_TRACES", 1)
		twin.Default, twin.ZH, twin.EN = "", "同 "+general.Name+"，只用于追踪", "as "+general.Name+", for traces alone"
		parse := general.parse
		if strings.HasSuffix(general.Name, "_ENDPOINT") {
			twin.ZH, twin.EN, parse = twin.ZH+"，须写全路径", twin.EN+", with its whole path", endpoint("")
		}
		twin.parse = func(c *Config, v string) error {
			if v == "" {
				return nil
			}
			return parse(c, v)
		}
		rows = append(rows, twin)
	}
	return rows
}

func disabled(c *Config, v string) error {
	if !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
		return fmt.Errorf("%q 无效，请填写 true 或 false", v)
	}
	c.Tracing.Off = strings.EqualFold(v, "true")
	return nil
}

func tracesExporter(c *Config, v string) error {
	if v != "otlp" && v != "none" {
		return fmt.Errorf("%q 无效，本版本只支持 otlp 与 none", v)
	}
	c.Tracing.Off = c.Tracing.Off || v == "none"
	return nil
}

// only takes no other value than that of this version.
func only(value string) parser {
	return func(_ *Config, v string) error {
		if v != value {
			return fmt.Errorf("%q 无效，本版本只支持 %s", v, value)
		}
		return nil
	}
}

func ratio(c *Config, v string) error {
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n >= 0 && n <= 1) {
		return fmt.Errorf("%q 无效，请填写 0 到 1 的数，例如 0.05", v)
	}
	c.Tracing.Ratio = n
	return nil
}

// batch is no more than fits into the queue, which is above it in the table.
func batch(c *Config, v string) error {
	err := number(func(c *Config) *int { return &c.Tracing.Batch }, 1, 100_000)(c, v)
	if queue := c.Tracing.Queue; queue > 0 {
		c.Tracing.Batch = min(c.Tracing.Batch, queue)
	}
	return err
}

func endpoint(path string) parser {
	return func(c *Config, v string) error {
		if v == "" {
			return nil
		}
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("应为 http 或 https 地址，不带密钥、? 与 #，例如 http://127.0.0.1:4318（密钥写在 OTEL_EXPORTER_OTLP_HEADERS 中）")
		}
		u.Path = strings.TrimRight(u.Path, "/") + path
		if u.Path == "" {
			u.Path = "/"
		}
		c.Tracing.URL = u.String()
		return nil
	}
}

func compression(c *Config, v string) error {
	if v != "none" && v != "gzip" {
		return fmt.Errorf("%q 无效，请填写 none 或 gzip", v)
	}
	c.Tracing.Compress = v == "gzip"
	return nil
}

// headers does not repeat what it refuses: it may be a secret.
func headers(c *Config, v string) error {
	given, ok := pairs(v)
	for name, value := range given {
		ok = ok && httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
	}
	if !ok {
		return errors.New("无效，应为 名=值，多项以逗号分隔，值中的特殊字符写成 %XX，例如 api-key=abc")
	}
	c.Tracing.Headers = given
	return nil
}

func attributes(c *Config, v string) error {
	given, ok := pairs(v)
	if !ok {
		return fmt.Errorf("%q 无效，应为 名=值，多项以逗号分隔，例如 deployment.environment.name=production", v)
	}
	c.Tracing.Attributes = given
	return nil
}

// pairs reads name=value,name=value, where values have %XX for what would end them.
func pairs(v string) (map[string]string, bool) {
	all := map[string]string{}
	for _, item := range list(v) {
		name, value, ok := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || name == "" || err != nil {
			return nil, false
		}
		all[name] = value
	}
	return all, true
}

func propagators(_ *Config, v string) error {
	if !slices.Contains(list(v), "tracecontext") {
		return fmt.Errorf("%q 无效，其中须有 tracecontext", v)
	}
	return nil
}

// checkTracing tells what is wrong where requests are traced, as that the collector is shown
// half of what it is to know us by.
func (l *loader) checkTracing() {
	t := l.config.Tracing
	if t.URL == "" || t.Off {
		return
	}
	for _, m := range t.mistakes {
		l.wrong(m.name, m.err.Error())
	}
	if (t.Cert == "") != (t.Key == "") {
		l.wrong("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "须与 OTEL_EXPORTER_OTLP_CLIENT_KEY 同时设置")
	}
}
