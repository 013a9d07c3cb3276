package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
		Long: "向正在运行的服务（HOST 与 PORT）查询它的数据库连接池，数据库无法访问时也可以。凭证由 JWT_SECRET 派生的密钥签名，\n" +
			"十秒内有效，只能用于这一查询，不写入任何地方。没有服务在监听时，只显示数据库的版本、大小与状态。",
		Example: "  inkstone db pool\n  inkstone db pool --json",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			pool, err := askPool(c.Context(), cfg)
			if errors.Is(err, errNobody) {
				fmt.Fprintf(c.ErrOrStderr(), "%s 没有服务应答，连接池无从得知\n", serverBase(cfg))
				pool, err = poolAlone(c.Context(), cfg)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), pool)
			}
			printPool(c.OutOrStdout(), pool)
			return nil
		},
	}
	jsonFlag(c, &asJSON, admin.PoolRoute)
	return c
}

func poolAlone(ctx context.Context, cfg *config.Config) (admin.Pool, error) {
	care, err := app.OpenCare(ctx, cfg)
	if err != nil {
		return admin.Pool{}, err
	}
	pool, err := care.Alone(ctx)
	return pool, closeWith(care, err)
}

// askPool asks the server. errNobody if none listens.
func askPool(ctx context.Context, cfg *config.Config) (admin.Pool, error) {
	var pool admin.Pool
	body, err := askServer(ctx, cfg, admin.PoolRoute)
	if err != nil {
		return pool, err
	}
	if err := json.Unmarshal(body, &pool); err != nil || pool.Connections == nil {
		return pool, errors.New(serverBase(cfg) + " 的应答无法识别，它可能不是砚台，或版本不同")
	}
	return pool, nil
}
