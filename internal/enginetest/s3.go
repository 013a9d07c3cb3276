package enginetest

import "testing"

// S3 is where a server that speaks S3 answers, and the keys it knows. Other tests
// use it at the same time: make a bucket of your own.
func S3(t testing.TB) (endpoint, accessKey, secretKey string) {
	t.Helper()
	return need(t, "S3", "TEST_S3_ENDPOINT"), need(t, "S3", "TEST_S3_ACCESS_KEY"), need(t, "S3", "TEST_S3_SECRET_KEY")
}
