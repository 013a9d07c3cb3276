package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"inkstone/internal/config"
)

func TestWhyADatabaseIsNotOpenedIsSaidInASentence(t *testing.T) {
	const userVersion, applicationID = 60, 68 // where SQLite's file header has them
	for advice, spoil := range map[string]func(file []byte){
		"更新版本":   func(file []byte) { file[userVersion+3] = 99 },
		"别的程序":   func(file []byte) { file[applicationID] ^= 1 },
		"不是数据库":  func(file []byte) { copy(file, "not a database") },
		"或从备份恢复": func(file []byte) { clear(file[100:4096]) },
	} {
		cfg := &config.Config{DataDir: t.TempDir()}
		path := filepath.Join(cfg.DataDir, "a.db")
		cfg.Database = "sqlite:" + path
		s, err := OpenStore(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		spoil(file)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err = OpenStore(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("%s: opened, %v", advice, err)
		}
		if _, _, err = Migrate(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), advice) {
			t.Errorf("%s: migrated, %v", advice, err)
		}
	}
}

func TestADatabaseThatAnotherProcessHoldsIsSaidToBeLocked(t *testing.T) {
	t.Parallel() // it waits for the lock
	cfg := &config.Config{DataDir: t.TempDir()}
	path := filepath.Join(cfg.DataDir, "a.db")
	cfg.Database = "sqlite:" + path
	if _, _, err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	other, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := sqlitex.ExecuteTransient(other, "BEGIN EXCLUSIVE", nil); err != nil {
		t.Fatal(err)
	}
	_, err = OpenStore(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "另一个进程锁住了它") || strings.Contains(err.Error(), "权限") {
		t.Errorf("opened, %v", err)
	}
}

func TestAStartThatIsInterruptedBlamesNoDatabase(t *testing.T) {
	cfg := &config.Config{DataDir: t.TempDir()}
	cfg.Database = "sqlite:" + filepath.Join(cfg.DataDir, "a.db")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenStore(ctx, cfg); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("opened, %v", err)
	}
}
