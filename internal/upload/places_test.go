package upload

import (
	"cmp"
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"inkstone/internal/enginetest"
)

// keeper is somewhere to keep images.
type keeper interface {
	// open opens it, as each process does.
	open(t testing.TB) Files

	// kept returns the sizes of all files, on stages and in place.
	kept(t testing.TB) map[string]int64
}

// everywhere runs a test over every keeper.
func everywhere(t *testing.T, f func(t *testing.T, h *house)) {
	t.Run("folder", func(t *testing.T) { f(t, newHouse(t)) })
	t.Run("S3", func(t *testing.T) { f(t, build(t, newBucket(t))) })
}

type folder struct{ dir string }

func (p folder) open(t testing.TB) Files { return openLocal(t, p.dir) }

func openLocal(t testing.TB, dir string) *Local {
	t.Helper()
	l, err := OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (p folder) kept(t testing.TB) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(p.dir, path)
		out[filepath.ToSlash(rel)] = info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bucket is a part of a bucket on a real server, for one test.
type bucket struct{ S3Options }

// newBucket is in TEST_S3_BUCKET ("inkstone-test"), which is made if need be.
func newBucket(t testing.TB) bucket {
	t.Helper()
	endpoint, access, secret := enginetest.S3(t)
	b := bucket{S3Options{
		Stage: t.TempDir(), Endpoint: endpoint, Region: "us-east-1", AccessKey: access, SecretKey: secret,
		Bucket: cmp.Or(os.Getenv("TEST_S3_BUCKET"), "inkstone-test"), Prefix: strings.ToLower(rand.Text()), Addressing: "path",
	}}
	if err := makeBucket(b); err != nil {
		t.Fatal(err)
	}
	return b
}

var bucketsMade sync.Map

// makeBucket makes the bucket once a process.
func makeBucket(b bucket) error {
	once, _ := bucketsMade.LoadOrStore(b.Endpoint+b.Bucket, sync.OnceValue(func() error {
		s, err := OpenS3(b.S3Options)
		if err != nil {
			return err
		}
		defer s.Close()
		err = s.client.MakeBucket(context.Background(), b.Bucket, minio.MakeBucketOptions{})
		switch answerOf(err).Code {
		case "BucketAlreadyOwnedByYou", "BucketAlreadyExists":
			return nil
		}
		return err
	}))
	return once.(func() error)()
}

func (b bucket) open(t testing.TB) Files { return b.openS3(t) }

func (b bucket) openS3(t testing.TB) *S3 {
	t.Helper()
	s, err := OpenS3(b.S3Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sweeper opens the place for a process that takes every note for an old one.
func (b bucket) sweeper(t testing.TB) *S3 {
	s := b.openS3(t)
	s.grace = 0
	return s
}

// kept leaves the notes out: they outlive a failed upload by an hour.
func (b bucket) kept(t testing.TB) map[string]int64 {
	t.Helper()
	out := folder{b.Stage}.kept(t)
	for key, size := range b.objects(t) {
		if !strings.HasPrefix(key, notes) {
			out[key] = size
		}
	}
	return out
}

// objects returns all there is below the prefix.
func (b bucket) objects(t testing.TB) map[string]int64 {
	t.Helper()
	s := b.openS3(t)
	out := map[string]int64{}
	for o := range s.client.ListObjectsIter(t.Context(), b.Bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		out[strings.TrimPrefix(o.Key, s.prefix)] = o.Size
	}
	return out
}

func (b bucket) notes(t testing.TB) (n int) {
	t.Helper()
	for key := range b.objects(t) {
		if strings.HasPrefix(key, notes) {
			n++
		}
	}
	return n
}
