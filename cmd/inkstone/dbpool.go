package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"inkstone/internal/admin"
	"inkstone/internal/app"
	"inkstone/internal/config"
)

func (p *program) dbPool() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "pool",
		Short: "正在运行的服务的连接池，数据库的版本与大小",
		Long: "向正在运行的服务（HOST 与 PORT）查询它的数据库连接池。凭证是以 JWT_SECRET 签名、十五秒内有效的令牌，\n" +
			"属于第一位可用的管理员，不写入任何地方。没有服务应答时，只显示数据库的版本、大小与状态。",
		Example: "  inkstone db pool\n  inkstone db pool --json",
		Args:    arguments(),
		RunE: p.withCare(func(c *cobra.Command, cfg *config.Config, care *app.Caretaker) error {
			base := "http://" + net.JoinHostPort(reachable(cfg.Host), strconv.Itoa(cfg.Port))
			if !isOurs(reachable(cfg.Host)) {
				return fmt.Errorf("HOST 的 %s 不是本机的地址：凭证不会送到别处，请在服务所在的机器上执行", cfg.Host)
			}
			pool, err := askPool(c.Context(), base, care)
			if errors.Is(err, errNobody) {
				fmt.Fprintf(c.ErrOrStderr(), "%s 没有服务应答，连接池无从得知\n", base)
				pool, err = care.Alone(c.Context())
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), pool)
			}
			printPool(c.OutOrStdout(), pool)
			return nil
		}),
	}
	jsonFlag(c, &asJSON)
	return c
}

// errNobody is that nothing listens where the server should.
var errNobody = errors.New("no server answers")

// poolPatience is how long the server may take: to find out how its database is, it waits a second.
const poolPatience = 5 * time.Second

// askPool asks the server at base. It gets the pass only once it has shown that it is there.
func askPool(ctx context.Context, base string, care *app.Caretaker) (p admin.Pool, err error) {
	if _, err := askServer(ctx, base+"/livez", ""); err != nil {
		return p, err
	}
	pass, err := care.Pass(ctx)
	if err != nil {
		return p, err
	}
	body, err := askServer(ctx, base+"/api/admin/database/pool", pass)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Connections == nil {
		return p, errors.New(base + " 的应答无法识别，它可能不是砚台，或版本不同")
	}
	return p, nil
}

// poolClient takes no proxy and follows nobody elsewhere: what it sends is for this machine.
var poolClient = http.Client{
	Timeout:       poolPatience,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// isOurs tells whether a host is this machine, so that what is sent there passes no wire.
func isOurs(host string) bool {
	ip := net.ParseIP(host)
	if host == "localhost" || ip.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil || ip == nil {
		return false
	}
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}

// askServer returns the body that an address answers with 200. errNobody if nothing listens there.
func askServer(ctx context.Context, url, pass string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("地址无效：" + url)
	}
	if pass != "" {
		r.Header.Set("Authorization", "Bearer "+pass)
	}
	resp, err := poolClient.Do(r)
	dial, _ := errors.AsType[*net.OpError](err)
	switch {
	case dial != nil && dial.Op == "dial" && !dial.Timeout():
		return nil, errNobody
	case err != nil:
		return nil, errors.New(url + " 没有在 5 秒内应答，请检查 HOST、PORT 与服务是否正常")
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, errors.New(url + " 的应答中断了，请再试一次")
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%s 不接受本命令的令牌，请检查 JWT_SECRET、DATA_DIR 与 DATABASE_URL 是否与服务的相同", url)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s 回答了状态 %d，请检查 HOST 与 PORT 处是否为同一版本的砚台", url, resp.StatusCode)
	}
	return body, nil
}
