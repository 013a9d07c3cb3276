package upload

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// answering is an S3 over a server that always answers alike.
func answering(t *testing.T, h http.HandlerFunc) *S3 {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return at(t, server.URL)
}

const hidden = "hidden-secret-key"

func at(t *testing.T, endpoint string) *S3 {
	t.Helper()
	s, err := OpenS3(S3Options{Stage: t.TempDir(), Endpoint: endpoint, Region: "us-east-1",
		AccessKey: "hidden-id", SecretKey: hidden, Bucket: "my-blog", Addressing: "path"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.callTime, s.deliverTime, s.cleanTime = time.Second, time.Second, 100*time.Millisecond // two tries are up to 600 ms apart
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// wantSaid holds what a check says, and what an upload answers.
func wantSaid(t *testing.T, s *S3, words string, ready bool) {
	t.Helper()
	if s.Ready(t.Context()) == nil {
		t.Error("ready before it was checked")
	}
	err := s.check(t.Context())
	if err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "my-blog") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("said %v, want %q", err, words)
	}
	if got := s.Ready(t.Context()); (got == nil) != ready {
		t.Errorf("%s: ready: %v", words, got)
	}
	h := &house{Service: New(Options{Rows: newRows(), Files: s, Log: discard})}
	_, err = h.sendParts(t, numbered(1, pngOf(t, 1, 1))...)
	wantCode(t, err, blog.CodeUnavailable)
	if !strings.Contains(err.Error(), words) {
		t.Errorf("an upload said %v, want %q", err, words)
	}
}

func TestABucketThatRefusesIsSaidInASentenceAndKeepsTheProcessUnready(t *testing.T) {
	for code, c := range map[string]struct {
		status int
		words  string
	}{
		"NoSuchBucket":                 {404, "请先创建它"},
		"InvalidAccessKeyId":           {403, "S3_ACCESS_KEY"},
		"SignatureDoesNotMatch":        {403, "S3_SECRET_KEY"},
		"AccessDenied":                 {403, "授予"},
		"AuthorizationHeaderMalformed": {400, "S3_REGION"},
		"RequestTimeTooSkewed":         {403, "校准时间"},
		"PermanentRedirect":            {301, "S3_REGION"},
		"SomethingOfTheirOwn":          {401, "授予"},
		"SecondLevelDomainForbidden":   {403, "S3_ADDRESSING=host"},
	} {
		t.Run(code, func(t *testing.T) {
			s := answering(t, func(w http.ResponseWriter, _ *http.Request) { refused(w, c.status, code) })
			wantSaid(t, s, c.words, false)
		})
	}
}

func TestAnS3ThatIsAwayIsSaidInASentenceAndLeavesTheProcessReady(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) { wantSaid(t, at(t, "http://"+freePort(t)), "无法连接", true) })
	t.Run("no such host", func(t *testing.T) { wantSaid(t, at(t, "http://inkstone.invalid"), "S3_ENDPOINT", true) })
	t.Run("http, not https", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		wantSaid(t, at(t, strings.Replace(s.URL, "http:", "https:", 1)), "协议", true)
	})
	t.Run("unknown certificate", func(t *testing.T) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		s.StartTLS()
		defer s.Close()
		wantSaid(t, at(t, s.URL), "证书", true)
	})
	t.Run("hangs", func(t *testing.T) {
		wantSaid(t, answering(t, func(_ http.ResponseWriter, r *http.Request) { hang(r) }), "没有及时回答", true)
	})
	t.Run("500", func(t *testing.T) {
		wantSaid(t, answering(t, func(w http.ResponseWriter, _ *http.Request) { refused(w, 500, "InternalError") }), "500", true)
	})
}

func TestTheBucketStandsWhereTheServiceWantsIt(t *testing.T) {
	for _, c := range []struct{ endpoint, addressing, host, path string }{
		{"http://s3.example.com:9000", "auto", "s3.example.com:9000", "/my-blog/"},
		{"http://s3.example.com:9000", "host", "my-blog.s3.example.com:9000", "/"},
		{"http://oss-cn-hangzhou.aliyuncs.com", "auto", "my-blog.oss-cn-hangzhou.aliyuncs.com", "/"},
		{"http://s3.amazonaws.com", "path", "s3.dualstack.eu-west-1.amazonaws.com", "/my-blog/"},
		{"http://s3.amazonaws.com", "auto", "my-blog.s3.dualstack.eu-west-1.amazonaws.com", "/"},
	} {
		asked := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Host + r.URL.Path
			refused(w, 403, "AccessDenied")
		}))
		s, err := OpenS3(S3Options{Stage: t.TempDir(), Endpoint: c.endpoint, Region: "eu-west-1", AccessKey: "a", SecretKey: "b", Bucket: "my-blog", Addressing: c.addressing})
		if err != nil {
			t.Fatal(err)
		}
		s.http.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
		_ = s.check(t.Context())
		if asked != c.host+c.path {
			t.Errorf("%s, %s: asked %s", c.endpoint, c.addressing, asked)
		}
		s.Close()
		server.Close()
	}
}

func TestARealServerRefusesInTheSameWords(t *testing.T) {
	b := newBucket(t)
	b.SecretKey = hidden
	s := b.openS3(t)
	if err := s.check(t.Context()); err == nil || !strings.Contains(err.Error(), "S3_SECRET_KEY") || strings.Contains(err.Error(), hidden) {
		t.Errorf("wrong secret: %v", err)
	}
	b = newBucket(t)
	b.AccessKey = "nobody"
	if err := b.openS3(t).check(t.Context()); err == nil || !strings.Contains(err.Error(), "S3_ACCESS_KEY") {
		t.Errorf("wrong key: %v", err)
	}
	b = newBucket(t)
	b.Bucket = "inkstone-is-not-there"
	if err := b.openS3(t).check(t.Context()); err == nil || !strings.Contains(err.Error(), "请先创建它") {
		t.Errorf("wrong bucket: %v", err)
	}
}

// log keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestABucketThatIsMadeLaterIsFound(t *testing.T) {
	var there atomic.Bool
	s := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		if !there.Load() {
			refused(w, 404, "NoSuchBucket")
			return
		}
		w.Write([]byte(`<?xml version="1.0"?><ListBucketResult></ListBucketResult>`))
	})
	log, done := &logged{}, make(chan bool)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { s.watch(ctx, slog.New(slog.NewTextHandler(log, nil)), 10*time.Millisecond); close(done) }()
	for !strings.Contains(log.String(), "ready=false") && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	there.Store(true)
	<-done
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "level=INFO") || strings.Contains(text, "hidden") {
		t.Errorf("logged\n%s", text)
	}
}

// Else a bucket that is lost would take the whole site away.
func TestWhoHasBeenReadyStaysReady(t *testing.T) {
	var code atomic.Int32
	code.Store(500)
	s := answering(t, func(w http.ResponseWriter, _ *http.Request) { refused(w, int(code.Load()), "NoSuchBucket") })
	s.unready.Store(nil)
	if err := s.check(t.Context()); err == nil || s.Ready(t.Context()) != nil {
		t.Errorf("%v, ready %v", err, s.Ready(t.Context()))
	}
}

func TestItIsToldWhichCertificateS3Shows(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	var shown atomic.Pointer[tls.ConnectionState]
	s, err := OpenS3(S3Options{Stage: t.TempDir(), Endpoint: server.URL, Region: "us-east-1", AccessKey: "a", SecretKey: hidden, Bucket: "my-blog", Addressing: "path",
		Handshake: func(s tls.ConnectionState) { shown.Store(&s) }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.http.TLSClientConfig.RootCAs = x509.NewCertPool()
	s.http.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	_ = s.check(t.Context()) // there is no bucket
	if got := shown.Load(); got == nil || !got.PeerCertificates[0].Equal(server.Certificate()) {
		t.Errorf("told %v", got)
	}
}
