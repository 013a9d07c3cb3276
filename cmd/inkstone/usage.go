package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// cobra keeps the functions of templates for all commands of a process.
func init() { cobra.AddTemplateFunc("options", options) }

// plainUseLines keeps cobra's English "[flags]" out of the help of every command.
func plainUseLines(c *cobra.Command) {
	c.DisableFlagsInUseLine = true
	for _, sub := range c.Commands() {
		plainUseLines(sub)
	}
}

const usage = `用法：
  {{if .HasAvailableSubCommands}}{{.CommandPath}} <命令>{{else}}{{.UseLine}}{{end}}{{if .HasAvailableLocalFlags}} [选项]{{end}}{{if .HasExample}}

示例：
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

命令：{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

选项：
{{options .LocalFlags}}{{end}}{{if .HasAvailableSubCommands}}

各命令的帮助：{{.CommandPath}} <命令> --help{{end}}
`

// types are pflag's, for values without a name of their own.
var types = map[string]string{"int": "数", "string": "文本", "duration": "时长"}

// options says what pflag's FlagUsages does, in Chinese, and in columns that are straight.
func options(flags *pflag.FlagSet) string {
	var rows [][]string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			rows = append(rows, option(f))
		}
	})
	return strings.TrimSuffix(columns(rows), "\n")
}

func option(f *pflag.Flag) []string {
	name := "      --" + f.Name
	if f.Shorthand != "" {
		name = "  -" + f.Shorthand + ", --" + f.Name
	}
	value, text := pflag.UnquoteUsage(f)
	if word, ok := types[value]; ok {
		value = word
	}
	if value != "" {
		name += " " + value
	}
	if !slices.Contains([]string{"", "0", "false"}, f.DefValue) {
		text += "（默认 " + f.DefValue + "）"
	}
	return []string{name, text}
}
