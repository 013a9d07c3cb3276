package enginetest

import (
	"cmp"
	"os"
	"testing"
)

// S3 is where a server that speaks S3 answers, and the keys it knows: where nothing else
// is said, those of scripts/s3-server. Other tests use it at the same time: make a bucket
// of your own, or write below a name of your own.
func S3(t testing.TB) (endpoint, accessKey, secretKey string) {
	t.Helper()
	return need(t, "S3", "TEST_S3_ENDPOINT"), cmp.Or(os.Getenv("TEST_S3_ACCESS_KEY"), "inkstone"), cmp.Or(os.Getenv("TEST_S3_SECRET_KEY"), "inkstone-test-secret")
}
