package apitest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// withBucketAt runs an instance whose images are in a bucket there.
func withBucketAt(t *testing.T, endpoint string) (*instance, *lastLines) {
	t.Helper()
	s := usual()
	maps.Copy(s, settings{
		"UPLOADS": "s3://my-blog/images", "S3_ENDPOINT": endpoint, "S3_ACCESS_KEY": "hidden-id", "S3_SECRET_KEY": "hidden-key",
	})
	log := &lastLines{}
	return startLogged(t, s, log), log
}

// wantOnlyUploadsAway holds that all but uploads is as ever, that the log says why, and
// what /readyz comes to.
func wantOnlyUploadsAway(t *testing.T, endpoint, words string, ready int) {
	t.Helper()
	i, log := withBucketAt(t, endpoint)
	s := newSite(t, i)
	u := s.User()
	begun := time.Now()
	a := u.Upload("/api/upload/single", file{"image", "a.png", "image/png", sized(1000)}).Refused(503, "UNAVAILABLE")
	if took := time.Since(begun); took > 10*time.Second || a.Header.Get("Retry-After") == "" || strings.Contains(strings.ReplaceAll(string(a.Body), a.Str("requestId"), ""), "S3") {
		t.Errorf("after %v: %v %s", took, a.Header, a.Body)
	}
	if listed := u.Get("/api/upload").Expect(200); !strings.Contains(string(listed.Body), `"total":0`) {
		t.Errorf("listed: %s", listed.Body)
	}
	s.Anyone.Get("/uploads/image/nothing.png").Refused(404, "FILE_NOT_FOUND")
	s.Anyone.Get("/api/posts/" + u.Write("published", nil)).Expect(200)
	s.Anyone.Get("/livez").Expect(200)
	status := 0
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if status = s.Anyone.Get("/readyz").Status; status == ready && strings.Contains(log.String(), words) {
			break
		}
	}
	if text := log.String(); status != ready || !strings.Contains(text, words) || strings.Contains(text, "hidden") {
		t.Errorf("/readyz: %d; log:\n%s", status, text)
	}
}

func TestASiteWhoseS3CannotBeReachedStartsAndIsReady(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	wantOnlyUploadsAway(t, "http://"+l.Addr().String(), "无法连接", 200)
}

func TestASiteWhoseS3HangsStartsAndIsReady(t *testing.T) {
	t.Parallel()
	over := make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(over) })
	wantOnlyUploadsAway(t, s.URL, "没有及时回答", 200)
}

func TestASiteWhoseBucketRefusesItStartsAndIsNotReady(t *testing.T) {
	t.Parallel()
	for code, words := range map[string]string{"NoSuchBucket": "请先创建它", "SignatureDoesNotMatch": "S3_SECRET_KEY"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
			}))
			t.Cleanup(s.Close)
			wantOnlyUploadsAway(t, s.URL, words, 503)
		})
	}
}
