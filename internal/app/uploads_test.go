package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/config"
)

// console keeps what the program logs.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// withBucket runs the program with its images at an S3.
func withBucket(t *testing.T, endpoint string) (url string, log *console) {
	t.Helper()
	dir := t.TempDir()
	settings := map[string]string{
		"DATA_DIR": dir, "LOG_DIR": "", "HOST": "127.0.0.1", "PORT": "0", "BCRYPT_COST": "4",
		"UPLOADS": "s3://my-blog/images", "S3_ENDPOINT": endpoint, "S3_ACCESS_KEY": "hidden-id", "S3_SECRET_KEY": "hidden-key",
	}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, dir)
	if err != nil {
		t.Fatal(err)
	}
	log = &console{}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := New(ctx, cfg, log)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a.URL(), log
}

// answerTo sends a request and returns the answer with its body.
func answerTo(t *testing.T, method, url, token, kind string, body []byte) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func registered(t *testing.T, url string) (token string) {
	t.Helper()
	_, body := answerTo(t, "POST", url+"/api/auth/register", "", "application/json",
		[]byte(`{"username":"reader","email":"reader@example.com","password":"secret-words"}`))
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Token == "" {
		t.Fatal(body, err)
	}
	return answer.Token
}

func anImage(t *testing.T) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("image", "a.png")
	if err == nil {
		err = png.Encode(part, image.NewGray(image.Rect(0, 0, 2, 2)))
	}
	if err != nil || form.Close() != nil {
		t.Fatal(err)
	}
	return form.FormDataContentType(), b.Bytes()
}

// wantSite holds that all but uploads is as ever, and that /readyz comes to a status.
func wantSite(t *testing.T, url string, log *console, words string, ready int) {
	t.Helper()
	token := registered(t, url)
	kind, body := anImage(t)
	begun := time.Now()
	resp, text := answerTo(t, "POST", url+"/api/upload/single", token, kind, body)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || strings.Contains(text, "S3") || time.Since(begun) > 10*time.Second {
		t.Errorf("upload: %d %v %s after %v", resp.StatusCode, resp.Header, text, time.Since(begun))
	}
	for path, want := range map[string]int{"/api/posts": 200, "/livez": 200, "/health": 200, "/api/auth/me": 200, "/uploads/image/nothing.png": 404} {
		if resp, text := answerTo(t, "GET", url+path, token, "", nil); resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
	if status, text := answerTo(t, "GET", url+"/api/upload", token, "", nil); !strings.Contains(text, `"total":0`) {
		t.Errorf("listed: %d %s", status.StatusCode, text)
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, text := answerTo(t, "GET", url+"/readyz", "", "", nil)
		if resp.StatusCode == ready && strings.Contains(log.String(), words) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("/readyz: %d %s; log:\n%s", resp.StatusCode, text, log)
		}
	}
	if strings.Contains(log.String(), "hidden") {
		t.Errorf("a secret is logged:\n%s", log)
	}
}

func TestASiteWhoseS3CannotBeReachedStartsAndIsReady(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	url, log := withBucket(t, "http://"+l.Addr().String())
	wantSite(t, url, log, "无法连接", http.StatusOK)
}

func TestASiteWhoseS3HangsStartsAndIsReady(t *testing.T) {
	t.Parallel()
	over := make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(over) })
	url, log := withBucket(t, s.URL)
	wantSite(t, url, log, "没有及时回答", http.StatusOK)
}

func TestASiteWhoseBucketRefusesItStartsAndIsNotReady(t *testing.T) {
	t.Parallel()
	for code, words := range map[string]string{"NoSuchBucket": "请先创建它", "SignatureDoesNotMatch": "S3_SECRET_KEY"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		}))
		t.Cleanup(s.Close)
		url, log := withBucket(t, s.URL)
		wantSite(t, url, log, words, http.StatusServiceUnavailable)
	}
}
