package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"inkstone/internal/account"
	"inkstone/internal/auth"
	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/store"
)

// OpenStore makes the data folder and opens the database in it, bringing its
// schema up to date. The error is a sentence that says what to do.
func OpenStore(ctx context.Context, cfg *config.Config) (blog.Store, error) {
	return openStore(ctx, cfg, store.Options{})
}

func openStore(ctx context.Context, cfg *config.Config, o store.Options) (blog.Store, error) {
	if err := makeDataDir(cfg); err != nil {
		return nil, err
	}
	o.Server = server(cfg)
	s, err := store.Open(ctx, cfg.Database, o)
	return s, cannotOpen(cfg, err)
}

func server(cfg *config.Config) store.Server {
	return store.Server{
		MaxConns: cfg.DB.MaxConns, ConnLifetime: cfg.DB.ConnLifetime, ConnectTimeout: cfg.DB.ConnectTimeout,
		StatementTimeout: cfg.DB.StatementTimeout, Pooled: cfg.DB.Pooled,
	}
}

// Migrate brings the schema up to date and returns the versions it had and has.
func Migrate(ctx context.Context, cfg *config.Config) (from, to int, err error) {
	if err := makeDataDir(cfg); err != nil {
		return 0, 0, err
	}
	from, to, err = store.Migrate(ctx, cfg.Database, store.Options{Server: server(cfg)})
	return from, to, cannotOpen(cfg, err)
}

// LockImports keeps other processes from importing into the store until it is closed:
// each would make the posts that the other has not made yet. The store has been opened.
func LockImports(ctx context.Context, cfg *config.Config) (io.Closer, error) {
	lock, err := store.Lock(ctx, cfg.Database, "import", store.Options{Server: server(cfg)})
	if errors.Is(err, store.ErrTaken) {
		return nil, errors.New("另一个导入正在进行，请等它结束后再试")
	}
	if err != nil {
		return nil, fmt.Errorf("无法建立导入锁，请检查数据库、权限与磁盘：%w", err)
	}
	return lock, nil
}

func makeDataDir(cfg *config.Config) error {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("无法创建数据目录 %s，请检查 DATA_DIR 与权限：%w", cfg.DataDir, err)
	}
	return nil
}

// cannotOpen hides the code of err: its words for clients are not those for whoever starts the program.
func cannotOpen(cfg *config.Config, err error) error {
	if err == nil || errors.Is(err, context.Canceled) { // nothing is wrong with the database then
		return err
	}
	return fmt.Errorf("无法打开数据库 %s：%s（%v）", store.Name(cfg.Database), adviceFor(err, "DATABASE_URL"), err)
}

// adviceFor says what to do; given is what names the database.
func adviceFor(err error, given string) string {
	for _, known := range []struct {
		err    error
		advice string
	}{
		{store.ErrNewerSchema, "它由更新版本的 inkstone 写入，请安装那个版本，或换用旧的备份"},
		{store.ErrUnfinished, "一次复制或恢复只进行到一半，请把同一条命令再执行一遍；或清空它（删除文件、重建空库）后从头再来"},
		{store.ErrOldSchema, "它的结构较旧，请先以 DATABASE_URL 指向它，执行 inkstone migrate"},
		{store.ErrForeign, "它是别的程序的数据库，请检查 " + given},
		{store.ErrDamaged, "它不是数据库或已损坏，请检查 " + given + "，或从备份恢复"},
		{store.ErrLocked, "另一个进程锁住了它，请等它结束或停止它，然后再试"},
		{store.ErrPassword, "用户名或密码不被接受，请检查 " + given},
		{store.ErrNoDatabase, "服务器上没有这个库，请先创建它，或检查 " + given},
		{store.ErrPrivilege, "用户的权限不足，请让库和其中的表归它所有，或授予它在 public 模式中建表的权限（GRANT CREATE ON SCHEMA public TO 用户名）"},
		{store.ErrEncoding, "它的编码不是 UTF-8，请以 ENCODING 'UTF8' 新建一个库"},
		{store.ErrURL, given + " 不是有效的地址，请填写 postgres://用户:密码@主机:5432/库名"},
		{store.ErrEmpty, "它是空的，里面没有站点，请检查 " + given},
		{fs.ErrNotExist, "没有这个文件，请检查 " + given},
	} {
		if errors.Is(err, known.err) {
			return known.advice
		}
	}
	switch blog.CodeOf(err) {
	case blog.CodeStorageFull:
		return "它所在的磁盘空间不足，请腾出空间，再试一次"
	case blog.CodeUnavailable:
		return "连接不上或它没有回答，请检查 " + given + "、数据库是否在运行，以及网络、权限与磁盘"
	}
	return "请检查 " + given + "、权限与磁盘"
}

// HasAdmin reports whether there is an admin.
func HasAdmin(ctx context.Context, s blog.Store) (bool, error) {
	l, err := s.Users().List(ctx, blog.UserFilter{
		Role:  blog.RoleAdmin,
		Order: blog.Order{Field: "createdAt"},
		Page:  blog.Page{Number: 1, Limit: 1},
	})
	return l.Total > 0, err
}

// Accounts returns the rules of accounts for the command line; without tokens, nobody
// can sign in through it.
func Accounts(cfg *config.Config, s blog.Store) (*account.Service, error) {
	passwords, err := auth.NewPasswords(cfg.BcryptCost)
	if err != nil {
		return nil, err
	}
	return account.New(account.Options{Users: s.Users(), Passwords: passwords, Now: time.Now}), nil
}

// firstAdmin makes the admin of the ADMIN_ settings, unless there is one. The
// password is hashed only if he is missing: that takes a third of a second.
func firstAdmin(ctx context.Context, cfg *config.Config, s blog.Store, passwords *auth.Passwords) error {
	if cfg.Admin == (blog.NewUser{}) {
		return nil
	}
	has, err := HasAdmin(ctx, s)
	if err != nil || has {
		return err
	}
	hash, err := passwords.Hash(ctx, cfg.Admin.Password)
	if err != nil {
		return err
	}
	now := blog.ToMillisecond(time.Now())
	_, err = s.Users().CreateFirstAdmin(ctx, &blog.User{
		ID: blog.NewID(now), Username: cfg.Admin.Username, Email: cfg.Admin.Email, PasswordHash: hash,
		Role: blog.RoleAdmin, Active: true, CreatedAt: now, UpdatedAt: now,
	})
	switch blog.CodeOf(err) {
	case blog.CodeEmailTaken:
		return fmt.Errorf("ADMIN_EMAIL：%s 已是普通用户，请用 inkstone user promote 设为管理员", cfg.Admin.Email)
	case blog.CodeUsernameTaken:
		return fmt.Errorf("ADMIN_USERNAME：%s 已被别的用户使用，请换一个", cfg.Admin.Username)
	}
	return err
}
