package main

import (
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheRelayNeedsARobotAndAFreeAddress(t *testing.T) {
	i := newInkstone(t)
	i.fails("没有机器人，请设置 DINGTALK_WEBHOOK_URL", "", "alerts")
	i.env["WECOM_WEBHOOK_URL"], i.env["ALERTS_ADDR"] = "https://h/?key=hidden", "192.0.2.1:1" // nobody's here
	i.fails("请检查 ALERTS_ADDR", "", "alerts")
	i.env["NODE_ENV"], i.env["BCRYPT_COST"] = "production", "10" // for which only a server needs a JWT_SECRET
	i.fails("请检查 ALERTS_ADDR", "", "alerts")
}

func TestTheRelayServesUntilItIsToldToStop(t *testing.T) {
	s := startAs(t, exec.Command(builtOnce(t), "alerts"), t.TempDir(), "ALERTS_ADDR=127.0.0.1:0",
		"WECOM_WEBHOOK_URL=https://robot.invalid/send?key=hidden-token", "FEISHU_WEBHOOK_URL=https://robot.invalid/hook/hidden-token")
	if got := s.status("/livez"); got != http.StatusOK {
		t.Errorf("%d", got)
	}
	for path, want := range map[string]int{"/wecom": 502, "/feishu": 502, "/dingtalk": 404} {
		r, err := http.Post(s.base+path, "application/json", strings.NewReader(`{"version":"4","alerts":[{"status":"firing"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	s.signal(syscall.SIGTERM)
	if code, _ := s.ends(20 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if said := s.out.String(); strings.Contains(said, "hidden") || !strings.Contains(said, "could not be delivered") || !strings.Contains(said, "2 个机器人") {
		t.Error(said)
	}
}
