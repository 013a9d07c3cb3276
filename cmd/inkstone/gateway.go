package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/gateway"
)

func (p *program) gateway() *cobra.Command {
	c := &cobra.Command{
		Use:     "gateway",
		Short:   "查看网关：各服务的实例与状态",
		Example: "  inkstone gateway status\n  inkstone gateway status --json",
		Args:    noCommand,
		RunE:    help,
	}
	c.AddCommand(p.gatewayStatus())
	return c
}

func (p *program) gatewayStatus() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "正在运行的网关所见的各服务与实例",
		Long: "向正在运行的网关（HOST 与 PORT）查询它所见的每个实例：状态、进行中的请求、延迟、错误、移出的原因，以及各服务的熔断器。\n" +
			"凭证由 JWT_SECRET 派生的密钥签名，十秒内有效，只能用于这一查询，不写入任何地方。",
		Example: "  inkstone gateway status\n  PORT=8080 inkstone gateway status --json",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			status, err := askGateway(c.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), status)
			}
			printGateway(c.OutOrStdout(), status)
			return nil
		},
	}
	jsonFlag(c, &asJSON, gateway.StatusRoute)
	return c
}

func askGateway(ctx context.Context, cfg *config.Config) (status gateway.Status, err error) {
	body, err := askServer(ctx, cfg, gateway.StatusRoute)
	code, _ := errors.AsType[statusError](err)
	switch {
	case errors.Is(err, errNobody):
		return status, errors.New(serverBase(cfg) + " 没有服务应答，请检查 HOST、PORT 与网关是否在运行")
	case code == http.StatusNotFound:
		return status, errors.New(serverBase(cfg) + " 没有网关：那里的进程只运行服务（TARGET），或不是同一版本的砚台，请检查 HOST 与 PORT")
	case err != nil:
		return status, err
	}
	if err := json.Unmarshal(body, &status); err != nil || status.Gateway == "" {
		return status, errors.New(serverBase(cfg) + " 的应答无法识别，它可能不是砚台的网关，或版本不同")
	}
	return status, nil
}

// stateWords are the states of an instance, and what its column is wide enough for.
var stateWords = map[string]string{
	"up": "正常", "slow-start": "渐增", "ejected": "移出", "doubted": "存疑", "unlisted": "未列出", "unwell": "未就绪", "drained": "停用",
}

var breakerWords = map[string]string{"closed": "闭合", "open": "断开", "half-open": "试探"}

// reasonWords are why an instance is left out; others are told as they are.
var reasonWords = map[string]string{"failures": "连续失败", "refused": "拒绝连接", "slow": "过慢", "hung": "没有反应"}

var sourceWords = map[string]string{"static": "设置（STATIC_SERVICES）", "consul": "Consul"}

func printGateway(w io.Writer, s gateway.Status) {
	paragraph(w, "", fmt.Sprintf("网关 %s，转发中 %d", s.Gateway, s.InFlight))
	if len(s.Local) > 0 {
		paragraph(w, "", "由网关进程自己运行："+strings.Join(s.Local, " "))
	}
	if len(s.Services) == 0 {
		fmt.Fprintln(w, "没有转给其他进程的服务")
		return
	}
	lists := "实例列表来自" + word(sourceWords, s.Discovery.Source)
	if !s.Discovery.Up {
		lists += "，此刻没有应答，沿用最后得知的：" + s.Discovery.Error
	}
	paragraph(w, "", lists)
	for _, service := range s.Services {
		printService(w, service)
	}
}

func printService(w io.Writer, s gateway.ServiceStatus) {
	text := fmt.Sprintf("%s：可用 %d/%d，熔断器%s，请求 %d，重试 %d", s.Service, s.Available, len(s.Instances), word(breakerWords, s.Breaker.State), s.Requests, s.Retries)
	if s.RetriesRefused > 0 {
		text += fmt.Sprintf("，因超出预算而放弃 %d", s.RetriesRefused)
	}
	fmt.Fprintln(w)
	paragraph(w, "", text)
	if len(s.Instances) == 0 {
		fmt.Fprintln(w, "没有实例")
		return
	}
	rows, texts := [][]string{{"状态", "进行中", "延迟", "请求", "错误", "移出"}}, []string{"实例"}
	for _, i := range s.Instances {
		latency := "–"
		if i.LatencyMs > 0 {
			latency = span(i.LatencyMs)
		}
		rows = append(rows, []string{word(stateWords, i.State), strconv.Itoa(i.InFlight), latency, strconv.FormatInt(i.Requests, 10), strconv.FormatInt(i.Errors, 10), strconv.FormatInt(i.Ejections, 10)})
		texts = append(texts, i.ID+elsewhere(i)+because(i))
	}
	fmt.Fprint(w, besides(rows, texts))
}

// word is what a word of the API is called here; one of a newer version stays as it is.
func word(words map[string]string, of string) string { return cmp.Or(words[of], of) }

// elsewhere is the address of an instance, where its name does not end in it.
func elsewhere(i gateway.InstanceStatus) string {
	if strings.HasSuffix(i.ID, "-"+strings.ReplaceAll(i.Address, ":", "-")) {
		return ""
	}
	return " " + i.Address
}

// because says why an instance is not in order, and until when.
func because(i gateway.InstanceStatus) string {
	if i.Reason == "" {
		return ""
	}
	text := word(reasonWords, strings.TrimPrefix(i.Reason, "probe: "))
	if until, err := time.Parse(blog.TimeLayout, i.EjectedUntil); err == nil {
		text += "，至 " + until.Local().Format(time.TimeOnly)
	}
	return "（" + text + "）"
}
