package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"inkstone/internal/blog"
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
			body, err := askServer(c.Context(), cfg, gateway.StatusRoute)
			if errors.Is(err, errNobody) {
				return errors.New(serverBase(cfg) + " 没有服务应答，请检查 HOST、PORT 与网关是否在运行")
			}
			if err != nil {
				return err
			}
			var status gateway.Status
			if err := json.Unmarshal(body, &status); err != nil || status.Gateway == "" {
				return errors.New(serverBase(cfg) + " 的应答无法识别，它可能不是砚台的网关，或版本不同")
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), status)
			}
			printGateway(c.OutOrStdout(), status)
			return nil
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

// stateWords are the states of an instance, and what its column is wide enough for.
var stateWords = map[string]string{
	"up": "正常", "slow-start": "渐增", "ejected": "移出", "doubted": "存疑", "unlisted": "未列出", "unwell": "未就绪", "drained": "停用",
}

var breakerWords = map[string]string{"closed": "闭合", "open": "断开", "half-open": "试探"}

// reasonWords are why an instance is left out; others are told as they are.
var reasonWords = map[string]string{"failures": "连续失败", "refused": "拒绝连接", "slow": "过慢", "hung": "没有反应"}

func printGateway(w io.Writer, s gateway.Status) {
	fmt.Fprintf(w, "网关 %s，转发中 %d\n", s.Gateway, s.InFlight)
	switch d := s.Discovery; {
	case !d.Up:
		paragraph(w, "", fmt.Sprintf("列表来自 %s，此刻没有应答，沿用最后得知的：%s", d.Source, d.Error))
	default:
		fmt.Fprintf(w, "列表来自 %s\n", d.Source)
	}
	if len(s.Local) > 0 {
		paragraph(w, "", "由网关进程自己运行："+strings.Join(s.Local, " "))
	}
	for _, service := range s.Services {
		printService(w, service)
	}
}

func printService(w io.Writer, s gateway.ServiceStatus) {
	fmt.Fprintf(w, "\n%s  可用 %d/%d  熔断器%s  请求 %d  重试 %d\n", s.Service, s.Available, len(s.Instances), breakerWords[s.Breaker.State], s.Requests, s.Retries)
	if len(s.Instances) == 0 {
		fmt.Fprintln(w, "  没有实例")
		return
	}
	rows := [][]string{{"状态", "进行中", "延迟", "请求", "错误", "移出"}}
	texts := []string{"实例"}
	for _, i := range s.Instances {
		latency := "–"
		if i.LatencyMs > 0 {
			latency = span(i.LatencyMs)
		}
		rows = append(rows, []string{stateWords[i.State], strconv.Itoa(i.InFlight), latency, strconv.FormatInt(i.Requests, 10), strconv.FormatInt(i.Errors, 10), strconv.FormatInt(i.Ejections, 10)})
		texts = append(texts, i.ID+" "+i.Address+because(i))
	}
	fmt.Fprintln(w, besides(rows, texts))
}

// because says why an instance is not in order, and until when.
func because(i gateway.InstanceStatus) string {
	if i.Reason == "" {
		return ""
	}
	text := i.Reason
	if word, ok := reasonWords[i.Reason]; ok {
		text = word
	}
	if until, err := time.Parse(blog.TimeLayout, i.EjectedUntil); err == nil {
		text += "，至 " + until.Local().Format(time.TimeOnly)
	}
	return "（" + text + "）"
}
