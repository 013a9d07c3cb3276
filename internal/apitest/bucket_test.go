package apitest

import (
	"cmp"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"inkstone/internal/enginetest"
)

// eachPlace runs f wherever images can be kept.
func eachPlace(t *testing.T, f func(t *testing.T, s *site)) {
	t.Run("folder", func(t *testing.T) { each(t, nil, f) })
	t.Run("S3", func(t *testing.T) { each(t, inBucket(t), f) })
}

// inBucket are the settings of images in a part of a bucket that is this test's.
func inBucket(t *testing.T) settings {
	t.Helper()
	s := settings{}
	s["S3_ENDPOINT"], s["S3_ACCESS_KEY"], s["S3_SECRET_KEY"] = enginetest.S3(t)
	bucket := cmp.Or(os.Getenv("TEST_S3_BUCKET"), "inkstone-test")
	s["UPLOADS"] = "s3://" + bucket + "/" + strings.ToLower(rand.Text())
	makeBucket(t, s, bucket)
	return s
}

func makeBucket(t *testing.T, s settings, bucket string) {
	t.Helper()
	u, err := url.Parse(s["S3_ENDPOINT"])
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s["S3_ACCESS_KEY"], s["S3_SECRET_KEY"], ""), Secure: u.Scheme == "https", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if there, err := client.BucketExists(t.Context(), bucket); err != nil || there {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	err = client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{})
	if code := minio.ToErrorResponse(err).Code; err != nil && code != "BucketAlreadyOwnedByYou" && code != "BucketAlreadyExists" {
		t.Fatal(err)
	}
}
