package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"inkstone/internal/config"
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
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, v := range values {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Name, v.Value, v.Source, strings.ReplaceAll(v.ZH, "`", ""))
			}
			if flushed := w.Flush(); err == nil {
				err = flushed
			}
			return err
		},
	}
	c.Flags().StringVar(&markdown, "markdown", "", "输出 README 的设置表，`语言`为 zh 或 en")
	return c
}
