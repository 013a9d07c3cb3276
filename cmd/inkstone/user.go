package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"inkstone/internal/account"
	"inkstone/internal/app"
	"inkstone/internal/blog"
	"inkstone/internal/config"
)

func (p *program) user() *cobra.Command {
	c := &cobra.Command{
		Use:     "user",
		Short:   "管理用户",
		Long:    "管理用户。服务运行时也可使用，改动立即生效。",
		Example: "  inkstone user create --admin --email me@example.com --username me",
		Args:    noCommand,
		RunE:    help,
	}
	c.AddCommand(p.userCreate(), p.userPassword(),
		p.userChange("promote", "设为管理员", func(ctx context.Context, s *account.Service, email string) (*blog.User, error) {
			return s.Promote(ctx, email)
		}),
		p.userChange("disable", "停用用户，其令牌立即失效", func(ctx context.Context, s *account.Service, email string) (*blog.User, error) {
			return s.SetActive(ctx, email, false)
		}),
		p.userChange("enable", "重新启用用户", func(ctx context.Context, s *account.Service, email string) (*blog.User, error) {
			return s.SetActive(ctx, email, true)
		}))
	return c
}

func (p *program) userCreate() *cobra.Command {
	var in blog.NewUser
	var admin, fromStdin bool
	c := &cobra.Command{
		Use:   "create",
		Short: "创建用户",
		Long:  "创建用户。密码在终端输入（不回显），或用 --password-stdin 从标准输入读取一行。",
		Example: "  inkstone user create --admin --email me@example.com --username me\n" +
			"  inkstone user create --email a@example.com --username abc --password-stdin < password.txt",
		Args: arguments(),
		PreRunE: func(*cobra.Command, []string) error {
			return missing(map[string]string{"--email": in.Email, "--username": in.Username})
		},
		RunE: p.withAccounts(func(c *cobra.Command, _ []string, accounts *account.Service) error {
			var err error
			if in.Password, err = askPassword(c, fromStdin); err != nil {
				return err
			}
			role := blog.RoleUser
			if admin {
				role = blog.RoleAdmin
			}
			u, err := accounts.CreateUser(c.Context(), in, role)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "已创建%s %s <%s>\n", roleName(u.Role), u.Username, u.Email)
			return nil
		}),
	}
	c.Flags().StringVar(&in.Email, "email", "", "`邮箱`（必填）")
	c.Flags().StringVar(&in.Username, "username", "", "`用户名`（必填）")
	c.Flags().BoolVar(&admin, "admin", false, "设为管理员")
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "从标准输入读取密码")
	return c
}

// missing names the options that have no value: a password is not asked for in vain.
func missing(values map[string]string) error {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] == "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return errors.New("缺少 " + strings.Join(names, " 与 "))
}

func roleName(r blog.Role) string {
	if r == blog.RoleAdmin {
		return "管理员"
	}
	return "用户"
}

func (p *program) userPassword() *cobra.Command {
	var fromStdin bool
	c := &cobra.Command{
		Use:                   "password <邮箱>",
		DisableFlagsInUseLine: true,
		Short:                 "重设密码，旧令牌立即失效",
		Example:               "  inkstone user password me@example.com\n  inkstone user password me@example.com --password-stdin < password.txt",
		Args:                  arguments("邮箱"),
		RunE: p.withAccounts(func(c *cobra.Command, args []string, accounts *account.Service) error {
			password, err := askPassword(c, fromStdin)
			if err != nil {
				return err
			}
			if err := accounts.SetPassword(c.Context(), args[0], password); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "密码已更新，旧令牌已失效")
			return nil
		}),
	}
	c.Flags().BoolVar(&fromStdin, "password-stdin", false, "从标准输入读取密码")
	return c
}

func (p *program) userChange(name, short string, change func(context.Context, *account.Service, string) (*blog.User, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " <邮箱>",
		Short:   short,
		Example: "  inkstone user " + name + " me@example.com",
		Args:    arguments("邮箱"),
		RunE: p.withAccounts(func(c *cobra.Command, args []string, accounts *account.Service) error {
			u, err := change(c.Context(), accounts, args[0])
			if err != nil {
				return err
			}
			state := "启用"
			if !u.Active {
				state = "停用"
			}
			fmt.Fprintf(c.OutOrStdout(), "已更新 %s <%s>：%s，%s\n", u.Username, u.Email, roleName(u.Role), state)
			return nil
		}),
	}
}

func (p *program) withAccounts(f func(*cobra.Command, []string, *account.Service) error) func(*cobra.Command, []string) error {
	return p.withStore(func(c *cobra.Command, args []string, cfg *config.Config, store blog.Store) error {
		accounts, err := app.Accounts(cfg, store)
		if err != nil {
			return err
		}
		return f(c, args, accounts)
	})
}

// withStore makes a command's function of one that needs the settings and the store.
func (p *program) withStore(f func(*cobra.Command, []string, *config.Config, blog.Store) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, err := p.config()
		if err != nil {
			return err
		}
		store, err := app.OpenStore(c.Context(), cfg)
		if err != nil {
			return err
		}
		return closeWith(store, f(c, args, cfg, store))
	}
}

func closeWith(c io.Closer, err error) error { return errors.Join(err, c.Close()) }

// askPassword reads a password: a line of stdin, or from the terminal twice
// without showing it. It is never an argument, which other users could see.
func askPassword(c *cobra.Command, fromStdin bool) (string, error) {
	if fromStdin {
		line, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	f, ok := terminal(c.InOrStdin())
	if !ok {
		return "", errors.New("标准输入不是终端，请用 --password-stdin 从标准输入给出密码")
	}
	first, err := askHidden(c.Context(), c.ErrOrStderr(), f, "密码：")
	if err != nil {
		return "", err
	}
	second, err := askHidden(c.Context(), c.ErrOrStderr(), f, "再次输入：")
	if err == nil && first != second {
		err = errors.New("两次输入不一致")
	}
	return first, err
}

// askHidden gives the terminal its echo back also when ctx ends first.
func askHidden(ctx context.Context, w io.Writer, f *os.File, prompt string) (string, error) {
	state, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(int(f.Fd()), state) }()
	fmt.Fprint(w, prompt)
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := term.ReadPassword(int(f.Fd()))
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(w)
		return "", ctx.Err()
	case r := <-done:
		fmt.Fprintln(w)
		return string(r.text), r.err
	}
}
