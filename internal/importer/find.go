package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxFile bounds a file, in bytes: what a post can hold, and the front matter of an export.
const maxFile = 10<<20 + 64<<10

// file is a Markdown file to import.
type file struct {
	path string // absolute: a folder above that which is imported may matter
	name string // slash-separated, relative to the folder: what blog.Sources knows it by
	lone bool   // not found in a folder
}

// names are what blog.Sources may know the file by: a file that is imported alone
// may have come with a folder above it before. The longest is the surest.
func (f file) names() []string {
	if !f.lone {
		return []string{f.name}
	}
	var names []string
	for whole := strings.TrimPrefix(filepath.ToSlash(f.path), "/"); len(whole) > len(f.name); {
		names = append(names, whole)
		_, whole, _ = strings.Cut(whole, "/")
	}
	return append(names, f.name)
}

// find returns the files below a folder in the order of their names, or the one
// file, and what could not be looked at.
func find(path string) (files []file, lost []Remark, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	root, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	if !info.IsDir() {
		return single(path, abs, info)
	}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		name := relative(root, p)
		switch {
		case err != nil && p == root:
			return unreadable(path, err)
		case err != nil:
			lost = append(lost, Remark{name, reasonOf(err)})
			return nil
		case d.IsDir() && p != root && skipped(d.Name()):
			return fs.SkipDir
		case isMarkdown(d.Name()):
			if regular, err := isRegular(root, p, d); err != nil {
				lost = append(lost, Remark{name, err.Error()})
			} else if regular {
				files = append(files, file{path: p, name: name})
			}
		}
		return nil
	})
	return files, lost, err
}

// single names one file relative to its folder, or as a bundle's index.md
// relative to the folder above, as an import of that folder names it.
func single(path, abs string, info fs.FileInfo) ([]file, []Remark, error) {
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s 不是文件，也不是文件夹", path) // a pipe may never end
	}
	dir := filepath.Dir(abs)
	if isIndex(abs) {
		dir = filepath.Dir(dir)
	}
	return []file{{abs, relative(dir, abs), true}}, nil, nil
}

func relative(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

func skipped(name string) bool { return strings.HasPrefix(name, ".") || name == "node_modules" }

// isMarkdown leaves out hidden files (among them the "._x.md" of macOS) and Hugo's list pages.
func isMarkdown(name string) bool {
	name = strings.ToLower(name)
	ext := filepath.Ext(name)
	return (ext == ".md" || ext == ".markdown") && !skipped(name) && strings.TrimSuffix(name, ext) != "_index"
}

// isRegular tells whether it is a file, or a link to one below root. A link that leads
// out of there is refused: it would publish what is not among the articles.
func isRegular(root, path string, d fs.DirEntry) (bool, error) {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular(), nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, errLostLink
	}
	info, err := os.Stat(target)
	if err != nil {
		return false, errLostLink
	}
	if !info.Mode().IsRegular() {
		return false, nil
	}
	if rel, err := filepath.Rel(root, target); err != nil || !filepath.IsLocal(rel) {
		return false, errRefused("链接指向文件夹之外")
	}
	return true, nil
}

const errLostLink = errRefused("链接所指的文件不存在或无法读取")

func isIndex(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	return strings.TrimSuffix(name, filepath.Ext(name)) == "index"
}

// read returns the text of the file, without a byte order mark, and the digest of its bytes.
func (f file) read() (text, digest string, err error) {
	if !utf8.ValidString(f.name) {
		return "", "", errRefused("文件名不是 UTF-8")
	}
	r, err := os.Open(f.path)
	if err != nil {
		return "", "", errRefused(reasonOf(err))
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return "", "", errRefused(reasonOf(err))
	}
	sum := sha256.Sum256(b)
	text, err = decode(b)
	return text, hex.EncodeToString(sum[:]), err
}

func unreadable(path string, err error) error {
	return fmt.Errorf("无法读取 %s，请检查路径与权限：%w", path, err)
}

// reasonOf leaves the path out of an error, which the report names already.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return "无法读取：没有权限"
	}
	return "无法读取：" + err.Error()
}

// decode accepts UTF-8 only: guessing an encoding makes garbage of some file some
// day. The lines of old Macs, which end in CR alone, become lines that all can read.
func decode(b []byte) (string, error) {
	switch {
	case len(b) > maxFile:
		return "", errRefused("超过 10 MB")
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return "", errRefused("是 UTF-16 编码，请另存为 UTF-8")
	case bytes.IndexByte(b, 0) >= 0:
		return "", errRefused("不是文本：含有 NUL")
	case !utf8.Valid(b):
		return "", errRefused("不是 UTF-8 编码（可能是 GBK），请另存为 UTF-8")
	}
	text := strings.TrimPrefix(string(b), "\ufeff")
	if !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	return text, nil
}
