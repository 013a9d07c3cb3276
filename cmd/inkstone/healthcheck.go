package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
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
			if url == "" {
				cfg, err := p.config()
				if err != nil {
					return err
				}
				url = "http://" + net.JoinHostPort(reachable(cfg.Host), strconv.Itoa(cfg.Port)) + "/readyz"
			}
			return check(c, url)
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

func check(c *cobra.Command, url string) error {
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, nil)
	if err != nil {
		return errors.New("地址无效：" + url)
	}
	client := http.Client{Timeout: 3 * time.Second}
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
