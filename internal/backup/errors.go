package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkName refuses a name for an archive that can't be one, before anything is done.
func checkName(file string) error {
	if file == "" { // as of a variable of the shell that is not set
		return errors.New("文件名为空，请给出要写成的文件")
	}
	info, err := os.Lstat(file)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s 是文件夹，请给出文件名，例如 %s", file, filepath.Join(file, "inkstone.tar"))
	case err == nil:
		return exists(file)
	case !errors.Is(err, fs.ErrNotExist):
		return cannotWrite(file, err)
	}
	folder, err := os.Stat(filepath.Dir(file))
	if err == nil && !folder.IsDir() {
		return fmt.Errorf("%s 不是文件夹，请检查 %s", filepath.Dir(file), file)
	}
	if err != nil {
		return cannotWrite(file, err)
	}
	return nil
}

func exists(file string) error {
	return fmt.Errorf("%s 已存在，不会覆盖，请换一个文件名，或先移走它", file)
}

// cannotWrite says why a file can't be made.
func cannotWrite(file string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, fs.ErrExist):
		return exists(file)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("文件夹 %s 不存在，请先创建它", filepath.Dir(file))
	case full(err):
		return fmt.Errorf("磁盘空间不足，无法写入 %s，请腾出空间或换一个位置，再试一次", file)
	}
	return fmt.Errorf("无法写入 %s，请检查权限与磁盘：%w", file, err)
}

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// cannotUnpack says why there is no room for what comes out of an archive.
func cannotUnpack(folder string, err error) error {
	if full(err) {
		return noRoom(folder)
	}
	return fmt.Errorf("无法写入文件夹 %s，请检查权限与磁盘：%w", folder, err)
}

func noRoom(folder string) error {
	return fmt.Errorf("磁盘空间不足，%s 中放不下数据库，请腾出空间，再试一次", folder)
}
