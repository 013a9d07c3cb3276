package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// reader is an archive that is read.
type reader struct {
	file   *os.File
	name   string
	size   int64
	source string // tells it from other archives
	Manifest
}

// openArchive opens an archive that this program can read. It does not yet know whether
// that is whole.
func openArchive(name string) (*reader, error) {
	if info, err := os.Stat(name); err == nil && info.Mode()&fs.ModeNamedPipe != 0 { // to open one waits for who writes
		return nil, irregular(name)
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("没有这个文件：%s", name)
	}
	if err != nil {
		return nil, fmt.Errorf("无法读取 %s，请检查权限：%w", name, err)
	}
	r := &reader{file: f, name: name}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *reader) open() error {
	info, err := r.file.Stat()
	if err != nil {
		return r.unreadable(err)
	}
	if info.IsDir() {
		return fmt.Errorf("%s 是文件夹，请给出备份文件", r.name)
	}
	if !info.Mode().IsRegular() {
		return irregular(r.name)
	}
	r.size = info.Size()
	t := tar.NewReader(r.file)
	head, err := t.Next()
	if err == nil && head.Name == manifestName {
		r.Manifest, err = readManifest(t)
	}
	if err != nil || r.Format < 1 {
		return fmt.Errorf("%s 不是 inkstone 的备份，或已损坏，请检查文件名，或换用另一份备份", r.name)
	}
	if r.Format > format {
		return newer(r.name, r.Program)
	}
	return r.identify()
}

// identify names the archive by its digest, which verify has to find right.
func (r *reader) identify() error {
	digest := make([]byte, sha256.Size*2)
	if _, err := r.file.ReadAt(digest, max(0, r.size-tailSize+512)); err != nil {
		return r.damaged()
	}
	r.source = "backup " + string(digest)
	return nil
}

func irregular(name string) error {
	return fmt.Errorf("%s 不是普通文件，请给出备份文件", name)
}

func newer(name, program string) error {
	return fmt.Errorf("%s 由更新版本的 inkstone（%s）写成，请安装那个版本再恢复", name, program)
}

func (r *reader) damaged() error {
	return fmt.Errorf("%s 已损坏或不完整（与其校验和不符），没有恢复任何内容，请换用另一份备份", r.name)
}

// strange is about an archive that is whole, but such that inkstone can't have written it.
func (r *reader) strange(what string) error {
	return fmt.Errorf("%s 中%s，不是 inkstone 写成的备份，请换用另一份", r.name, what)
}

func (r *reader) unreadable(err error) error {
	return fmt.Errorf("无法读取 %s，请检查磁盘：%w", r.name, err)
}

func (r *reader) close() error { return r.file.Close() }

// verify holds all of the file against its digest.
func (r *reader) verify(ctx context.Context, read counter) error {
	if r.size < tailSize {
		return r.damaged()
	}
	digest := sha256.New()
	content := io.NewSectionReader(r.file, 0, r.size-tailSize)
	if _, err := io.Copy(io.MultiWriter(digest, read), inContext(ctx, content)); err != nil {
		return r.failure(ctx, err)
	}
	end := make([]byte, tailSize)
	if _, err := r.file.ReadAt(end, r.size-tailSize); err != nil {
		return r.unreadable(err)
	}
	want, err := tail(digest.Sum(nil))
	if err != nil {
		return err
	}
	if !bytes.Equal(end, want) {
		return r.damaged()
	}
	return nil
}

func (r *reader) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.unreadable(err)
}

// each calls database once, then image for each image by its field and name.
func (r *reader) each(ctx context.Context, database func(io.Reader) error, image func(field, name string, content io.Reader) error) error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return r.unreadable(err)
	}
	t := tar.NewReader(r.file)
	for n := 0; ; n++ {
		head, err := t.Next()
		if err != nil { // an archive ends with its digest
			return r.failure(ctx, err)
		}
		place, isImage := strings.CutPrefix(head.Name, uploadsName)
		switch {
		case head.Name == digestName:
			return nil
		case n == 0 && head.Name == manifestName:
		case n == 1 && head.Name == databaseName:
			err = database(inContext(ctx, t))
		case n > 1 && isImage:
			err = image(path.Dir(place), path.Base(place), inContext(ctx, t))
		default:
			err = r.strange(fmt.Sprintf("有意外的内容 %q", head.Name))
		}
		if err != nil {
			return err
		}
	}
}

// counter is told of what passes.
type counter func(bytes int)

// Write implements io.Writer.
func (c counter) Write(p []byte) (int, error) {
	c(len(p))
	return len(p), nil
}

// inContext ends a reader with ctx.
func inContext(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context // io.Reader has no place for it
	io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
