package main

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// shownAt is the certificate of the server at an HTTPS address, in a file.
func shownAt(t *testing.T, address string) (file string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file = filepath.Join(t.TempDir(), "shown.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ConnectionState().PeerCertificates[0].Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheProgramHasItsCertificateIssued(t *testing.T) {
	program := builtOnce(t)
	_, port, _ := net.SplitHostPort(enginetest.FreeAddress(t))
	number, _ := strconv.Atoi(port)
	directory, _ := enginetest.ACME(t, enginetest.ACMEPorts{TLS: number}, 24*time.Hour)
	i := withAdmin(t)
	i.env["PORT"], i.env["ACME_DOMAINS"], i.env["ACME_DIRECTORY_URL"] = port, "blog.example", directory
	env := []string{"SSL_CERT_FILE=" + shownAt(t, directory)} // so that the issuer is believed
	for name, value := range i.env {
		env = append(env, name+"="+value)
	}
	s := startAs(t, exec.Command(program, "serve"), "", env...)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		way := &http.Transport{TLSClientConfig: &tls.Config{ServerName: "blog.example", InsecureSkipVerify: true}, Protocols: new(http.Protocols)} // whose it is, is looked at
		way.Protocols.SetHTTP1(protocol == "HTTP/1.1")
		way.Protocols.SetHTTP2(protocol == "HTTP/2.0")
		client := &http.Client{Transport: way, Timeout: patience}
		resp, err := client.Get("https://127.0.0.1:" + port + "/health")
		if err != nil {
			t.Fatalf("%v\n%s", err, s.out.String())
		}
		resp.Body.Close()
		shown := resp.TLS.PeerCertificates[0]
		if err := shown.VerifyHostname("blog.example"); err != nil || resp.StatusCode != http.StatusOK || resp.Proto != protocol || !strings.Contains(shown.Issuer.String(), "Pebble") {
			t.Errorf("%s %s, a certificate of %s: %v", resp.Proto, resp.Status, shown.Issuer, err)
		}
		way.CloseIdleConnections()
	}
	if out := i.succeeds("", "healthcheck"); !strings.Contains(out, "就绪") {
		t.Error(out)
	}
	i.succeeds("", "db", "pool")
}
