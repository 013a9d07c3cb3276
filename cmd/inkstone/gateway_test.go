package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inkstone/internal/config"
	"inkstone/internal/discovery"
	"inkstone/internal/enginetest"
	"inkstone/internal/gateway"
)

// withGateway runs the site as one process that is every service, and a gateway that also knows a
// post service where nobody is.
func withGateway(t *testing.T) (i *inkstone, edge *server, gone string) {
	t.Helper()
	i, all := withServer(t)
	gone = enginetest.FreeAddress(t)
	var static []string
	for _, row := range config.Rows {
		static = append(static, config.ServiceOf(row)+"="+strings.TrimPrefix(all.base, "http://"))
		if row == "post" {
			static[len(static)-1] += "," + gone
		}
	}
	edge = startServer(t, all.dir, "TARGET=gateway", "GATEWAY_SLOW_START=0s", "GATEWAY_PROBE_EVERY=100ms", "STATIC_SERVICES="+strings.Join(static, ";"))
	i.env["PORT"] = portOf(t, edge.base)
	return i, edge, gone
}

// signedIn returns the token of withAdmin's admin.
func (s *server) signedIn() string {
	s.t.Helper()
	resp, err := http.Post(s.base+"/api/auth/login", "application/json", strings.NewReader(`{"email":"me@example.com","password":"a password"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var a struct{ Token string }
	if err != nil || json.Unmarshal(body, &a) != nil || a.Token == "" {
		s.t.Fatalf("%d %s (%v)", resp.StatusCode, body, err)
	}
	return a.Token
}

func (s *server) gatewayAsAdmin(token string) (status gateway.Status) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+"/api/admin/gateway", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%d %s (%v)", resp.StatusCode, body, err)
	}
	return decoded[gateway.Status](s.t, string(body))
}

func TestTheCommandLineShowsWhatARunningGatewaySees(t *testing.T) {
	i, edge, gone := withGateway(t)
	token := edge.signedIn()
	var status gateway.Status
	enginetest.Within(t, time.Minute, "the gateway finds out who is gone", func() bool {
		status = decoded[gateway.Status](t, i.succeeds("", "gateway", "status", "--json"))
		return strings.Contains(fmt.Sprint(status), " unwell ")
	})
	if diff := cmp.Diff(edge.gatewayAsAdmin(token), status); diff != "" {
		t.Errorf("the API (-) and the command (+)\n%s", diff)
	}
	if !strings.HasSuffix(status.Gateway, "/"+strconv.Itoa(edge.cmd.Process.Pid)) {
		t.Errorf("it is %s", status.Gateway)
	}
	out := i.succeeds("", "gateway", "status")
	narrow(t, out, "网关 "+status.Gateway, "实例列表来自设置（STATIC_SERVICES）", "post-service：可用 1/2，熔断器闭合", "auth-service：可用 1/1，熔断器闭合，请求 1，重试 0",
		"post-service-"+strings.ReplaceAll(gone, ":", "-")+"（dial tcp "+gone)
	for _, word := range []string{"未就绪", "正常"} {
		if !strings.Contains(out, word) {
			t.Errorf("no %s in\n%s", word, out)
		}
	}
	i.env["JWT_SECRET"] = "of another site, and long enough for all: 0123456789"
	i.fails("不接受本命令的凭证", "", "gateway", "status")
}

func TestAGatewayThatIsAllServicesSaysSo(t *testing.T) {
	i, s := withServer(t)
	i.env["PORT"] = portOf(t, s.base)
	narrow(t, i.succeeds("", "gateway", "status"), "由网关进程自己运行：auth-service user-service", "没有转给其他进程的服务")
}

func TestWhoIsNoGatewayIsTold(t *testing.T) {
	i, all := withServer(t)
	s := startServer(t, all.dir, "TARGET=post")
	i.env["PORT"] = portOf(t, s.base)
	i.fails("没有网关：那里的进程只运行服务（TARGET）", "", "gateway", "status")
	_, i.env["PORT"], _ = strings.Cut(enginetest.FreeAddress(t), ":")
	i.fails("没有服务应答，请检查 HOST、PORT 与网关是否在运行", "", "gateway", "status")
	for saying, answer := range map[string]string{
		"无法识别":        "HTTP/1.1 200 OK\r\n\r\n<html>",
		"可能不是砚台的网关":   "HTTP/1.1 200 OK\r\n\r\n{}",
		"没有网关":        "HTTP/1.1 404 Not Found\r\n\r\n",
		"正忙（状态 503）":  "HTTP/1.1 503 Service Unavailable\r\n\r\n",
		"回答了状态 500":   "HTTP/1.1 500 Internal Server Error\r\n\r\n",
		"的应答不是 HTTP，": "SSH-2.0-a\r\n",
	} {
		i.listens(says(answer))
		i.fails(saying, "", "gateway", "status")
	}
}

func TestTheTableOfAGatewayFitsIntoATerminalAndSaysAll(t *testing.T) {
	long := "post-service-" + strings.Repeat("a-long-name-of-a-host-", 8) + "65535"
	const many = 123_456_789_012
	s := gateway.Status{
		Gateway: strings.Repeat("gateway-1.example.com", 3) + ":65535/4194304", InFlight: many, Local: []string{"auth-service", "user-service", "comment-service", "upload-service", "admin-service", "auth-service"},
		Discovery: discovery.State{Source: "consul", Error: "ask Consul: Get \"https://" + strings.Repeat("consul.", 9) + "example.com:8501/v1/health/service/post-service\": dial tcp: i/o timeout"},
		Services: []gateway.ServiceStatus{
			{Service: "post-service", Breaker: gateway.BreakerStatus{State: "half-open", RetryInMs: 1999}, Requests: many, Retries: many, RetriesRefused: many, Available: 1, Instances: []gateway.InstanceStatus{
				{ID: long, Address: "[2001:db8:0:0:0:0:0:1]:65535", State: "slow-start", InFlight: 9999, LatencyMs: 59_999.9, Requests: many, Errors: many, Ejections: 99_999, EjectedUntil: "2026-12-31T23:59:59.000Z", Reason: "probe: dial tcp [2001:db8::1]:65535: connect: connection refused"},
				{ID: "post-service-web1-4001", Address: "10.0.0.1:4001", State: "ejected", Reason: "hung"},
				{ID: "post-service-10.0.0.2-4001", Address: "10.0.0.2:4001", State: "new in a later version"},
			}},
			{Service: "upload-service", Breaker: gateway.BreakerStatus{State: "closed"}},
		},
	}
	var b strings.Builder
	printGateway(&b, s)
	out := b.String()
	narrow(t, out, s.Gateway, strings.Join(s.Local, " "), "此刻没有应答，沿用最后得知的："+s.Discovery.Error, "熔断器试探", "因超出预算而放弃 123456789012", "（dial tcp [2001:db8::1]:65535: connect: connection refused，至", "没有实例",
		"渐增 9999 60.0s 123456789012 123456789012 99999", "post-service-web1-4001 10.0.0.1:4001（没有反应）", "new in a later version")
	if strings.Contains(out, "10.0.0.2:4001") {
		t.Errorf("an address is there twice:\n%s", out)
	}
	if strings.Contains(out, "\n\n\n") || strings.HasSuffix(out, "\n\n") {
		t.Errorf("too many empty lines:\n%s", out)
	}
}

func TestWhatAGatewayAnswersMovesNoCursor(t *testing.T) {
	const hostile = "\x1b[2J\u009b31m\u202e\r\na"
	s := gateway.Status{Gateway: hostile, Local: []string{hostile}, Discovery: discovery.State{Source: hostile, Error: hostile}, Services: []gateway.ServiceStatus{
		{Service: hostile, Breaker: gateway.BreakerStatus{State: hostile}, Instances: []gateway.InstanceStatus{{ID: hostile, Address: hostile, State: hostile, Reason: hostile}}},
	}}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	i := newInkstone(t, "JWT_SECRET=long enough for anybody: 0123456789")
	i.listens(says("HTTP/1.1 200 OK\r\n\r\n" + string(body)))
	for _, args := range [][]string{{"gateway", "status"}, {"gateway", "status", "--json"}} {
		if out := i.succeeds("", args...); strings.ContainsAny(out, "\x1b\u009b\u202e\r") || strings.Count(out, `u001b[2J`) < 9 {
			t.Errorf("%q", out)
		}
	}
}

func TestTheHelpOfJSONNamesTheRouteThatIsTheSame(t *testing.T) {
	for command, route := range map[string]string{
		"gateway status": "/api/admin/gateway", "db pool": "/api/admin/database/pool",
		"db slow": "/api/admin/database/slow-queries", "db indexes": "/api/admin/database/indexes",
	} {
		i := newInkstone(t)
		if out := i.succeeds("", append(strings.Fields(command), "--help")...); !strings.Contains(out, "与接口 "+route+" 相同") {
			t.Errorf("%s: no %s in\n%s", command, route, out)
		}
	}
}
