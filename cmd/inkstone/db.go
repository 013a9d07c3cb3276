package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"inkstone/internal/admin"
	"inkstone/internal/app"
	"inkstone/internal/telemetry"
)

func (p *program) db() *cobra.Command {
	c := &cobra.Command{
		Use:     "db",
		Short:   "查看数据库：慢语句、索引、连接池",
		Long:    "查看数据库：慢语句、索引、连接池。只查看、只建议，不作改动；服务运行与否都可使用。",
		Example: "  inkstone db slow\n  inkstone db indexes\n  inkstone db pool --json",
		Args:    noCommand,
		RunE:    help,
	}
	c.AddCommand(p.dbSlow(), p.dbIndexes(), p.dbPool())
	return c
}

func (p *program) dbSlow() *cobra.Command {
	var asJSON bool
	f := admin.SlowFilter{}
	c := &cobra.Command{
		Use:   "slow",
		Short: "最慢的几种语句，不含其中的值",
		Long: "最近一段时间（SLOW_QUERY_WINDOW）内慢于阈值（SLOW_QUERY_THRESHOLD，为 0 则是全部）的语句，相同的归为一种，不含其中的值。\n" +
			"各服务进程每半分钟写入一次，刚刚发生的稍后才看得到。",
		Example: "  inkstone db slow\n  inkstone db slow --sort p95 --limit 3 --explain",
		Args:    arguments(),
		PreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains(admin.Sorts, f.Sort) {
				return fmt.Errorf("--sort 只能是 %s 之一", strings.Join(admin.Sorts, " "))
			}
			if f.Limit < 1 || f.Limit > admin.MaxKinds {
				return fmt.Errorf("--limit 必须是 1 到 %d 的整数", admin.MaxKinds)
			}
			return nil
		},
		RunE: p.withCare(func(c *cobra.Command, care *app.Caretaker) error {
			report, err := care.Slow(c.Context(), f)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), report)
			}
			printSlow(c.OutOrStdout(), report)
			return nil
		}),
	}
	c.Flags().StringVar(&f.Sort, "sort", admin.Sorts[0], "`次序`："+strings.Join(admin.Sorts, " ")+" 之一，从大到小")
	c.Flags().IntVar(&f.Limit, "limit", admin.DefaultKinds, fmt.Sprintf("最多几`种`，1 到 %d", admin.MaxKinds))
	c.Flags().BoolVar(&f.Explain, "explain", false, "附上执行计划")
	jsonFlag(c, &asJSON, "GET /api/admin/database/slow-queries")
	return c
}

func (p *program) dbIndexes() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "indexes",
		Short:   "各索引的大小与使用，未用的，缺少的",
		Long:    "各索引的大小与使用次数，从未使用的索引，慢语句整表扫描的表，以及会有帮助的索引与理由。只作建议，不改动数据库。",
		Example: "  inkstone db indexes\n  inkstone db indexes --json",
		Args:    arguments(),
		RunE: p.withCare(func(c *cobra.Command, care *app.Caretaker) error {
			report, err := care.Indexes(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), report)
			}
			printIndexes(c.OutOrStdout(), report)
			return nil
		}),
	}
	jsonFlag(c, &asJSON, "GET /api/admin/database/indexes")
	return c
}

// jsonFlag lets a command answer as a route of the API does, such as "GET /api/admin/gateway".
func jsonFlag(c *cobra.Command, to *bool, route string) {
	c.Flags().BoolVar(to, "json", false, "输出 JSON，与接口 "+strings.TrimPrefix(route, "GET ")+" 相同")
}

// withCare makes a command's function of one that looks at the database.
func (p *program) withCare(f func(*cobra.Command, *app.Caretaker) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		cfg, err := p.config()
		if err != nil {
			return err
		}
		care, err := app.OpenCare(c.Context(), cfg)
		if err != nil {
			return err
		}
		return closeWith(care, f(c, care))
	}
}

// printJSON writes v as JSON for a terminal, too: encoding/json leaves some characters as they are
// that a terminal obeys.
func printJSON(w io.Writer, v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, telemetry.OneLine(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}
