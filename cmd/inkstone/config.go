package main

import (
	"fmt"
	"strings"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"inkstone/internal/config"
	"inkstone/internal/telemetry"
)

func (p *program) settings() *cobra.Command {
	var markdown string
	c := &cobra.Command{
		Use:     "config",
		Short:   "显示设置及其来源",
		Long:    "显示每项设置的值、来源与含义，并检查有无错误。机密不会显示。",
		Example: "  inkstone config\n  inkstone config --markdown en",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			switch markdown {
			case "":
			case "zh", "en":
				fmt.Fprint(c.OutOrStdout(), config.Markdown(markdown))
				return nil
			default:
				return fmt.Errorf("--markdown 只能是 zh 或 en")
			}
			_, values, err := config.Load(p.lookup, ".")
			rows := make([][]string, len(values))
			for i, v := range values {
				rows[i] = []string{v.Name, v.Value, v.Source, strings.ReplaceAll(v.ZH, "`", "")}
			}
			fmt.Fprint(c.OutOrStdout(), columns(rows))
			return err
		},
	}
	c.Flags().StringVar(&markdown, "markdown", "", "输出 README 的设置表，`语言`为 zh 或 en")
	return c
}

// columns sets rows in columns as a terminal shows them, where a Chinese character
// is as wide as two others. No cell moves its cursor, whoever wrote it.
func columns(rows [][]string) string {
	widest := map[int]int{}
	for _, row := range rows {
		for i := range row {
			row[i] = telemetry.OneLine(row[i])
			widest[i] = max(widest[i], uniseg.StringWidth(row[i]))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widest[i]-uniseg.StringWidth(cell)+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
