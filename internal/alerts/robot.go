package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Robot puts messages into a group's chat.
type Robot struct {
	name    string // of the path to it
	most    int    // bytes of a text
	newline string
	webhook string // its address, with a token
	secret  string // "": it wants no signature
	// encode returns what to add to the address's query, and the body.
	encode func(secret string, now time.Time, m message) (url.Values, any)
}

type message struct {
	title, text string
	colour      string // red, orange, blue or green
}

// DingTalk is a custom robot of DingTalk. The secret, where it has one, signs.
//
// Source: https://open.dingtalk.com/document/robots/custom-robot-access
func DingTalk(webhook, secret string) Robot {
	return Robot{name: "dingtalk", most: 16_000, newline: "  \n", webhook: webhook, secret: secret, encode: dingTalk}
}

// Feishu is a custom robot of Feishu, or Lark. The secret, where it has one, signs.
//
// Source: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
func Feishu(webhook, secret string) Robot {
	return Robot{name: "feishu", most: 16_000, newline: "\n", webhook: webhook, secret: secret, encode: feishu}
}

// WeCom is a group's robot of WeCom. It knows no signatures.
//
// Source: https://developer.work.weixin.qq.com/document/path/91770
func WeCom(webhook string) Robot {
	return Robot{name: "wecom", most: 4096, newline: "\n", webhook: webhook, encode: weCom}
}

// dingTalk signs in the query: the milliseconds and the secret, keyed by the secret.
func dingTalk(secret string, now time.Time, m message) (url.Values, any) {
	query := url.Values{}
	if secret != "" {
		stamp := strconv.FormatInt(now.UnixMilli(), 10)
		query.Set("timestamp", stamp)
		query.Set("sign", sign(secret, stamp+"\n"+secret))
	}
	type content struct {
		Title string `json:"title"`
		Text  string `json:"text"`
	}
	return query, struct {
		Type     string  `json:"msgtype"`
		Markdown content `json:"markdown"`
	}{"markdown", content{m.title, m.text}}
}

// weCom shows no title: the text says all.
func weCom(_ string, _ time.Time, m message) (url.Values, any) {
	type content struct {
		Content string `json:"content"`
	}
	return nil, struct {
		Type     string  `json:"msgtype"`
		Markdown content `json:"markdown"`
	}{"markdown", content{m.text}}
}

type (
	feishuMessage struct {
		Timestamp string     `json:"timestamp,omitempty"`
		Sign      string     `json:"sign,omitempty"`
		Type      string     `json:"msg_type"`
		Card      feishuCard `json:"card"`
	}
	feishuCard struct {
		Header   feishuHeader    `json:"header"`
		Elements []feishuElement `json:"elements"`
	}
	feishuHeader struct {
		Template string        `json:"template"` // its colour
		Title    feishuElement `json:"title"`
	}
	feishuElement struct {
		Tag     string `json:"tag"`
		Content string `json:"content"`
	}
)

// feishu signs in the body: nothing, keyed by the seconds and the secret.
func feishu(secret string, now time.Time, m message) (url.Values, any) {
	body := feishuMessage{Type: "interactive", Card: feishuCard{
		Header:   feishuHeader{m.colour, feishuElement{"plain_text", m.title}},
		Elements: []feishuElement{{"markdown", m.text}},
	}}
	if secret != "" {
		body.Timestamp = strconv.FormatInt(now.Unix(), 10)
		body.Sign = sign(body.Timestamp+"\n"+secret, "")
	}
	return nil, body
}

func sign(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// send fails where the robot does not say that it took the message. The error holds
// neither the robot's token nor its secret.
func (r Robot) send(ctx context.Context, client *http.Client, now time.Time, m message) error {
	address, err := url.Parse(r.webhook)
	if err != nil {
		return r.hide(err)
	}
	query, body := r.encode(r.secret, now, m)
	both := address.Query()
	maps.Copy(both, query)
	address.RawQuery = both.Encode()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it would make the text longer
	if err := e.Encode(body); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), &b)
	if err != nil {
		return r.hide(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := client.Do(req)
	if err != nil {
		return r.hide(err)
	}
	defer resp.Body.Close()
	return r.hide(took(resp))
}

// took reads the answer: a robot that refuses says so in the body, with status 200.
func took(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the robot's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the robot answers with status %d", resp.StatusCode)
	}
	var answer struct {
		ErrCode *int   `json:"errcode"` // DingTalk, WeCom
		ErrMsg  string `json:"errmsg"`
		Code    *int   `json:"code"` // Feishu
		Msg     string `json:"msg"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return errors.New("the robot's answer is not JSON")
	}
	code := answer.ErrCode
	if code == nil {
		code = answer.Code
	}
	switch {
	case code == nil:
		return errors.New("the robot's answer has no code")
	case *code != 0:
		return fmt.Errorf("the robot refuses with code %d: %s%s", *code, answer.ErrMsg, answer.Msg)
	}
	return nil
}

// hide takes from an error what must stay secret: whoever knows the token of a robot can
// write into the chat.
func (r Robot) hide(err error) error {
	if err == nil {
		return nil
	}
	if inner, ok := errors.AsType[*url.Error](err); ok { // it begins with the address
		err = inner.Err
	}
	text := err.Error()
	for _, s := range r.secrets() {
		if len(s) >= 8 { // shorter ones are words of the address
			text = strings.ReplaceAll(text, s, "******")
		}
	}
	return errors.New(text)
}

// secrets are the secret and where an address holds the token: the end of its path, or
// its query.
func (r Robot) secrets() []string {
	u, err := url.Parse(r.webhook)
	if err != nil {
		return []string{r.secret}
	}
	secrets := []string{r.secret, path.Base(u.Path)}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}
