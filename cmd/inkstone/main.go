// Command inkstone is a blog backend: "inkstone serve" runs it, the other
// commands look after its data.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
	"inkstone/internal/config"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program without its globals. It returns the exit code: 0, or 1 for
// any failure, told on stderr in a line each.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal(ctx)
	defer stop()

	root := (&program{lookup: lookup}).root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		for line := range strings.Lines(explain(err)) {
			fmt.Fprintln(stderr, "错误："+strings.TrimSuffix(line, "\n"))
		}
		return 1
	}
	return 0
}

// program is what the commands share.
type program struct {
	lookup func(string) (string, bool)
}

// override has a setting taken from the command line, before all else.
func (p *program) override(name, value string) {
	lookup := p.lookup
	p.lookup = func(asked string) (string, bool) {
		if asked == name {
			return value, true
		}
		return lookup(asked)
	}
}

func (p *program) config() (*config.Config, error) { return config.LoadForCommand(p.lookup, ".") }

// served is config for who serves.
func (p *program) served() (*config.Config, error) {
	cfg, _, err := config.Load(p.lookup, ".")
	return cfg, err
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "inkstone",
		Short:         "砚台：一个博客后端",
		Long:          "砚台（Inkstone）：一个博客后端，单个程序，无需安装其他软件。\n设置取自环境变量与当前目录的 .env，详见 inkstone config。",
		Example:       "  inkstone serve\n  inkstone import posts --author me@example.com",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          help,
		Version:       app.Version(), // else there is no --version
	}
	root.SetVersionTemplate(versionLine())
	root.Flags().Bool("version", false, "显示版本")
	root.PersistentFlags().BoolP("help", "h", false, "显示帮助")
	root.SetUsageTemplate(usage)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%s，用法见 %s --help", wrongFlag(err), c.CommandPath())
	})
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true, RunE: helpOn})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(p.serve(), p.migrate(), p.user(), p.imports(), p.exports(), p.copies(), p.backups(), p.restore(), p.db(), p.gateway(),
		p.healthcheck(), p.alerts(), p.settings(), openAPI(), version())
	plainUseLines(root)
	return root
}

// arguments accepts exactly the named arguments.
func arguments(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("缺少参数 <%s>，用法见 %s --help", names[len(args)], c.CommandPath())
		case len(args) > len(names):
			return fmt.Errorf("多余的参数 %q，用法见 %s --help", args[len(names)], c.CommandPath())
		}
		return nil
	}
}

// noCommand and help are for commands that only hold others.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("没有命令 %q，全部命令见 %s --help", args[0], c.CommandPath())
	}
	return nil
}

func help(c *cobra.Command, _ []string) error { return c.Help() }

// helpOn shows the help of the command that args name, of none the program's.
func helpOn(c *cobra.Command, args []string) error {
	found, rest, err := c.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = noCommand(c.Root(), rest)
	}
	if err != nil {
		return err
	}
	return found.Help()
}
