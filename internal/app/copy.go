package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/store"
	"inkstone/internal/transfer"
)

// CopyOptions are about a copy from one database to another, by their URLs.
type CopyOptions struct {
	From, To     string
	IntoExisting bool
	Progress     func(done, total int)
}

// again is what ends a sentence about a copy that can go on.
const again = "；已复制的部分保留着，再执行同一条命令即可继续"

// Copy copies everything, see transfer.Copy. The error is a sentence that says what to do.
func Copy(ctx context.Context, cfg *config.Config, o CopyOptions) (report transfer.Report, err error) {
	for _, given := range [][2]string{{"--from", o.From}, {"--to", o.To}} {
		if err := config.CheckDatabase(given[1]); err != nil {
			return report, fmt.Errorf("%s：%w", given[0], err)
		}
	}
	from, err := openForCopy(ctx, o.From, "来源", "--from", store.Options{NoMigrate: true, Server: server(cfg)})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openForCopy(ctx, o.To, "目标", "--to", store.Options{Copying: !o.IntoExisting, Server: server(cfg)})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	lock, err := lockCopy(ctx, cfg, o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	report, err = transfer.Copy(ctx, from, to, transfer.Options{Source: store.FullName(o.From), IntoExisting: o.IntoExisting, Progress: o.Progress})
	return report, cannotCopy(o, err)
}

func openForCopy(ctx context.Context, url, what, flag string, o store.Options) (blog.Store, error) {
	s, err := store.Open(ctx, url, o)
	if err == nil || errors.Is(err, context.Canceled) {
		return s, err
	}
	return nil, fmt.Errorf("无法打开%s %s：%s（%v）", what, store.Name(url), adviceFor(err, flag), err)
}

// copyLock names the lock of a copy into a database.
const copyLock = "copy"

// lockCopy keeps other processes from copying into the target, and refuses a source that is
// the target.
func lockCopy(ctx context.Context, cfg *config.Config, o CopyOptions) (io.Closer, error) {
	lock, err := lockTarget(ctx, cfg, o.To)
	if err != nil {
		return nil, err
	}
	same, err := store.Same(ctx, o.To, o.From, store.Options{Server: server(cfg)})
	switch {
	case err != nil:
		err = fmt.Errorf("无法比较来源与目标，请检查 --from 与 --to：%v", err)
	case same:
		err = errors.New("来源与目标是同一个数据库，请检查 --from 与 --to")
	default:
		return lock, nil
	}
	return nil, errors.Join(err, lock.Close())
}

// lockTarget keeps other processes from copying into a database.
func lockTarget(ctx context.Context, cfg *config.Config, url string) (io.Closer, error) {
	lock, err := store.Lock(ctx, url, copyLock, store.Options{Server: server(cfg)})
	if errors.Is(err, store.ErrTaken) {
		return nil, errors.New("另一个复制或恢复正在写入目标，请等它结束后再试")
	}
	if err != nil {
		return nil, fmt.Errorf("无法建立复制锁，请检查目标数据库、权限与磁盘：%v", err)
	}
	return lock, nil
}

// cannotCopy says in words why a copy did not come to its end.
func cannotCopy(o CopyOptions, err error) error {
	refused, isRecord := errors.AsType[*blog.RecordError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("已中断" + again)
	case errors.Is(err, blog.ErrNotEmpty):
		return fmt.Errorf("目标 %s 不是空的，未写入；请换一个空库，或加 --into-existing 并入已有的数据", store.Name(o.To))
	case errors.Is(err, blog.ErrOtherSource):
		return fmt.Errorf("目标 %s 中有一次未完成的复制，来源不同（%v）；请以那个来源继续，或清空目标后再试", store.Name(o.To), err)
	case isRecord:
		return fmt.Errorf("目标不接受来源的%s：%s", nameOf(refused.Record), whyRefused(refused.Err))
	}
	switch blog.CodeOf(err) {
	case blog.CodeUnavailable:
		return fmt.Errorf("数据库没有回答，请检查来源、目标与网络%s（%v）", again, err)
	case blog.CodeStorageFull:
		return fmt.Errorf("磁盘空间不足，%s，请腾出空间%s（%v）", whichIsFull(o, err), again, err)
	}
	return fmt.Errorf("复制失败%s（%v）", again, err)
}

func whichIsFull(o CopyOptions, err error) string {
	if _, source := errors.AsType[*transfer.SourceError](err); source {
		return "来源 " + store.Name(o.From) + " 因此无法读出"
	}
	return "目标 " + store.Name(o.To) + " 放不下全部数据"
}

func nameOf(r blog.Record) string {
	switch r := r.(type) {
	case *blog.User:
		return fmt.Sprintf("用户 %s <%s>", r.Username, r.Email)
	case *blog.RevokedToken:
		return fmt.Sprintf("令牌（用户 %s）", r.User)
	case *blog.Post:
		return fmt.Sprintf("文章 %s《%s》", r.ID, r.Title)
	case *blog.Like:
		return fmt.Sprintf("点赞（文章 %s，用户 %s）", r.Post, r.User)
	case *blog.Comment:
		return "评论 " + r.ID.String()
	case *blog.Reply:
		return "回复 " + r.Comment.String()
	case *blog.Upload:
		return "上传 " + r.Filename
	case *blog.Source:
		return "导入来源 " + r.Path
	}
	return ""
}

func whyRefused(err error) string {
	switch blog.CodeOf(err) {
	case blog.CodeEmailTaken:
		return "邮箱已属于目标中的另一位用户，请先在一边改掉"
	case blog.CodeUsernameTaken:
		return "用户名已属于目标中的另一位用户，请先在一边改掉"
	}
	if errors.Is(err, blog.ErrDiffers) {
		return "目标中已有它，但内容不同；复制不覆盖，请先在一边改掉或删除它，或复制到空库"
	}
	return fmt.Sprintf("它所属的内容不在目标中，或它本身有误（%v）", err)
}
