package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
)

func (p *program) migrate() *cobra.Command {
	return &cobra.Command{
		Use:     "migrate",
		Short:   "升级数据库结构",
		Long:    "升级数据库结构；已是最新时什么也不做。serve 启动时会自动升级，此命令供部署前单独执行。",
		Example: "  inkstone migrate\n  DATABASE_URL=sqlite:/var/lib/inkstone/inkstone.db inkstone migrate",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			from, to, err := app.Migrate(c.Context(), cfg)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("数据库结构已从版本 %d 升级到 %d", from, to)
			if from == to {
				text = fmt.Sprintf("数据库结构已是最新（版本 %d）", to)
			}
			fmt.Fprintln(c.OutOrStdout(), text)
			return nil
		},
	}
}
