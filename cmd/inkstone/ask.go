package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"inkstone/internal/app"
	"inkstone/internal/config"
	"inkstone/internal/web"
)

func serverBase(cfg *config.Config) string {
	if cfg.TLS.On() {
		return "https://" + serverHost(cfg)
	}
	return "http://" + serverHost(cfg)
}

func serverHost(cfg *config.Config) string {
	return net.JoinHostPort(reachable(cfg.Host), strconv.Itoa(cfg.Port))
}

const (
	// askPatience is how long it may take to ask the server: to find out how its database is, it
	// waits a second.
	askPatience = 5 * time.Second

	mostAnswer = 4 << 20 // bytes
)

// askServer asks the running server of these settings for a route, and does not need the database
// for that. errNobody if none listens; other errors are sentences.
func askServer(ctx context.Context, cfg *config.Config, route string) ([]byte, error) {
	inTime, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	conn, err := dialHere(inTime, reachable(cfg.Host), cfg.Port)
	if err != nil {
		return nil, toldOf(inTime, cfg, err)
	}
	defer conn.Close()
	defer context.AfterFunc(inTime, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	own, err := asOwn(inTime, conn, cfg)
	if err != nil {
		return nil, toldOf(inTime, cfg, err)
	}
	proof, err := app.Proof(cfg, route)
	if err != nil {
		return nil, err
	}
	body, err := askRoute(own, serverHost(cfg), route, proof)
	if err != nil {
		return nil, toldOf(inTime, cfg, err)
	}
	return body, nil
}

// asOwn shakes hands with a server that speaks TLS, if it is the one of the settings.
func asOwn(ctx context.Context, conn net.Conn, cfg *config.Config) (net.Conn, error) {
	own := app.AskTLS(cfg)
	if own == nil {
		return conn, nil
	}
	secure := tls.Client(conn, own)
	return secure, secure.HandshakeContext(ctx)
}

// statusError is an answer with another status than 200.
type statusError int

func (e statusError) Error() string { return "状态 " + strconv.Itoa(int(e)) }

// askRoute sends one request over a connection, with a proof, and returns the body of its answer.
// What net/http's client would do beside that, as going through a proxy, following elsewhere and
// trying again, is not wanted for a proof.
func askRoute(conn net.Conn, host, route, proof string) ([]byte, error) {
	method, path, _ := strings.Cut(route, " ")
	r := &http.Request{
		Method: method, URL: &url.URL{Scheme: "http", Host: host, Path: path}, Close: true,
		Header: http.Header{"Authorization": {web.OperatorScheme + " " + proof}},
	}
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, mostAnswer)), r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

// toldOf says in a sentence why the server could not be asked, and nothing of what came from there.
func toldOf(ctx context.Context, cfg *config.Config, err error) error {
	base := serverBase(cfg)
	status, answered := errors.AsType[statusError](err)
	_, broken := errors.AsType[*net.OpError](err)
	broken = broken || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case answered:
		return toldOfStatus(base, status)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case timedOut(err):
		return errors.New(base + " 没有在 5 秒内应答，请检查 HOST、PORT 与服务是否正常")
	case errors.Is(err, errElsewhere):
		return fmt.Errorf("HOST 的 %s 无法解析，或不只是本机的地址：凭证不会送到别处，请在服务所在的机器上执行", cfg.Host)
	case errors.Is(err, errNobody):
		return errNobody
	case errors.Is(err, app.ErrOtherCertificate):
		return errors.New(base + " 所出示的证书与设置中的不同，凭证没有送出：若刚更换证书，请几秒后再试；否则请检查 TLS_CERT，以及那里是否为本站")
	case errors.Is(err, app.ErrNoCertificate):
		return errors.New("无法读取本站的证书以辨认 " + base + "，请检查 TLS_CERT（使用 ACME 时为 DATA_DIR）与权限")
	case broken:
		return errors.New(base + " 关闭了连接，没有应答或应答不完整，请检查 HOST、PORT 与服务是否正常，再试一次")
	}
	return errors.New(base + " 的应答不是 " + protocolOf(cfg) + "，那里的不是砚台，请检查 HOST 与 PORT")
}

func protocolOf(cfg *config.Config) string {
	if cfg.TLS.On() {
		return "HTTPS"
	}
	return "HTTP"
}

// toldOfStatus returns the status with the sentence, where only the caller knows what it means.
func toldOfStatus(base string, status statusError) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return errors.New(base + " 不接受本命令的凭证，请检查 JWT_SECRET、DATA_DIR 与程序版本是否与服务的相同")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return fmt.Errorf("%s 正忙（%w），请稍后再试", base, status)
	}
	return fmt.Errorf("%s 回答了%w，请检查 HOST 与 PORT 处是否为同一版本的砚台", base, status)
}
