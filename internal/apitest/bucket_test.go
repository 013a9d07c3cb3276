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
)

// eachPlace runs f wherever images can be kept.
func eachPlace(t *testing.T, f func(t *testing.T, s *site)) {
	t.Run("folder", func(t *testing.T) { each(t, nil, f) })
	t.Run("S3", func(t *testing.T) { each(t, inBucket(t), f) })
}

// inBucket are the settings of images in a part of a bucket that is this test's. The
// server is found as in internal/upload: by TEST_S3_ENDPOINT, without which the test is
// skipped but not where CI is "true", and TEST_S3_ACCESS_KEY, TEST_S3_SECRET_KEY and
// TEST_S3_BUCKET.
func inBucket(t *testing.T) settings {
	t.Helper()
	endpoint := os.Getenv("TEST_S3_ENDPOINT")
	if endpoint == "" && os.Getenv("CI") == "true" {
		t.Fatal("TEST_S3_ENDPOINT is not set; scripts/services up brings a server up")
	}
	if endpoint == "" {
		t.Skip("no S3 server: scripts/services up brings one up, TEST_S3_ENDPOINT names it")
	}
	s := settings{
		"S3_ENDPOINT": endpoint, "S3_ACCESS_KEY": cmp.Or(os.Getenv("TEST_S3_ACCESS_KEY"), "inkstone"),
		"S3_SECRET_KEY": cmp.Or(os.Getenv("TEST_S3_SECRET_KEY"), "inkstone-test-secret"),
	}
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
