package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/importer"
)

func (p *program) imports() *cobra.Command {
	var o importer.Options
	c := &cobra.Command{
		Use:   "import <文件夹|文件>",
		Short: "导入 Markdown 文章",
		Long: "导入带 front matter 的 Markdown（Hugo、Hexo、Jekyll 的写法）。可重复执行：未变的文件不动，改过的更新原文章。\n" +
			"一个文件有误不影响其余，末尾列出原因。退出码：0 为已处理（即使有文件被拒绝），1 为参数有误、没有文件可读或另一个导入正在进行。",
		Example: "  inkstone import posts --author me@example.com --dry-run\n  inkstone import posts --author me@example.com --category 技术",
		Args:    arguments("文件夹|文件"),
		PreRunE: func(*cobra.Command, []string) error {
			if o.Author == "" {
				return errors.New("缺少 --author，请给出文章作者的邮箱")
			}
			return nil
		},
		RunE: p.withStore(func(c *cobra.Command, args []string, cfg *config.Config, store blog.Store) error {
			o.Path, o.Categories = args[0], cfg.Categories
			o.Posts, o.Users, o.Sources = store.Posts(), store.Users(), store.Sources()
			o.Progress = progress(c.ErrOrStderr(), "导入")
			if o.DryRun {
				return importAll(c, o)
			}
			lock, err := app.LockImports(c.Context(), cfg)
			if err != nil {
				return err
			}
			return closeWith(lock, importAll(c, o))
		}),
	}
	c.Flags().StringVar(&o.Author, "author", "", "文章作者的`邮箱`（必填）")
	c.Flags().StringVar(&o.Category, "category", "", "分类不在设置之内的文章归入此`分类`（默认 "+importer.DefaultCategory+"）")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "只报告，不写入")
	c.Flags().BoolVar(&o.AnyAuthor, "any-author", false, "front matter 中的 id 可更新他人的文章")
	return c
}

func importAll(c *cobra.Command, o importer.Options) error {
	r, err := importer.Import(c.Context(), o)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("没有这个文件或文件夹：%s", o.Path)
	}
	if err != nil && r.Imported+r.Updated+r.Unchanged == 0 {
		return err
	}
	return errors.Join(err, summary(c.OutOrStdout(), r, o.DryRun))
}

func (p *program) exports() *cobra.Command {
	var o importer.Options
	c := &cobra.Command{
		Use:     "export <文件夹>",
		Short:   "导出文章为 Markdown",
		Long:    "把文章（含草稿与归档）逐篇写成带 front matter 的 Markdown；再导入不会改变任何内容。",
		Example: "  inkstone export backup\n  inkstone export backup --author me@example.com",
		Args:    arguments("文件夹"),
		RunE: p.withStore(func(c *cobra.Command, args []string, _ *config.Config, store blog.Store) error {
			o.Path, o.Posts, o.Users = args[0], store.Posts(), store.Users()
			o.Progress = progress(c.ErrOrStderr(), "导出")
			r, err := importer.Export(c.Context(), o)
			if err != nil {
				return err
			}
			if n := len(r.Left); n > 0 {
				fmt.Fprintf(c.OutOrStdout(), "提示  文件夹中有 %d 个以前导出的文件不在此次之内，未删除；其文章已删除或未选中，再导入会恢复：%s\n", n, some(r.Left))
			}
			fmt.Fprintf(c.OutOrStdout(), "导出 %d 篇\n", r.Exported)
			return nil
		}),
	}
	c.Flags().StringVar(&o.Author, "author", "", "只导出此`邮箱`的文章")
	return c
}

// some names the first few.
func some(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, "、")
	}
	return strings.Join(names[:few], "、") + " 等"
}

func summary(w io.Writer, r importer.Report, dryRun bool) error {
	for _, n := range r.Notes {
		fmt.Fprintf(w, "提示  %s：%s\n", shown(n.File), n.Text)
	}
	for _, n := range r.Refused {
		fmt.Fprintf(w, "拒绝  %s：%s\n", shown(n.File), n.Text)
	}
	if dryRun {
		fmt.Fprint(w, "试运行，未写入。")
	}
	fmt.Fprintf(w, "新增 %d，更新 %d，未变 %d，拒绝 %d\n", r.Imported, r.Updated, r.Unchanged, len(r.Refused))
	if r.Imported+r.Updated+r.Unchanged == 0 {
		return errors.New("没有可导入的文章")
	}
	return nil
}

// shown quotes a file's name that could change the terminal or break the line.
func shown(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return name
	}
	return strconv.Quote(name)
}
