package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"time"
)

// Names in an archive.
const (
	manifestName = "manifest.json"
	databaseName = "inkstone.db"
	uploadsName  = "uploads/"
	digestName   = "SHA256"
)

// syncEvery bounds what waits to be written to the disk, in bytes. Left to the system it
// is gigabytes, and the sync of each write to the site waits behind them.
const syncEvery = 8 << 20

// archive is a tar while it is written.
type archive struct {
	file   *os.File
	buf    *bufio.Writer
	tar    *tar.Writer
	digest hash.Hash
	waits  int             // bytes since the last sync
	wrote  func(bytes int) // told of progress
	err    error           // of the file, which is not one of what is read for it
}

// createArchive makes the file at path, readable for its owner only: it holds password
// hashes.
func createArchive(path string, wrote func(bytes int)) (*archive, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, digest: sha256.New(), wrote: wrote}
	a.buf = bufio.NewWriterSize(a, 256<<10)
	a.tar = tar.NewWriter(a.buf)
	return a, nil
}

// Write implements io.Writer below the tar.
func (a *archive) Write(p []byte) (n int, err error) {
	a.digest.Write(p)
	n, a.err = a.file.Write(p)
	if a.waits += n; a.err == nil && a.waits >= syncEvery {
		a.waits = 0
		a.err = a.file.Sync()
	}
	a.wrote(n)
	return n, a.err
}

// begin starts an entry of that size.
func (a *archive) begin(name string, size int64, at time.Time) error {
	return a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: at})
}

// offset is where the content of the entry that was begun will stand.
func (a *archive) offset() (int64, error) {
	if err := a.buf.Flush(); err != nil {
		return 0, err
	}
	return a.file.Seek(0, io.SeekCurrent)
}

func (a *archive) add(name string, content []byte, at time.Time) error {
	if err := a.begin(name, int64(len(content)), at); err != nil {
		return err
	}
	_, err := a.tar.Write(content)
	return err
}

// finish ends the tar with the digest and has it on the disk.
func (a *archive) finish() error {
	if err := errors.Join(a.tar.Flush(), a.buf.Flush()); err != nil {
		return err
	}
	end, err := tail(a.digest.Sum(nil))
	if err != nil {
		return err
	}
	if _, a.err = a.file.Write(end); a.err == nil {
		a.err = a.file.Sync()
	}
	a.wrote(len(end))
	return a.err
}

func (a *archive) close() error { return a.file.Close() }

// tailSize is what an archive ends with: a header, the digest filled up to a block, and
// the two empty blocks at the end of a tar.
const tailSize = 4 * 512

// tail returns these bytes. They follow from the digest alone, so that no bit of an
// archive can change unnoticed.
func tail(digest []byte) ([]byte, error) {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	text := hex.EncodeToString(digest) + "\n"
	err := t.WriteHeader(&tar.Header{Name: digestName, Mode: 0o600, Size: int64(len(text)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR})
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(t, text)
	err = errors.Join(err, t.Close())
	return b.Bytes(), err
}
