package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/joho/godotenv"

	"inkstone/internal/blog"
)

// Config is every setting, parsed and checked.
type Config struct {
	Production bool

	Host string
	Port int // 0: any free one

	DataDir   string
	Database  string // URL, see store.Open
	DB        Database
	SlowQuery SlowQuery
	Redis     Redis
	UploadDir string // "": images are kept in S3
	LogDir    string // "": no files
	LogLevel  string // debug, info, warn or error

	S3         S3     // zero unless images are kept there
	UploadsURL string // where the public gets them without this server; "": nowhere

	JWTSecret  string // "" in development: take KeptSecret; and see LoadForCommand
	JWTExpire  time.Duration
	BcryptCost int
	Admin      blog.NewUser // the first admin; the zero value: none is made

	Origins        []string // scheme://host[:port], as a browser sends it
	TrustedProxies []netip.Prefix
	Categories     []string

	RateWindow  time.Duration
	RateMax     int // per anonymous IP and window; 0: no limit
	RateUserMax int // per user and window; 0: no limit
	LoginMax    int // failed logins per account and IP; 0: no limit
	LoginIPMax  int // failed logins per IP; 0: no limit

	CacheBytes      int64
	UploadQuota     int64 // bytes per user; 0: no bound
	MaxConnections  int
	DrainWait       time.Duration
	ShutdownTimeout time.Duration
	MetricsAddr     string // "": /metrics is on the main listener

	Target  Target
	Consul  Consul
	Service Service
	Static  map[string][]string // addresses of services, by their names
	Gateway Gateway
	TLS     TLS

	Tracing Tracing
	Reports Reports
	Alerts  Alerts
}

// Database is about the connections to a database that is a server.
type Database struct {
	MaxConns         int // 0: by the processors
	ConnLifetime     time.Duration
	ConnectTimeout   time.Duration
	StatementTimeout time.Duration
	Pooled           bool // PgBouncer or the like is between, in transaction mode
}

// SlowQuery says which statements are noted as slow, and for how long.
type SlowQuery struct {
	Threshold time.Duration
	Window    time.Duration
}

// S3 is a part of a bucket and how to get at it.
type S3 struct {
	Bucket     string
	Prefix     string // of all names; without slashes around it, may be empty
	Endpoint   string // http(s)://host[:port]
	Region     string
	AccessKey  string
	SecretKey  string
	Addressing string // auto, path or host
}

// Value is where a setting's value came from.
type Value struct {
	Setting
	Value  string // as it was written; masked if secret
	Source string // 默认, 环境变量, .env, or a file's path
}

// Mistakes is every wrong setting, a sentence each.
type Mistakes []string

// Error implements error: a line for each mistake.
func (m Mistakes) Error() string { return strings.Join(m, "\n") }

// Load reads the settings from the environment and from .env in dir. The error
// is Mistakes; the values are returned even then, for showing.
func Load(lookup func(string) (string, bool), dir string) (*Config, []Value, error) {
	return read(lookup, dir, true)
}

// LoadForCommand is Load for what serves nobody: it may have no JWT_SECRET, and one that is
// wrong, or that it may not read, is none.
func LoadForCommand(lookup func(string) (string, bool), dir string) (*Config, error) {
	c, _, err := read(lookup, dir, false)
	return c, err
}

func read(lookup func(string) (string, bool), dir string, serves bool) (*Config, []Value, error) {
	l := loader{lookup: lookup, config: &Config{}}
	l.readDotenv(filepath.Join(dir, ".env"))
	for _, s := range table() {
		known := len(l.mistakes)
		l.load(s)
		if s.served && !serves {
			l.mistakes = l.mistakes[:known]
		}
	}
	l.checkAdmin()
	l.joinRedis()
	l.checkTracing()
	l.checkServices()
	l.checkTLS()
	if len(l.mistakes) > 0 {
		return nil, l.values, l.mistakes
	}
	return l.config, l.values, nil
}

type loader struct {
	lookup   func(string) (string, bool)
	dotenv   map[string]string
	config   *Config
	values   []Value
	mistakes Mistakes
}

func (l *loader) wrong(name, sentence string) {
	l.mistakes = append(l.mistakes, name+"："+sentence)
}

// maxDotenv bounds .env, in bytes: settings are small.
const maxDotenv = 1 << 20

// readDotenv reads a regular file alone: a pipe would be waited for, also by a server that
// reads its settings once more.
func (l *loader) readDotenv(path string) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && isNull(info) {
		return
	}
	if err == nil && !info.Mode().IsRegular() {
		l.wrong(".env", "不是普通文件（而是目录、管道或设备），请换成普通文件或移走")
		return
	}
	var b []byte
	if err == nil {
		b, err = readSome(path, maxDotenv)
	}
	if len(b) > maxDotenv {
		l.wrong(".env", "超过 1 MB，不是一份设置，请检查是否放错了文件")
		return
	}
	if err == nil {
		l.dotenv, err = parseDotenv(string(b))
	}
	if err != nil {
		// The parser's words quote the file, secrets and all.
		l.wrong(".env", "无法读取或格式有误，每行应为 名称=值，请检查引号是否成对")
	}
}

// isNull reports whether a file is the one that is always empty, which hides .env from a container.
func isNull(info fs.FileInfo) bool {
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// parseDotenv reads the text of a .env file. A dollar sign is one, as it was to
// the original: godotenv would put another variable's value, or nothing, in the
// place of "$NAME" and so make another secret of one that holds it.
func parseDotenv(text string) (map[string]string, error) {
	const dollar = "\x00" // no text file holds it
	if strings.Contains(text, dollar) {
		return nil, errors.New("not a text in UTF-8")
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "$", dollar)
	values, err := godotenv.Unmarshal(text)
	for name, value := range values {
		values[name] = strings.ReplaceAll(value, dollar, "$")
	}
	return values, err
}

func (l *loader) load(s setting) {
	before := len(l.mistakes)
	value, source := l.find(s)
	if source == fromDefault {
		value = s.defaultIn(l.config)
	}
	l.values = append(l.values, Value{s.Setting, s.shown(value), source})
	if len(l.mistakes) > before {
		return // there is no saying what it should be
	}
	if err := s.parse(l.config, value); err != nil {
		l.wrong(s.Name, openQuotes(err.Error()))
	}
}

// Where a value can come from, besides a file.
const (
	fromDefault     = "默认"
	fromEnvironment = "环境变量"
	fromDotenv      = ".env"
)

// place is where settings are given, before .env the environment.
type place struct {
	name string
	get  func(string) (string, bool)
}

func (l *loader) places() []place {
	inDotenv := func(name string) (string, bool) {
		v, ok := l.dotenv[name]
		return v, ok
	}
	return []place{{fromEnvironment, l.lookup}, {fromDotenv, inDotenv}}
}

// find takes the value of the first place that has one, under whatever name of s.
func (l *loader) find(s setting) (value, source string) {
	for _, p := range l.places() {
		if value, source = l.findIn(p, s); source != fromDefault {
			return value, source
		}
	}
	return "", fromDefault
}

// findIn looks under all names of s. Two with different values are a mistake.
func (l *loader) findIn(p place, s setting) (value, source string) {
	source = fromDefault
	for _, name := range append([]string{s.Name}, s.Aliases...) {
		v, from := l.findName(p, s, name)
		if from == fromDefault {
			continue
		}
		if source != fromDefault && v != value {
			l.wrong(s.Name, fmt.Sprintf("与 %s 同时设置且不一致，请只保留一个", name))
			continue
		}
		value, source = v, from
	}
	return value, source
}

func (l *loader) findName(p place, s setting, name string) (value, source string) {
	value, given := p.read(name, s.emptyCounts)
	path, twin := "", false
	if s.Secret {
		path, twin = p.read(name+"_FILE", false)
	}
	switch {
	case twin && given:
		l.wrong(name, fmt.Sprintf("与 %s_FILE 同时设置，请只保留一个", name))
		return value, p.name
	case twin:
		return l.readSecret(name+"_FILE", path), path
	case given:
		return value, p.name
	}
	return "", fromDefault
}

func (p place) read(name string, emptyCounts bool) (value string, given bool) {
	v, ok := p.get(name)
	return v, ok && (v != "" || emptyCounts)
}

// readSecret returns the text of a file without the newline and the byte order
// mark that editors add.
func (l *loader) readSecret(name, path string) string {
	b, err := readSome(path, maxSecret)
	if err != nil {
		l.wrong(name, fmt.Sprintf("无法读取文件 %s，请检查路径与权限", path))
		return ""
	}
	if len(b) > maxSecret {
		l.wrong(name, fmt.Sprintf("文件 %s 太大，不是一个密钥", path))
		return ""
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text = strings.TrimPrefix(text, "\ufeff"); text == "" {
		l.wrong(name, fmt.Sprintf("文件 %s 是空的", path))
	}
	return text
}

// maxSecret bounds a secret's file, in bytes: a path to a device must not fill the memory.
const maxSecret = 64 << 10

// readSome reads a file up to one byte beyond most.
func readSome(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// checkAdmin holds the three ADMIN_ settings against the rules of registration.
func (l *loader) checkAdmin() {
	a := &l.config.Admin
	if *a == (blog.NewUser{}) {
		return
	}
	a.Normalize()
	invalid, ok := errors.AsType[*blog.Error](a.Validate())
	if !ok {
		return
	}
	said := map[string]string{
		"email":    "首个管理员的邮箱无效，请填写形如 admin@example.com 的地址",
		"username": "首个管理员的用户名应为 3 到 20 个字符",
		"password": "首个管理员的密码至少 6 个字符、最多 72 个字节",
	}
	for _, f := range invalid.Fields {
		l.wrong("ADMIN_"+strings.ToUpper(f.Name), said[f.Name]+"（三项 ADMIN_ 设置须同时给出）")
	}
}
