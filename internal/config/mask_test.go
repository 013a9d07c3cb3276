package config

import (
	"strings"
	"testing"
)

func TestNoSecretIsShownOrTold(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".env", "REDIS_PASSWORD=hidden-c\nJWT_SECRET='hidden-d\n")
	env := map[string]string{"NODE_ENV": "production", "JWT_SECRET": "hidden-a", "ADMIN_PASSWORD": "hidden-b",
		"UPLOADS": "s3://hidden-h:hidden-i@bucket", "S3_ACCESS_KEY": "hidden j", "S3_SECRET_KEY": "hidden k", "S3_ENDPOINT": "https://localhost/",
		"DINGTALK_WEBHOOK_URL": "hidden-l", "DINGTALK_SECRET": "hidden-m", "FEISHU_WEBHOOK_URL": "https://h/\x00hidden-n", "FEISHU_SECRET": "hidden-o", "WECOM_WEBHOOK_URL": "ftp://h/hidden-p",
		"DATABASE_URL": "postgres://u:hidden-e@h/d", "MONGODB_URI": "mongodb://u:hidden-f@h", "REDIS_URL": "redis://:hidden-g@h"}
	_, values, err := load(t, dir, env)
	if err == nil {
		t.Fatal("accepted")
	}
	all := err.Error()
	for _, v := range values {
		all += v.Value + v.Source
	}
	if strings.Contains(all, "hidden") {
		t.Errorf("a secret is shown:\n%s", all)
	}
}

func TestNoValueOfAQueryIsShownOrTold(t *testing.T) {
	env := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example.com/v1?api-key=hidden-a&x=hidden-b", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector:4318?hidden-c",
		"S3_ENDPOINT": "https://s3.example.com/?token=hidden-d#hidden-e", "UPLOADS": "s3://bucket/a?key=hidden-f", "UPLOADS_PUBLIC_URL": "https://h/?key=hidden-g;token=hidden-h",
		"RUNBOOK_URL": "https://h/docs?private_token=hidden-i hidden-j", "METRICS_ADDR": "http://h?token=hidden-k\"hidden-l", "ALLOWED_ORIGINS": "https://a/?token=hidden-m,https://u:hidden-n@b",
		"DATABASE_URL": "sqlite:a.db?_key=hidden-o", "TRUSTED_PROXIES": "https://u:hidden%zz@h", "OTEL_RESOURCE_ATTRIBUTES": "a=https://h?key=hidden-p",
	}
	_, values, err := load(t, t.TempDir(), env)
	if err == nil {
		t.Fatal("accepted")
	}
	all := err.Error()
	for _, v := range values {
		all += "\n" + v.Value
	}
	if strings.Contains(all, "hidden") {
		t.Errorf("a value of a query is shown:\n%s", all)
	}
	for _, kept := range []string{"https://collector.example.com/v1?api-key=******&x=******", "collector:4318?******", "https://h/docs?private_token=******", "sqlite:a.db?_key=******", `"a?key=******"`} {
		if !strings.Contains(all, kept) {
			t.Errorf("%s is hidden whole:\n%s", kept, all)
		}
	}
	_, values, err = load(t, t.TempDir(), map[string]string{"RUNBOOK_URL": "https://h/@us/runbook.md?", "UPLOADS": "a?"})
	if err != nil || valueOf(t, values, "RUNBOOK_URL").Value != "https://h/@us/runbook.md?" || valueOf(t, values, "UPLOADS").Value != "a?" {
		t.Errorf("what holds no secret is hidden: %v", err)
	}
}

func TestAPasswordIsSeenInWhatIsNoAddress(t *testing.T) {
	for value, want := range map[string]bool{
		"ink:hidden@127.0.0.1:9100": true, "//u:hidden@h": true, "http://ink:12/34@h": true, "https://u@h/": true, "https://u:p@h": true, "u@x:hidden@h": true,
		"https://h/@us/docs": false, "me@example.com": false, "127.0.0.1:9100": false, "sqlite:data/a@b.db": false, "sqlite://u:hidden@h": true, "": false, "@": false,
	} {
		if got := holdsPassword(value); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
}
