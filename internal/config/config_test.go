package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func environmentOf(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

func load(t *testing.T, dir string, env map[string]string) (*Config, []Value, error) {
	t.Helper()
	return Load(environmentOf(env), dir)
}

func valueOf(t *testing.T, values []Value, name string) Value {
	t.Helper()
	for _, v := range values {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no value of %s", name)
	return Value{}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const strong = "k8Qz-3vT!x0Lw7pRn2Yb5Hd9Jf6Mg1Sc4Va"

func TestNothingSetGivesTheDefaultsOfTheContract(t *testing.T) {
	c, _, err := load(t, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(c.Production, c.Host, c.Port, c.DataDir, c.Database, c.UploadDir, c.JWTExpire, c.BcryptCost,
		c.Origins, c.RateWindow, c.RateMax, c.RateUserMax, c.LoginMax, c.LoginIPMax, c.Categories, c.LogLevel, c.LogDir, c.DrainWait)
	want := "false 127.0.0.1 3000 data sqlite:data/inkstone.db data/uploads 168h0m0s 12 " +
		"[http://localhost:3000] 15m0s 100 1000 10 100 [技术 生活 思考 教程] info logs 0s\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheEnvironmentWinsOverDotenvAndDotenvOverTheDefault(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".env", "\ufeffPORT=4000\nBCRYPT_COST=5\n")
	c, values, err := load(t, dir, map[string]string{"PORT": "5000"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 5000 || c.BcryptCost != 5 {
		t.Errorf("port %d, cost %d", c.Port, c.BcryptCost)
	}
	for name, source := range map[string]string{"PORT": fromEnvironment, "BCRYPT_COST": fromDotenv, "HOST": fromDefault} {
		if v := valueOf(t, values, name); v.Source != source {
			t.Errorf("%s comes from %q, want %q", name, v.Source, source)
		}
	}
}

func TestADollarSignInDotenvIsOne(t *testing.T) {
	for written, want := range map[string]string{
		`pa$$WORD$1`:    `pa$$WORD$1`,
		`"pa${HOME}wd"`: `pa${HOME}wd`,
		`'pa$PORT'`:     `pa$PORT`,
		`"pa\$PORT"`:    `pa$PORT`,
	} {
		dir := t.TempDir()
		write(t, dir, ".env", "PORT=4000\nADMIN_EMAIL=a@example.com\nADMIN_USERNAME=ada\nADMIN_PASSWORD="+written+"\n")
		c, _, err := Load(func(string) (string, bool) { return "", false }, dir)
		if err != nil || c.Admin.Password != want {
			t.Errorf("%s: %q, %v", written, c.Admin.Password, err)
		}
	}
}

func TestADotenvThatIsNoTextIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".env", "\xff\xfeP\x00O\x00R\x00T\x00=\x004\x00") // as an editor writes it that takes UTF-16
	if _, _, err := Load(func(string) (string, bool) { return "", false }, dir); err == nil {
		t.Error("read")
	}
}

func TestADotenvThatIsNoSmallFileIsRefusedUnread(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ".env", "PORT=4000\n"+strings.Repeat("#", maxDotenv))
	if _, _, err := load(t, dir, nil); err == nil || !strings.Contains(err.Error(), ".env：超过 1 MB") {
		t.Errorf("%v", err)
	}
	write(t, dir, ".env", "PORT=4000\n"+strings.Repeat("#", maxDotenv-10))
	if c, _, err := load(t, dir, nil); err != nil || c.Port != 4000 {
		t.Errorf("1 MiB: %v", err)
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := load(t, dir, nil); err == nil || !strings.Contains(err.Error(), ".env：不是普通文件") {
		t.Errorf("%v", err)
	}
}

func TestADotenvMayBeHiddenByTheEmptyDevice(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(os.DevNull, filepath.Join(dir, ".env")); err != nil {
		t.Skip(err)
	}
	if _, _, err := load(t, dir, nil); err != nil {
		t.Error(err)
	}
}

func TestOnlyWhoServesNeedsTheSecretOfTokens(t *testing.T) {
	dir := t.TempDir()
	for name, more := range map[string]map[string]string{
		"none": {}, "short": {"JWT_SECRET": "abc"}, "unreadable": {"JWT_SECRET_FILE": filepath.Join(dir, "missing")}, "twice": {"JWT_SECRET": strong, "JWT_SECRET_FILE": dir},
	} {
		env := map[string]string{"NODE_ENV": "production", "PORT": "4000"}
		maps.Copy(env, more)
		c, err := LoadForCommand(environmentOf(env), dir)
		if err != nil || !c.Production || c.Port != 4000 || c.JWTSecret != "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := load(t, dir, env); err == nil || !strings.Contains(err.Error(), "JWT_SECRET") {
			t.Errorf("%s serves: %v", name, err)
		}
	}
	env := map[string]string{"NODE_ENV": "production", "JWT_SECRET": strong}
	if c, err := LoadForCommand(environmentOf(env), dir); err != nil || c.JWTSecret != strong {
		t.Errorf("with one: %v", err)
	}
	env["PORT"] = "x"
	if _, err := LoadForCommand(environmentOf(env), dir); err == nil || !strings.Contains(err.Error(), "PORT") {
		t.Errorf("another mistake: %v", err)
	}
}

func TestASecretCanStandInAFile(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "secret", strong+"\n")
	c, values, err := load(t, dir, map[string]string{"JWT_SECRET_FILE": path})
	if err != nil {
		t.Fatal(err)
	}
	if c.JWTSecret != strong {
		t.Errorf("secret %q", c.JWTSecret)
	}
	if v := valueOf(t, values, "JWT_SECRET"); v.Source != path {
		t.Errorf("source %q", v.Source)
	}
	_, _, err = load(t, dir, map[string]string{"JWT_SECRET_FILE": path, "JWT_SECRET": strong})
	if err == nil || !strings.Contains(err.Error(), "JWT_SECRET_FILE") {
		t.Errorf("both given: %v", err)
	}
}

func TestTheEnvironmentWinsOverDotenvUnderEveryName(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "secret", strong+"\n")
	write(t, dir, ".env", "JWT_SECRET=of-dotenv\nUPLOADS=of-dotenv\n")
	c, _, err := load(t, dir, map[string]string{"JWT_SECRET_FILE": path, "UPLOAD_DIR": "here"})
	if err != nil {
		t.Fatal(err)
	}
	if c.JWTSecret != strong || c.UploadDir != "here" {
		t.Errorf("secret %q, folder %q", c.JWTSecret, c.UploadDir)
	}
}

func TestWhatAnEditorAddsIsNoPartOfASecret(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "secret", "\ufeff"+strong+"\r\n")
	c, _, err := load(t, dir, map[string]string{"JWT_SECRET_FILE": path})
	if err != nil || c.JWTSecret != strong {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestASecretsFileThatIsMissingIsOneMistake(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	_, _, err := load(t, t.TempDir(), map[string]string{"NODE_ENV": "production", "JWT_SECRET_FILE": missing})
	if mistakes, _ := errors.AsType[Mistakes](err); len(mistakes) != 1 {
		t.Errorf("%v", err)
	}
}

func TestASecretsFileIsReadUpToABound(t *testing.T) {
	path := write(t, t.TempDir(), "secret", strings.Repeat(strong, 2000))
	_, _, err := load(t, t.TempDir(), map[string]string{"JWT_SECRET_FILE": path})
	if err == nil || !strings.Contains(err.Error(), "太大") {
		t.Errorf("%v", err)
	}
}

func TestEverySecretHasAFileTwin(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, s := range Settings() {
		if !s.Secret {
			continue
		}
		_, _, err := load(t, t.TempDir(), map[string]string{s.Name + "_FILE": missing})
		if err == nil || !strings.Contains(err.Error(), s.Name+"_FILE") {
			t.Errorf("%s_FILE that is missing: %v", s.Name, err)
		}
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	env := map[string]string{
		"PORT": "70000", "NODE_ENV": "prod", "BCRYPT_COST": "99", "JWT_EXPIRE": "soon", "ALLOWED_ORIGINS": "*",
		"TRUSTED_PROXIES": "home", "POST_CATEGORIES": " , ", "LOG_LEVEL": "loud", "TARGET": "blog", "CONSUL_HTTP_ADDR": "ftp://c", "ADVERTISE_ADDR": "0.0.0.0", "STATIC_SERVICES": "post", "GATEWAY_BALANCER": "luck", "DATABASE_URL": "postgres://x:y%@z/w",
		"REDIS_URL": "redis://", "UPLOADS": "s3://B", "S3_ENDPOINT": "localhost:9000", "S3_REGION": "a b", "S3_ADDRESSING": "dns", "S3_ACCESS_KEY": "a b", "S3_SECRET_KEY": "a\n",
		"UPLOADS_PUBLIC_URL": "img.example.com", "CACHE_BYTES": "much", "METRICS_ADDR": "9100", "ADMIN_EMAIL": "nobody",
		"ALERTS_ADDR": "9095", "RUNBOOK_URL": "docs/runbook.md", "DINGTALK_WEBHOOK_URL": "oapi.dingtalk.com", "DINGTALK_SECRET": "SEC", "FEISHU_WEBHOOK_URL": "x",
		"FEISHU_SECRET": "a", "WECOM_WEBHOOK_URL": "https://",
	}
	_, _, err := load(t, t.TempDir(), env)
	mistakes, ok := errors.AsType[Mistakes](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	for name := range env {
		if !strings.Contains(err.Error(), name+"：") {
			t.Errorf("nothing is said of %s", name)
		}
	}
	if want := len(env) + 2; len(mistakes) != want { // ADMIN_EMAIL alone breaks all three
		t.Errorf("%d mistakes, want %d:\n%v", len(mistakes), want, err)
	}
}

func TestDurationsAreReadAsTheOriginalDid(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"15m": 15 * time.Minute, "12h": 12 * time.Hour, "7d": 168 * time.Hour, "2 days": 48 * time.Hour, "1w": 168 * time.Hour,
		"3600": 3600 * time.Millisecond, "1.5h": 90 * time.Minute, "1Y": 8766 * time.Hour, "90 Seconds": 90 * time.Second, ".5s": 500 * time.Millisecond,
	} {
		if got, ok := parseSpan(in); !ok || got != want {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "d", "-1h", "7 fortnights", "1h30m", "1e9y", "NaN", "inf", "0x10", "99999999999999y"} {
		if got, ok := parseSpan(in); ok {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}

func TestSizesAreReadInUnitsOf1024(t *testing.T) {
	for in, want := range map[string]int64{"32MB": 32 << 20, "1 gb": 1 << 30, "512": 512, "1.5KB": 1536} {
		if got, ok := parseSize(in); !ok || got != want {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
}

func TestOriginsAndProxiesAreLists(t *testing.T) {
	c, _, err := load(t, t.TempDir(), map[string]string{
		"ALLOWED_ORIGINS": " https://a.example , http://localhost:5173,", "TRUSTED_PROXIES": "10.1.2.3/8, ::1 ,192.0.2.7, ::ffff:172.16.1.1/108"})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Origins, c.TrustedProxies)
	if want := "[https://a.example http://localhost:5173] [10.0.0.0/8 ::1/128 192.0.2.7/32 172.16.0.0/12]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, o := range []string{"a.example", "https://a.example/", "https://a.example/path", "ftp://a.example", "https://*.example", "https://u@a.example", "null"} {
		if _, _, err := load(t, t.TempDir(), map[string]string{"ALLOWED_ORIGINS": o}); err == nil {
			t.Errorf("origin %q was accepted", o)
		}
	}
}

func TestTwoNamesOfOneSettingMustAgree(t *testing.T) {
	if _, _, err := load(t, t.TempDir(), map[string]string{"UPLOADS": "a", "UPLOAD_DIR": "b"}); err == nil {
		t.Error("two folders were accepted")
	}
	c, _, err := load(t, t.TempDir(), map[string]string{"UPLOADS": "a"})
	if err != nil || c.UploadDir != "a" {
		t.Errorf("folder %v, %v", c, err)
	}
}

func TestAnEmptyLogDirMeansNoFilesAndOtherEmptyValuesNothing(t *testing.T) {
	c, _, err := load(t, t.TempDir(), map[string]string{"LOG_DIR": "", "PORT": ""})
	if err != nil || c.LogDir != "" || c.Port != 3000 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestProcessesThatStartAtOnceAgreeOnTheKeptSecret(t *testing.T) {
	dir := t.TempDir()
	var secrets sync.Map
	var starters sync.WaitGroup
	for range 16 {
		starters.Go(func() {
			s, err := KeptSecret(dir)
			if err != nil {
				t.Error(err)
			}
			secrets.Store(s, true)
		})
	}
	starters.Wait()
	n := 0
	secrets.Range(func(_, _ any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d different secrets", n)
	}
	info, err := os.Stat(filepath.Join(dir, "jwt-secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".jwt-secret-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestToReadTheKeptSecretMakesNone(t *testing.T) {
	dir := t.TempDir()
	if s, err := ReadSecret(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read %q, %v", s, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
	made, err := KeptSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ReadSecret(dir); err != nil || s != made {
		t.Errorf("read another, %v", err)
	}
}

func TestADamagedKeptSecretIsToldNotReplaced(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "jwt-secret", "torn")
	if s, err := KeptSecret(dir); err == nil {
		t.Errorf("accepted %q", s)
	}
}

func TestWhatWouldOnlyFailLaterIsAMistake(t *testing.T) {
	for name, values := range map[string][]string{
		"HOST":         {"localhost:3000", "127.0.0.1:80", "*", "[a]", "a b"},
		"DATABASE_URL": {"sqlite:data/x.db?mode=ro", "sqlite::memory:", "postgres://u:p@host", "postgres://u:p@w@host/db", "postgres://u:p/w@host/db", "postgres://u:p@host/a/b", "postgres:x", "mysql://u:p@host/db"},
	} {
		for _, v := range values {
			if _, _, err := load(t, t.TempDir(), map[string]string{name: v}); err == nil {
				t.Errorf("%s=%s was accepted", name, v)
			}
		}
	}
	for _, v := range []string{"::1", "[::1]", "0.0.0.0", "localhost", "blog_1.example"} {
		if c, _, err := load(t, t.TempDir(), map[string]string{"HOST": v}); err != nil || c.Host != strings.Trim(v, "[]") {
			t.Errorf("HOST=%s: %+v, %v", v, c, err)
		}
	}
}

func TestCategoriesMayBePartedByTheCommaOfAChineseKeyboard(t *testing.T) {
	c, _, err := load(t, t.TempDir(), map[string]string{"POST_CATEGORIES": "技术，生活, 随笔"})
	if err != nil || fmt.Sprint(c.Categories) != "[技术 生活 随笔]" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestASpanIsWrittenAsItIsRead(t *testing.T) {
	for _, d := range []time.Duration{0, 250 * time.Millisecond, time.Second, 15 * time.Minute, 36 * time.Hour, 24 * time.Hour, 10 * year} {
		if got, ok := parseSpan(writeSpan(d)); !ok || got != d {
			t.Errorf("%v is written %s", d, writeSpan(d))
		}
	}
}

func TestARobotIsAnAddressAndPerhapsASecret(t *testing.T) {
	env := map[string]string{"DINGTALK_WEBHOOK_URL": "https://oapi.dingtalk.com/robot/send?access_token=x", "DINGTALK_SECRET": "SECx", "WECOM_WEBHOOK_URL": "http://127.0.0.1:1/?key=x"}
	c, _, err := load(t, t.TempDir(), env)
	if err != nil {
		t.Fatal(err)
	}
	want := Alerts{Addr: "127.0.0.1:9095", DingTalk: Robot{env["DINGTALK_WEBHOOK_URL"], "SECx"}, WeCom: Robot{Webhook: env["WECOM_WEBHOOK_URL"]}}
	if c.Alerts != want {
		t.Errorf("%+v", c.Alerts)
	}
	if _, _, err := load(t, t.TempDir(), map[string]string{"FEISHU_SECRET": "x"}); err == nil || !strings.Contains(err.Error(), "FEISHU_SECRET：") {
		t.Errorf("a secret without a robot: %v", err)
	}
}
