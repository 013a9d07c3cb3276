package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

func TestCommandsAskAServerThatSpeaksTLS(t *testing.T) {
	i := withAdmin(t)
	own := enginetest.NewCertificate(t, time.Now().Add(time.Hour), "blog.example") // not this machine's name
	i.env["TLS_CERT"], i.env["TLS_KEY"] = own.Write(t, t.TempDir())
	i.env["PORT"] = "0"
	base, _ := i.serving()
	if !strings.HasPrefix(base, "https://") {
		t.Errorf("it is at %s", base)
	}
	i.env["PORT"] = portOf(t, base)
	if code, out, errs := i.run("", "healthcheck"); code != 0 || !strings.Contains(out, "就绪") || errs != "" {
		t.Errorf("healthcheck: %d %s%s", code, out, errs)
	}
	i.succeeds("", "db", "pool")

	other := enginetest.NewCertificate(t, time.Now().Add(time.Hour), "blog.example")
	i.env["TLS_CERT"], i.env["TLS_KEY"] = other.Write(t, t.TempDir())
	i.fails("所出示的证书与设置中的不同", "", "db", "pool")
	if code, out, errs := i.run("", "healthcheck"); code != 0 || !strings.Contains(out, "就绪") || !strings.Contains(errs, "不是设置中的证书") {
		t.Errorf("healthcheck of one with another certificate: %d %s%s", code, out, errs)
	}
	i.env["TLS_CERT"] = filepath.Join(t.TempDir(), "none")
	i.fails("无法读取本站的证书", "", "db", "pool")
	delete(i.env, "TLS_CERT")
	delete(i.env, "TLS_KEY")
	i.fails("回答了状态 400", "", "db", "pool") // in the clear
}

func TestACertificateThatDoesNotLoadIsASentence(t *testing.T) {
	i := newInkstone(t, "PORT=0")
	i.env["TLS_CERT"], i.env["TLS_KEY"] = enginetest.NewCertificate(t, time.Now().Add(-time.Hour), "a").Write(t, t.TempDir())
	code, out, errs := i.run("", "serve")
	if code != 1 || out != "" || !strings.Contains(errs, "错误：TLS_CERT：") || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
