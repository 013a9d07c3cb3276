package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
)

func (p *program) healthcheck() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:     "healthcheck",
		Short:   "检查服务是否就绪（供容器使用）",
		Long:    "向正在运行的服务查询 /readyz，3 秒内就绪则退出码为 0，否则为 1。",
		Example: "  inkstone healthcheck\n  inkstone healthcheck --url http://127.0.0.1:8080/readyz",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			if url != "" {
				return check(c, url, nil)
			}
			cfg, err := p.config()
			if err != nil {
				return err
			}
			return check(c, serverBase(cfg)+"/readyz", anyOf(c, app.AskTLS(cfg)))
		},
	}
	c.Flags().StringVar(&url, "url", "", "要查询的`地址`（默认取自 HOST 与 PORT）")
	return c
}

// reachable returns an address at which one that listens on host is reached from here.
func reachable(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "127.0.0.1"
	}
	return host
}

// anyOf takes a server that shows another certificate, too, and says so: nothing secret is sent, and
// one that goes on with the old certificate, because the new one is of no use, is not to be ended for it.
func anyOf(c *cobra.Command, own *tls.Config) *tls.Config {
	if own == nil {
		return nil
	}
	verify := own.VerifyConnection
	own.VerifyConnection = func(s tls.ConnectionState) error {
		if verify(s) != nil {
			fmt.Fprintln(c.ErrOrStderr(), "注意：服务所出示的不是设置中的证书（它刚被更换，或无法使用，见服务的日志）")
		}
		return nil
	}
	return own
}

// check asks a server. secure is how, where it speaks TLS; nil: as anybody would.
func check(c *cobra.Command, url string, secure *tls.Config) error {
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, nil)
	if err != nil {
		return errors.New("地址无效：" + url)
	}
	way := http.DefaultTransport.(*http.Transport).Clone()
	way.TLSClientConfig = secure
	defer way.CloseIdleConnections()
	client := http.Client{Timeout: 3 * time.Second, Transport: way}
	resp, err := client.Do(r)
	if err != nil {
		return errors.New("无法连接 " + url)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s 未就绪：状态 %d", url, resp.StatusCode)
	}
	fmt.Fprintln(c.OutOrStdout(), "就绪")
	return nil
}
