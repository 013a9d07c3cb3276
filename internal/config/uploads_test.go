package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withBucket are the settings of images in S3, over which others stand.
func withBucket(over map[string]string) map[string]string {
	env := map[string]string{"UPLOADS": "s3://my-blog/a/b", "S3_ACCESS_KEY": "id", "S3_SECRET_KEY": "key"}
	for name, value := range over {
		env[name] = value
	}
	return env
}

func TestUploadsMayBeABucket(t *testing.T) {
	c, _, err := load(t, t.TempDir(), withBucket(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := S3{Bucket: "my-blog", Prefix: "a/b", Endpoint: "https://s3.amazonaws.com", Region: "us-east-1", AccessKey: "id", SecretKey: "key", Addressing: "auto"}
	if diff := cmp.Diff(want, c.S3); diff != "" || c.UploadDir != "" || c.UploadsURL != "" {
		t.Errorf("%s, folder %q, public %q", diff, c.UploadDir, c.UploadsURL)
	}
	c, _, err = load(t, t.TempDir(), withBucket(map[string]string{
		"UPLOADS": "s3://my-blog/", "S3_ENDPOINT": "http://127.0.0.1:9000/", "S3_ADDRESSING": "host", "UPLOADS_PUBLIC_URL": "https://img.example.com/a/"}))
	if err != nil {
		t.Fatal(err)
	}
	if c.S3.Prefix != "" || c.S3.Endpoint != "http://127.0.0.1:9000" || c.S3.Addressing != "host" || c.UploadsURL != "https://img.example.com/a" {
		t.Errorf("%+v, public %q", c.S3, c.UploadsURL)
	}
}

// It goes into a header, where only ASCII without blanks means the same to everybody.
func TestThePublicAddressIsWrittenForAHeader(t *testing.T) {
	for given, want := range map[string]string{
		"https://img.example.com/图 片/":      "https://img.example.com/%E5%9B%BE%20%E7%89%87",
		"https://img.example.com/%E5%9B%BE": "https://img.example.com/%E5%9B%BE",
		"http://127.0.0.1:9000/a+b/~c":      "http://127.0.0.1:9000/a+b/~c",
	} {
		c, _, err := load(t, t.TempDir(), withBucket(map[string]string{"UPLOADS_PUBLIC_URL": given}))
		if err != nil || c.UploadsURL != want {
			t.Errorf("%s: %q, %v", given, c.UploadsURL, err)
		}
	}
}

func TestWhatNoBucketCanBeIsRefused(t *testing.T) {
	for name, values := range map[string][]string{
		"UPLOADS": {"s3://", "s3:///a", "s3://ab", "s3://A-B-C", "s3://a_b_c", "s3://a..b", "s3://-abc", "s3://" + strings.Repeat("a", 64),
			"s3://abc/a//b", "s3://abc/../b", "s3://abc/.a", "s3://abc/a b", "s3://abc/a?b", "s3://abc/图", "s3://abc/" + strings.Repeat("a", 513),
			"https://abc", "gs://abc"},
		"S3_ENDPOINT":        {"localhost:9000", "ftp://a", "https://", "https://a/b", "https://id:key@a", "https://a?b"},
		"S3_REGION":          {"a b", "../a"},
		"S3_ADDRESSING":      {"dns", "PATH"},
		"S3_ACCESS_KEY":      {"", "a b", "a\n"},
		"S3_SECRET_KEY":      {"", " a", "a\t", "钥"},
		"UPLOADS_PUBLIC_URL": {"img.example.com", "ftp://a", "https://a?b=c", "https://a#b", "https://u:p@a"},
	} {
		for _, v := range values {
			_, _, err := load(t, t.TempDir(), withBucket(map[string]string{name: v}))
			if mistakes, _ := errors.AsType[Mistakes](err); len(mistakes) != 1 || !strings.HasPrefix(err.Error(), name+"：") {
				t.Errorf("%s=%s: %v", name, v, err)
			}
		}
	}
}

// Else images would be kept on a disk that is thought to be of no account.
func TestSettingsOfABucketWithoutOneAreRefused(t *testing.T) {
	for _, name := range []string{"S3_ENDPOINT", "S3_REGION", "S3_ADDRESSING", "S3_ACCESS_KEY", "S3_SECRET_KEY", "UPLOADS_PUBLIC_URL"} {
		_, _, err := load(t, t.TempDir(), map[string]string{name: "https://s3.example.com", "UPLOADS": "folder"})
		if mistakes, _ := errors.AsType[Mistakes](err); len(mistakes) != 1 || !strings.HasPrefix(err.Error(), name+"：") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := load(t, t.TempDir(), map[string]string{"S3_REGION": "us-east-1"}); err != nil {
		t.Errorf("a default: %v", err)
	}
}
