package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
	"inkstone/internal/backup"
)

func (p *program) backups() *cobra.Command {
	o := app.BackupOptions{Program: app.Version()}
	c := &cobra.Command{
		Use:   "backup <文件>",
		Short: "备份整个站点为一个文件",
		Long: "把站点备份为一个 tar 文件，服务无需停止。数据库总在其中，图片用 --uploads 一并备份。\n" +
			"文件须尚不存在，写完整之后才会出现；其中有密码散列，请妥善保管。JWT_SECRET 等设置不在其中。",
		Example: "  inkstone backup inkstone.tar\n  inkstone backup --uploads /backup/inkstone-$(date +%F).tar",
		Args:    arguments("文件"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			o.File, o.BackupProgress = args[0], backupProgress(c.ErrOrStderr(), "备份", "读出数据库")
			r, err := app.Backup(c.Context(), cfg, o)
			if err != nil {
				return err
			}
			return told(c.OutOrStdout(), o.File, r)
		},
	}
	c.Flags().BoolVar(&o.Uploads, "uploads", false, "连同上传的图片")
	return c
}

// told says what a backup holds. What it can't hold although the site has it is an error:
// somebody should look after it.
func told(w io.Writer, file string, r backup.Report) error {
	fmt.Fprintf(w, "已备份到 %s（%s）：%s\n", shown(file), bytesOf(r.Bytes), contents(r))
	if n := len(r.Gone); n > 0 {
		fmt.Fprintf(w, "提示  备份期间有 %d 个图片被删除，未收入：%s\n", n, some(r.Gone))
	}
	if n := r.Counts["uploads"]; n > 0 && !r.Uploads {
		fmt.Fprintf(w, "提示  %d 个上传的图片不在其中，加 --uploads 可一并备份\n", n)
	}
	if n := len(r.Missing); n > 0 {
		return fmt.Errorf("备份已写成，但有 %d 个图片的文件丢失或损坏，未收入：%s。请检查 UPLOADS，找回这些文件，或在站点上删除这些图片，再备份一次", n, some(r.Missing))
	}
	return nil
}

func (p *program) restore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore <文件>",
		Short: "从备份恢复整个站点",
		Long: "把 inkstone backup 写成的文件恢复到设置所指之处：DATABASE_URL（SQLite 或 PostgreSQL，与备份时不必相同）、UPLOADS。\n" +
			"数据库须尚不存在或为空，不会覆盖任何内容。文件不完整则什么也不恢复。中断后重新执行即可。",
		Example: "  inkstone restore inkstone.tar\n  DATABASE_URL=postgres://u:p@db/blog UPLOADS=s3://my-blog/uploads inkstone restore inkstone.tar",
		Args:    arguments("文件"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			r, err := app.Restore(c.Context(), cfg, args[0], backupProgress(c.ErrOrStderr(), "恢复", "写入数据库并核对"))
			if err != nil {
				return err
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "已恢复 %s 的备份：%s\n", r.Created.Local().Format(time.DateTime), contents(r))
			switch n := r.Counts["uploads"] - int64(r.Images); {
			case n > 0 && !r.Uploads:
				fmt.Fprintf(w, "提示  备份不含图片，站点的 %d 个图片须另行恢复到 UPLOADS\n", n)
			case n > 0:
				fmt.Fprintf(w, "提示  有 %d 个图片在备份时已经丢失\n", n)
			}
			return nil
		},
	}
}

func backupProgress(w io.Writer, what, records string) app.BackupProgress {
	return app.BackupProgress{Bytes: byteProgress(w, what), Records: progress(w, records)}
}

// contents names what there is.
func contents(r backup.Report) string {
	var all []string
	for _, kind := range []struct{ key, words string }{
		{"posts", "文章 %d 篇"}, {"comments", "评论 %d 条"}, {"users", "用户 %d 位"},
	} {
		all = append(all, fmt.Sprintf(kind.words, r.Counts[kind.key]))
	}
	if r.Uploads {
		all = append(all, fmt.Sprintf("图片 %d 个", r.Images))
	}
	return strings.Join(all, "，")
}

// bytesOf writes a number of bytes for people.
func bytesOf(n int64) string {
	units := []string{"KB", "MB", "GB", "TB"}
	size, unit := float64(n)/1024, 0
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
