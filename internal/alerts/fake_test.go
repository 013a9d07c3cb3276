package alerts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	dingTalkSecret = "SECexample-of-dingtalk"
	feishuSecret   = "example-of-feishu"
	token          = "example-token-0123456789"
)

// fakes are the three vendors, as strict as their documentation says.
type fakes struct {
	*httptest.Server

	mu   sync.Mutex
	last map[string]string // message by the robot's name
}

// said is the last message that a robot took.
func (f *fakes) said(robot string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last[robot]
}

func (f *fakes) take(robot, message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[robot] = message
}

func newFakes(t *testing.T) *fakes {
	t.Helper()
	f := &fakes{last: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /robot/send", f.dingTalk)
	mux.HandleFunc("POST /open-apis/bot/v2/hook/{token}", f.feishu)
	mux.HandleFunc("POST /cgi-bin/webhook/send", f.weCom)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakes) robots() []Robot {
	return []Robot{
		DingTalk(f.URL+"/robot/send?access_token="+token, dingTalkSecret),
		Feishu(f.URL+"/open-apis/bot/v2/hook/"+token, feishuSecret),
		WeCom(f.URL + "/cgi-bin/webhook/send?key=" + token),
	}
}

// mac is HmacSHA256 and Base64, by hand.
func mac(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	io.WriteString(h, text)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// recent takes a stamp that is at most an hour off, as the vendors do.
func recent(stamp string, unit time.Duration) bool {
	n, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && time.Since(time.Unix(0, 0).Add(time.Duration(n)*unit)).Abs() < time.Hour
}

func (f *fakes) dingTalk(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Type     string `json:"msgtype"`
		Markdown struct{ Title, Text string }
	}
	q := r.URL.Query()
	stamp := q.Get("timestamp")
	switch {
	case q.Get("access_token") != token:
		fmt.Fprint(w, `{"errcode":300005,"errmsg":"token is not exist"}`)
	case !recent(stamp, time.Millisecond) || q.Get("sign") != mac(dingTalkSecret, stamp+"\n"+dingTalkSecret):
		fmt.Fprint(w, `{"errcode":310000,"errmsg":"sign not match"}`)
	case decode(r, &m) > 20_000 || m.Type != "markdown" || m.Markdown.Title == "" || m.Markdown.Text == "":
		fmt.Fprint(w, `{"errcode":40035,"errmsg":"invalid parameter"}`)
	default:
		f.take("dingtalk", m.Markdown.Title+"\n"+m.Markdown.Text)
		fmt.Fprint(w, `{"errcode":0,"errmsg":"ok"}`)
	}
}

func (f *fakes) feishu(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Timestamp, Sign string
		Type            string `json:"msg_type"`
		Card            struct {
			Header struct {
				Template string
				Title    struct{ Tag, Content string }
			}
			Elements []struct{ Tag, Content string }
		}
	}
	size := decode(r, &m)
	switch {
	case r.PathValue("token") != token:
		fmt.Fprint(w, `{"code":19001,"msg":"param invalid: incoming webhook access token invalid"}`)
	case !recent(m.Timestamp, time.Second) || m.Sign != mac(m.Timestamp+"\n"+feishuSecret, ""):
		fmt.Fprint(w, `{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`)
	case size > 20<<10 || m.Type != "interactive" || m.Card.Header.Title.Tag != "plain_text" || len(m.Card.Elements) != 1 || m.Card.Elements[0].Tag != "markdown":
		fmt.Fprint(w, `{"code":9499,"msg":"Bad Request","data":{}}`)
	default:
		f.take("feishu", m.Card.Header.Template+" "+m.Card.Header.Title.Content+"\n"+m.Card.Elements[0].Content)
		fmt.Fprint(w, `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`)
	}
}

func (f *fakes) weCom(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Type     string `json:"msgtype"`
		Markdown struct{ Content string }
	}
	decode(r, &m)
	switch {
	case r.URL.Query().Get("key") != token:
		fmt.Fprint(w, `{"errcode":93000,"errmsg":"invalid webhook url"}`)
	case m.Type != "markdown" || m.Markdown.Content == "" || len(m.Markdown.Content) > 4096:
		fmt.Fprint(w, `{"errcode":40058,"errmsg":"markdown.content exceed max length 4096"}`)
	default:
		f.take("wecom", m.Markdown.Content)
		fmt.Fprint(w, `{"errcode":0,"errmsg":"ok"}`)
	}
}

// decode reads a body of the right type, and returns its length.
func decode(r *http.Request, into any) int {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/json; charset=utf-8" || json.Unmarshal(body, into) != nil {
		return 1 << 30
	}
	return len(body)
}
