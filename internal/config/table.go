package config

import "strings"

// Setting is what people are told of a setting.
type Setting struct {
	Name    string
	Aliases []string // other names for the same
	Default string   // <DATA_DIR> stands for that setting's value; "": none
	Strict  string   // the default in production, if it is another
	Split   string   // the default of a process that is a part of the site, if it is another
	Secret  bool     // never printed; has a NAME_FILE twin
	ZH, EN  string   // what it means
}

// setting adds how a value is read. parse gets the default where nothing was
// given; its error is a sentence that says what to do, and never holds a secret.
type setting struct {
	Setting
	emptyCounts bool // an empty value is a value
	served      bool // only who serves needs it
	parse       func(c *Config, value string) error
}

func (s setting) defaultIn(c *Config) string {
	if c.Production && s.Strict != "" {
		return s.Strict
	}
	if s.Split != "" && c.Target.Split() {
		return s.Split
	}
	return strings.ReplaceAll(s.Default, "<DATA_DIR>", strings.TrimSuffix(c.DataDir, "/"))
}

// table is every setting. A row may rely on those above it: NODE_ENV and DATA_DIR stand first.
func table() []setting {
	rows := make([]setting, 0, 96)
	for _, group := range [][]setting{placeRows(), databaseRows(), careRows(), redisRows(), uploadRows(), accountRows(), limitRows(), processRows(), clusterRows(), gatewayRows(), tlsRows(), tracingRows(), reportRows(), alertRows(), laterRows()} {
		rows = append(rows, group...)
	}
	return rows
}

// Settings returns the table without its functions.
func Settings() []Setting {
	var all []Setting
	for _, s := range table() {
		all = append(all, s.Setting)
	}
	return all
}

func placeRows() []setting {
	return []setting{
		{Setting: Setting{Name: "NODE_ENV", Default: "development",
			ZH: "`development`、`test` 或 `production`；生产环境对密钥要求严格", EN: "`development`, `test` or `production`, which is strict about secrets"}, parse: environment},
		{Setting: Setting{Name: "APP_ENV",
			ZH: "同 NODE_ENV；任一为 `production` 即为生产环境", EN: "as NODE_ENV; `production` in either one counts"}, parse: environment},
		{Setting: Setting{Name: "HOST", Default: "127.0.0.1", Strict: "0.0.0.0",
			ZH: "监听地址", EN: "address to listen on"}, parse: host(func(c *Config) *string { return &c.Host })},
		{Setting: Setting{Name: "PORT", Default: "3000",
			ZH: "监听端口；`0` 为任选空闲端口并打印", EN: "port to listen on; `0` picks a free one and prints it"},
			parse: number(func(c *Config) *int { return &c.Port }, 0, 65535)},
		{Setting: Setting{Name: "DATA_DIR", Default: "data",
			ZH: "数据目录，所有写入内容的默认位置", EN: "where everything is written, unless said otherwise below"},
			parse: folder(func(c *Config) *string { return &c.DataDir })},
		{Setting: Setting{Name: "DATABASE_URL", Default: "sqlite:<DATA_DIR>/inkstone.db", Secret: true,
			ZH: "数据库：`sqlite:路径` 或 `postgres://用户:密码@主机:端口/库名`", EN: "database: `sqlite:path` or `postgres://user:password@host:port/name`"}, parse: database},
		{Setting: Setting{Name: "LOG_LEVEL", Default: "info",
			ZH: "`debug`、`info`、`warn` 或 `error`", EN: "`debug`, `info`, `warn` or `error`"},
			parse: oneOf(func(c *Config) *string { return &c.LogLevel }, "debug", "info", "warn", "error")},
		{Setting: Setting{Name: "LOG_DIR", Default: "logs",
			ZH: "日志文件目录，已有别的进程在用则写入其下的 `2`、`3`…；设为空则不写文件", EN: "folder of log files, or of `2`, `3`… below it while other processes write there; set but empty: no files"},
			emptyCounts: true, parse: func(c *Config, v string) error { c.LogDir = v; return nil }},
	}
}

// databaseRows are about PostgreSQL; SQLite takes no notice of them.
func databaseRows() []setting {
	return []setting{
		{Setting: Setting{Name: "DB_MAX_CONNS", Default: "0",
			ZH: "PostgreSQL 连接数上限；`0` 为每个处理器 4 个，至少 10 个", EN: "most connections to PostgreSQL; `0`: four for each processor, at least 10"},
			parse: number(func(c *Config) *int { return &c.DB.MaxConns }, 0, 10_000)},
		{Setting: Setting{Name: "DB_CONN_LIFETIME", Default: "1h",
			ZH: "连接使用多久后换新", EN: "how old a connection gets"},
			parse: span(func(c *Config) *duration { return &c.DB.ConnLifetime }, second, 10*day)},
		{Setting: Setting{Name: "DB_CONNECT_TIMEOUT", Default: "5s",
			ZH: "单次连接的时限", EN: "bound of one try to connect"},
			parse: span(func(c *Config) *duration { return &c.DB.ConnectTimeout }, second, minute)},
		{Setting: Setting{Name: "DB_STATEMENT_TIMEOUT", Default: "5s",
			ZH: "单次操作的时限，含等待连接；超时回答 503", EN: "bound of one operation, with its wait for a connection; 503 beyond it"},
			parse: span(func(c *Config) *duration { return &c.DB.StatementTimeout }, second, 10*minute)},
		{Setting: Setting{Name: "DB_POOLER", Default: "none",
			ZH: "`transaction`：中间有事务模式的 PgBouncer；否则 `none`", EN: "`transaction`: a PgBouncer in transaction mode is between; else `none`"},
			parse: pooler},
	}
}

// careRows are about looking after the database, of any engine.
func careRows() []setting {
	return []setting{
		{Setting: Setting{Name: "SLOW_QUERY_THRESHOLD", Default: "100ms",
			ZH: "数据库语句超过多久算慢，被记下；`0` 记下全部", EN: "how long a database statement takes to be slow, and noted; `0`: all are"},
			parse: span(func(c *Config) *duration { return &c.SlowQuery.Threshold }, 0, minute)},
		{Setting: Setting{Name: "SLOW_QUERY_WINDOW", Default: "24h",
			ZH: "慢语句保留并统计多久", EN: "how long slow statements are kept and counted"},
			parse: span(func(c *Config) *duration { return &c.SlowQuery.Window }, hour, 30*day)},
	}
}

// uploadRows say where images are kept. UPLOADS stands first: the others ask for it.
func uploadRows() []setting {
	rows := []setting{
		{Setting: Setting{Name: "UPLOADS", Aliases: []string{"UPLOAD_DIR"}, Default: "<DATA_DIR>/uploads",
			ZH: "上传图片的位置：目录，或 `s3://存储桶/前缀`（亦可写作 UPLOAD_DIR）", EN: "where uploaded images are kept: a folder, or `s3://bucket/prefix` (UPLOAD_DIR is the same)"}, parse: uploads},
		{Setting: Setting{Name: "UPLOADS_PUBLIC_URL",
			ZH: "S3 中 UPLOADS 所指位置的公开地址；设置后图片请求被重定向到那里", EN: "public address of the place in S3 that UPLOADS names; requests for images are redirected there"},
			parse: publicURL},
		{Setting: Setting{Name: "S3_ENDPOINT", Default: "https://s3.amazonaws.com",
			ZH: "S3 服务的地址：`http(s)://主机[:端口]`", EN: "address of the S3 service: `http(s)://host[:port]`"},
			parse: s3Endpoint},
		{Setting: Setting{Name: "S3_REGION", Default: "us-east-1",
			ZH: "S3 的区域", EN: "region of the S3 service"},
			parse: s3Region},
		{Setting: Setting{Name: "S3_ACCESS_KEY", Secret: true,
			ZH: "S3 的访问密钥 ID", EN: "id of the access key to S3"},
			parse: s3Key(func(c *Config) *string { return &c.S3.AccessKey })},
		{Setting: Setting{Name: "S3_SECRET_KEY", Secret: true,
			ZH: "S3 的访问密钥", EN: "the access key to S3"},
			parse: s3Key(func(c *Config) *string { return &c.S3.SecretKey })},
		{Setting: Setting{Name: "S3_ADDRESSING", Default: "auto",
			ZH: "存储桶在地址中的位置：`path`（路径）、`host`（域名）或 `auto`（AWS、Google、阿里云用域名，其他用路径）",
			EN: "where the bucket stands in addresses: `path`, `host`, or `auto` (host for AWS, Google and Alibaba Cloud, else path)"},
			parse: oneOf(func(c *Config) *string { return &c.S3.Addressing }, "auto", "path", "host")},
	}
	for i := range rows[1:] {
		rows[i+1].parse = forBucket(rows[i+1].Default, rows[i+1].parse)
	}
	return rows
}

func accountRows() []setting {
	return []setting{
		{Setting: Setting{Name: "JWT_SECRET", Secret: true,
			ZH: "令牌签名密钥，至少 32 字节；开发环境缺省时生成一次并保存在 `<DATA_DIR>/jwt-secret`",
			EN: "signs the tokens, at least 32 bytes; in development one is made once and kept in `<DATA_DIR>/jwt-secret`"}, served: true, parse: jwtSecret},
		{Setting: Setting{Name: "JWT_EXPIRE", Default: "7d",
			ZH: "令牌有效期：`15m`、`12h`、`7d`；不带单位为毫秒", EN: "how long a token lasts: `15m`, `12h`, `7d`; a bare number is milliseconds"},
			parse: span(func(c *Config) *duration { return &c.JWTExpire }, second, 10*year)},
		{Setting: Setting{Name: "BCRYPT_COST", Default: "12",
			ZH: "密码散列强度：生产环境 10..15，其他 4..15", EN: "cost of a password hash: 10..15 in production, else 4..15"}, parse: bcryptCost},
		{Setting: Setting{Name: "ADMIN_EMAIL",
			ZH: "首个管理员的邮箱；启动时尚无管理员则创建", EN: "the first admin's address; he is made at start when there is none"},
			parse: func(c *Config, v string) error { c.Admin.Email = v; return nil }},
		{Setting: Setting{Name: "ADMIN_USERNAME",
			ZH: "首个管理员的用户名", EN: "the first admin's name"},
			parse: func(c *Config, v string) error { c.Admin.Username = v; return nil }},
		{Setting: Setting{Name: "ADMIN_PASSWORD", Secret: true,
			ZH: "首个管理员的密码", EN: "the first admin's password"},
			parse: func(c *Config, v string) error { c.Admin.Password = v; return nil }},
		{Setting: Setting{Name: "ALLOWED_ORIGINS", Default: "http://localhost:3000",
			ZH: "允许跨域的来源，逗号分隔；不接受 `*`", EN: "origins that may call across sites, comma separated; `*` is refused"}, parse: origins},
		{Setting: Setting{Name: "TRUSTED_PROXIES",
			ZH: "可信代理的 IP 或 CIDR，逗号分隔；只采信它们的 X-Forwarded-For", EN: "IPs or CIDRs whose X-Forwarded-For counts, comma separated"}, parse: proxies},
		{Setting: Setting{Name: "POST_CATEGORIES", Default: "技术,生活,思考,教程",
			ZH: "文章分类，逗号分隔，每个不超过 20 个字符", EN: "categories of posts, comma separated, at most 20 characters each"}, parse: categories},
	}
}

func limitRows() []setting {
	const most = 1_000_000_000
	return []setting{
		{Setting: Setting{Name: "RATE_LIMIT_WINDOW", Default: "15m",
			ZH: "限流窗口", EN: "window of the limits"},
			parse: span(func(c *Config) *duration { return &c.RateWindow }, second, day)},
		{Setting: Setting{Name: "RATE_LIMIT_MAX", Default: "100",
			ZH: "每个匿名 IP 在窗口内的请求数；`0` 关闭", EN: "requests of an anonymous IP in the window; `0` turns it off"},
			parse: number(func(c *Config) *int { return &c.RateMax }, 0, most)},
		{Setting: Setting{Name: "RATE_LIMIT_USER_MAX", Default: "1000",
			ZH: "每个登录用户在窗口内的请求数；`0` 关闭", EN: "requests of a signed-in user in the window; `0` turns it off"},
			parse: number(func(c *Config) *int { return &c.RateUserMax }, 0, most)},
		{Setting: Setting{Name: "LOGIN_LIMIT_MAX", Default: "10",
			ZH: "同一账号与 IP 在窗口内的登录失败次数；`0` 关闭", EN: "failed logins of one account from one IP; `0` turns it off"},
			parse: number(func(c *Config) *int { return &c.LoginMax }, 0, most)},
		{Setting: Setting{Name: "LOGIN_LIMIT_IP_MAX", Default: "100",
			ZH: "同一 IP 在窗口内的登录失败次数；`0` 关闭", EN: "failed logins from one IP; `0` turns it off"},
			parse: number(func(c *Config) *int { return &c.LoginIPMax }, 0, most)},
		{Setting: Setting{Name: "UPLOAD_QUOTA", Default: "1GB",
			ZH: "每个用户的图片总量；`0` 不限", EN: "sum of one user's images; `0`: no bound"},
			parse: size(func(c *Config) *int64 { return &c.UploadQuota }, 0, 1<<50)},
		{Setting: Setting{Name: "CACHE_BYTES", Default: "32MB",
			ZH: "内存中应答缓存的大小；`0` 关闭", EN: "size of the answer cache in memory; `0` turns it off"},
			parse: size(func(c *Config) *int64 { return &c.CacheBytes }, 0, 1<<40)},
		{Setting: Setting{Name: "MAX_CONNECTIONS", Default: "4096",
			ZH: "同时打开的连接数上限", EN: "connections open at once"},
			parse: number(func(c *Config) *int { return &c.MaxConnections }, 1, 1_000_000)},
	}
}

func processRows() []setting {
	return []setting{
		{Setting: Setting{Name: "TARGET", Default: "all",
			ZH: "本进程运行哪些服务：`all`，或 `gateway`、`auth`、`user`、`post`、`comment`、`upload`、`admin` 中的若干，逗号分隔（亦可用 `--target`）",
			EN: "services of this process: `all`, or some of `gateway`, `auth`, `user`, `post`, `comment`, `upload`, `admin`, comma separated (`--target` is the same)"}, parse: target},
		{Setting: Setting{Name: "DRAIN_WAIT", Default: "0s", Split: "3s",
			ZH: "退出前保持未就绪状态的时间", EN: "how long to be not ready before stopping"},
			parse: span(func(c *Config) *duration { return &c.DrainWait }, 0, minute)},
		{Setting: Setting{Name: "SHUTDOWN_TIMEOUT", Default: "25s",
			ZH: "退出时等待进行中请求的上限", EN: "longest wait for requests in flight when stopping"},
			parse: span(func(c *Config) *duration { return &c.ShutdownTimeout }, second, 10*minute)},
		{Setting: Setting{Name: "METRICS_ADDR",
			ZH: "`/metrics` 的独立监听地址，如 `127.0.0.1:9100`；缺省与主端口相同", EN: "a listener of its own for `/metrics`, e.g. `127.0.0.1:9100`; else it is on the main one"}, parse: metricsAddr},
	}
}

// laterRows are names of the contract that this version cannot serve: a value is
// refused, so that nobody believes it counts.
func laterRows() []setting {
	var rows []setting
	add := func(secret bool, zh, en string, names ...string) {
		for _, name := range names {
			rows = append(rows, setting{Setting: Setting{Name: name, Secret: secret,
				ZH: zh + "（本版本不支持，设置会被拒绝）", EN: en + " (not in this version: a value is refused)"}, parse: later})
		}
	}
	add(true, "MongoDB 地址", "address of MongoDB", "MONGODB_URI")
	return rows
}
