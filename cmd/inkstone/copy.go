package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
	"inkstone/internal/blog"
	"inkstone/internal/transfer"
)

func (p *program) copies() *cobra.Command {
	var o app.CopyOptions
	c := &cobra.Command{
		Use:   "copy --from <地址> --to <地址>",
		Short: "把全部数据复制到另一个数据库",
		Long: "把用户（含密码）、文章、评论、点赞、上传记录与导入来源从一个数据库复制到另一个，SQLite 与 PostgreSQL 之间任意方向，\n" +
			"然后逐类核对两边的数量与校验和。上传的文件不在数据库中，须另行复制，见 docs/moving.md。\n" +
			"来源只读取开始时的状态；目标须为空，请勿同时在目标上运行服务。中断后再执行同一条命令即可继续。\n" +
			"地址同 DATABASE_URL；写作 @文件 则从文件读取，密码便不会出现在进程列表中。\n" +
			"退出码：0 为两边一致，1 为不一致或失败。",
		Example: "  inkstone copy --from sqlite:data/inkstone.db --to @postgres-url.txt\n" +
			"  inkstone copy --from @postgres-url.txt --to sqlite:data/inkstone.db",
		Args: arguments(),
		PreRunE: func(*cobra.Command, []string) error {
			return missing(map[string]string{"--from": o.From, "--to": o.To})
		},
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			if o.From, err = address("--from", o.From); err != nil {
				return err
			}
			if o.To, err = address("--to", o.To); err != nil {
				return err
			}
			o.Progress = progress(c.ErrOrStderr(), "复制并核对")
			report, err := app.Copy(c.Context(), cfg, o)
			fmt.Fprint(c.OutOrStdout(), compared(report))
			if err == nil && !report.Same() {
				err = different(o)
			}
			return err
		},
	}
	c.Flags().StringVar(&o.From, "from", "", "来源的`地址`或 @文件（必填）")
	c.Flags().StringVar(&o.To, "to", "", "目标的`地址`或 @文件（必填）")
	c.Flags().BoolVar(&o.IntoExisting, "into-existing", false, "并入已有数据的目标：相同的略过，不同的拒绝，从不覆盖")
	return c
}

// address is what was given, or what the file has that was named by @.
func address(flag, given string) (string, error) {
	path, ok := strings.CutPrefix(given, "@")
	if !ok {
		return given, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s：无法读取文件 %s，请检查路径与权限（%v）", flag, path, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func different(o app.CopyOptions) error {
	if o.IntoExisting {
		return errors.New("两边不一致：复制期间目标被改动。请停止目标上的服务，再执行一遍")
	}
	return errors.New("两边不一致：目标被改动过，或来源在中断之后有改动。目标不会被使用，请清空它（删除文件、重建空库）后再复制")
}

var kindNames = map[blog.Kind]string{
	blog.KindUser: "用户", blog.KindRevoked: "已注销的令牌", blog.KindPost: "文章", blog.KindLike: "点赞",
	blog.KindComment: "评论", blog.KindReply: "回复关系", blog.KindUpload: "上传记录", blog.KindSource: "导入来源",
}

// compared is the table of what both sides have; of the checksums, the first digits of the source's.
func compared(report transfer.Report) string {
	if len(report.Kinds) == 0 {
		return ""
	}
	rows := [][]string{{"种类", "来源", "目标", "校验和", "结果"}}
	for _, r := range report.Kinds {
		result := "一致"
		if !r.Same() {
			result = "不一致，目标 " + short(r.Target.Digest)
		}
		rows = append(rows, []string{kindNames[r.Kind], strconv.FormatInt(r.Source.Count, 10), strconv.FormatInt(r.Target.Count, 10), short(r.Source.Digest), result})
	}
	return columns(rows)
}

func short(digest string) string { return digest[:12] }
