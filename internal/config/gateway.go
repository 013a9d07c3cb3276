package config

// Gateway is how requests are sent on to services.
type Gateway struct {
	RateMax     int // requests of an address in a window; 0: no limit
	Balancer    string
	Timeout     duration // of a request, retries included
	DialTimeout duration
	Retries     int
	MaxInFlight int
	EjectTime   duration
	SlowCall    duration
	SlowStart   duration
	ProbeEvery  duration
}

// Balancers are the ways to choose an instance.
var Balancers = []string{"p2c", "least-conn", "round-robin"}

func gatewayRows() []setting {
	return []setting{
		{Setting: Setting{Name: "GATEWAY_RATE_LIMIT_MAX", Default: "1000",
			ZH: "网关背后有别的进程时，每个 IP 在窗口内的请求数；`0` 关闭", EN: "requests of an IP in the window, where other processes are behind a gateway; `0` turns it off"},
			parse: number(func(c *Config) *int { return &c.Gateway.RateMax }, 0, 1_000_000_000)},
		{Setting: Setting{Name: "GATEWAY_BALANCER", Default: "p2c",
			ZH: "网关怎样选择实例：`p2c`（随机取两个，选较闲较快的）、`least-conn`（进行中的请求最少）或 `round-robin`（轮询）",
			EN: "how a gateway chooses an instance: `p2c` (the less busy and faster of two at random), `least-conn` (the fewest requests in flight) or `round-robin`"},
			parse: oneOf(func(c *Config) *string { return &c.Gateway.Balancer }, Balancers...)},
		{Setting: Setting{Name: "GATEWAY_TIMEOUT", Default: "10s",
			ZH: "等待服务开始应答的上限，含重试；超时回答 504", EN: "how long a service may take to begin its answer, retries included; 504 beyond it"},
			parse: span(func(c *Config) *duration { return &c.Gateway.Timeout }, second, 10*minute)},
		{Setting: Setting{Name: "GATEWAY_DIAL_TIMEOUT", Default: "1s",
			ZH: "连接一个实例的上限", EN: "how long it may take to connect to an instance"},
			parse: span(func(c *Config) *duration { return &c.Gateway.DialTimeout }, 10*millisecond, minute)},
		{Setting: Setting{Name: "GATEWAY_RETRIES", Default: "2",
			ZH: "一个请求最多在几个别的实例上重试；`0` 不重试", EN: "how many other instances a request may be tried on; `0`: none"},
			parse: number(func(c *Config) *int { return &c.Gateway.Retries }, 0, 5)},
		{Setting: Setting{Name: "GATEWAY_MAX_IN_FLIGHT", Default: "1024",
			ZH: "网关同时转发的请求数上限：超过四分之三时不再接受写请求，超过一半时不再接受边收边转的请求体（64 KiB 以上或长度未知）；此时回答 503",
			EN: "requests that are sent on at once: beyond three quarters of them no more writes, beyond half no more bodies that stream (over 64 KiB, or of unknown length); 503 then"},
			parse: number(func(c *Config) *int { return &c.Gateway.MaxInFlight }, 1, 1_000_000)},
		{Setting: Setting{Name: "GATEWAY_EJECT_TIME", Default: "30s",
			ZH: "连续失败的实例被移出多久，再犯则逐次加长", EN: "how long an instance that keeps failing is left out, and longer each further time"},
			parse: span(func(c *Config) *duration { return &c.Gateway.EjectTime }, second, hour)},
		{Setting: Setting{Name: "GATEWAY_SLOW_CALL", Default: "3s",
			ZH: "超过多久算慢；一半的请求变慢而其他实例不慢时，该实例被移出", EN: "how long is slow; an instance of which half the answers are, while others are not, is left out"},
			parse: span(func(c *Config) *duration { return &c.Gateway.SlowCall }, 10*millisecond, minute)},
		{Setting: Setting{Name: "GATEWAY_SLOW_START", Default: "10s",
			ZH: "新实例的份额用多久增至全额；`0` 立即", EN: "how long a new instance's share takes to be whole; `0`: at once"},
			parse: span(func(c *Config) *duration { return &c.Gateway.SlowStart }, 0, 10*minute)},
		{Setting: Setting{Name: "GATEWAY_PROBE_EVERY", Default: "5s",
			ZH: "网关多久查询一次 STATIC_SERVICES 中各实例的 `/readyz`", EN: "how often a gateway asks the instances of STATIC_SERVICES for `/readyz`"},
			parse: span(func(c *Config) *duration { return &c.Gateway.ProbeEvery }, second/10, hour)},
	}
}
