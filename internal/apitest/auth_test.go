package apitest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"inkstone/internal/enginetest"
)

// The original's tests/integration/auth.test.js, case by case.
func TestTheOriginalsIntegrationTests(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		tester := object{"username": "testuser", "email": "test@example.com", "password": "password123"}

		// 应该成功注册新用户
		a := s.Anyone.Post("/api/auth/register", tester).Expect(201)
		a.Says("message", "注册成功").Says("user.username", "testuser").Says("user.email", "test@example.com").Says("user.role", "user")

		// 应该返回当前用户信息
		s.Anyone.WithToken(a.Str("token")).Get("/api/auth/me").Expect(200).
			Says("user.username", "testuser").Says("user.email", "test@example.com")

		// 应该拒绝重复的邮箱
		s.Anyone.Post("/api/auth/register", object{"username": "testuser2", "email": "test@example.com", "password": "password123"}).
			Refused(400, "EMAIL_TAKEN").Says("error", "邮箱已被注册")

		// 应该成功登录
		s.Anyone.Post("/api/auth/login", object{"email": "test@example.com", "password": "password123"}).Expect(200).
			Says("message", "登录成功").Says("user.username", "testuser")

		// 应该拒绝错误的密码
		s.Anyone.Post("/api/auth/login", object{"email": "test@example.com", "password": "wrongpassword"}).
			Refused(401, "BAD_CREDENTIALS").Says("error", "邮箱或密码错误")

		// 应该拒绝无效令牌
		s.Anyone.With("Authorization", "Bearer invalid-token").Get("/api/auth/me").
			Refused(401, "TOKEN_INVALID").Says("error", "无效的访问令牌")
	})
}

func TestRegistrationNamesWhatIsWrong(t *testing.T) {
	cases := []struct{ field, value, message string }{
		{"username", "", "用户名不能为空"},
		{"username", "   ", "用户名不能为空"},
		{"username", " 墨香 ", "用户名至少3个字符"},
		{"username", repeat("墨", 21), "用户名最多20个字符"},
		{"email", "", "邮箱不能为空"},
		{"email", "invalid-email", "邮箱格式不正确"},
		{"email", "a@localhost", "邮箱格式不正确"},
		{"email", "墨 <a@example.com>", "邮箱格式不正确"},
		{"password", "", "密码不能为空"},
		{"password", "12345", "密码至少6个字符"},
		{"password", repeat("墨", 25), "密码最多72个字节"},
	}
	each(t, nil, func(t *testing.T, s *site) {
		for _, c := range cases {
			body := object{"username": "新来的读者", "email": "new@example.com", "password": password}
			body[c.field] = c.value
			s.Anyone.Post("/api/auth/register", body).Refused(400, "VALIDATION_FAILED").
				Says("error", "数据验证失败").Says("details", c.message).Says("fields."+c.field, c.message)
		}
		a := s.Anyone.Post("/api/auth/register", "{}").Refused(400, "VALIDATION_FAILED").Says("details", "用户名不能为空")
		if fields, _ := a.At("fields").(map[string]any); len(fields) != 3 {
			t.Errorf("fields %v, want all three", fields)
		}
	})
}

func TestRegistrationKeepsNamesAndAddressesUniqueWithoutCase(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		register := func(name, email string) *answer {
			return s.Anyone.Post("/api/auth/register", object{"username": name, "email": email, "password": password})
		}
		register(" Straße·Ink ", " Ink@Example.COM ").Expect(201).Says("user.username", "Straße·Ink").Says("user.email", "ink@example.com")
		register("别的名字", "INK@example.com").Refused(400, "EMAIL_TAKEN")
		register("STRAßE·ink", "other@example.com").Refused(400, "USERNAME_TAKEN").Says("error", "用户名已被使用")
		register("straße·ink", "ink@example.com").Refused(400, "EMAIL_TAKEN")
		s.Login("iNk@eXample.com", password)
	})
}

func TestUnknownFieldsAreRefusedByName(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		a := s.Anyone.Post("/api/auth/register", object{"username": "想当掌柜", "email": "boss@example.com", "password": password, "role": "admin"}).
			Refused(400, "VALIDATION_FAILED")
		if a.Str("fields.role") == "" || !strings.Contains(a.Str("details"), "不支持的字段") {
			t.Errorf("role is not named: %s", a.Body)
		}
		s.Anyone.Post("/api/auth/register", `{"Username":"大写的键","email":"key@example.com","password":"123456"}`).Refused(400, "VALIDATION_FAILED")
	})
}

func TestEveryBrokenFieldIsToldWhateverBrokeIt(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		comment := u.Comment(post, "好")
		long := repeat("长", 501)
		for _, c := range []struct {
			who          *client
			method, path string
			body         string
			first        string // what details tell
			fields       []string
		}{
			{s.Anyone, "POST", "/api/auth/register", `{"username":"ab","password":5,"email":"x","role":"admin"}`, "类型", []string{"username", "password", "email", "role"}},
			{s.Anyone, "POST", "/api/auth/register", `{"z":1,"a":2}`, "z", []string{"z", "a", "username", "password", "email"}},
			{s.Anyone, "POST", "/api/auth/login", `{"email":"x","more":1}`, "more", []string{"more", "email", "password"}},
			{u, "PUT", "/api/users/me", `{"username":" ","email":null,"profile":{"bio":"` + long + `","website":7,"x":1}}`, "email", []string{"email", "username", "profile.bio", "profile.website", "profile.x"}},
			{u, "PUT", "/api/users/me/password", `{"newPassword":"1","x":1}`, "x", []string{"x", "newPassword", "currentPassword"}},
			{s.Admin, "PATCH", "/api/users/" + u.ID, `{"isActive":"no","role":"king"}`, "isActive", []string{"isActive", "role"}},
			{u, "POST", "/api/posts", `{"title":"","tags":"a","category":"无","viewCount":9}`, "tags", []string{"tags", "viewCount", "title", "content", "category"}},
			{u, "PUT", "/api/posts/" + post, `{"title":7,"status":"x"}`, "title", []string{"title", "content", "category", "status"}},
			{u, "PATCH", "/api/posts/" + post, `{"excerpt":"` + long + `","id":1}`, "id", []string{"id", "excerpt"}},
			{u, "POST", "/api/posts/" + post + "/comments", `{"parent":"x","author":1}`, "author", []string{"author", "parent", "content"}},
			{u, "POST", "/api/comments", `{"parent":"x","author":1}`, "author", []string{"author", "post", "parent", "content"}},
			{u, "POST", "/api/comments", `{"parent":"x"}`, "文章", []string{"post", "parent", "content"}},
			{u, "PUT", "/api/comments/" + comment, `{"content":" ","author":1}`, "author", []string{"author", "content"}},
		} {
			a := c.who.Send(c.method, c.path, c.body).Refused(400, "VALIDATION_FAILED").Says("error", "数据验证失败")
			told, _ := a.At("fields").(map[string]any)
			if len(told) != len(c.fields) || !strings.Contains(a.Str("details"), c.first) {
				t.Errorf("%s %s tells %s", c.method, c.path, a.Body)
			}
			for _, f := range c.fields {
				if told[f] == nil {
					t.Errorf("%s %s does not tell %s: %s", c.method, c.path, f, a.Body)
				}
			}
		}
	})
}

func TestConcurrentRegistrationsOfOneNameMakeOneUser(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		var wg sync.WaitGroup
		answers := make([]*answer, 50)
		for i := range answers {
			email := "one@example.com"
			if i%2 == 1 {
				email = "one" + strconv.Itoa(i) + "@example.com"
			}
			wg.Go(func() {
				answers[i], _ = s.Anyone.Try("POST", "/api/auth/register", object{"username": "唯一的名字", "email": email, "password": password})
			})
		}
		wg.Wait()
		made := 0
		for _, a := range answers {
			switch {
			case a == nil:
				t.Error("a connection failed")
			case a.Status == 201:
				made++
			case a.Status == 400 && (a.Str("code") == "EMAIL_TAKEN" || a.Str("code") == "USERNAME_TAKEN"):
			case a.Status == 503 && a.Str("code") == "BUSY": // the queue of hashes is full
			default:
				t.Errorf("%d: %s", a.Status, a.Body)
			}
		}
		if made != 1 {
			t.Errorf("%d users made", made)
		}
		s.Admin.Get("/api/users?search=唯一的名字").Expect(200).Counts("pagination.total", 1)
	})
}

func TestMeTellsTheWholeAccountAndLoginIsNoted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		s.Login(u.Email, u.Password)
		a := u.Get("/api/auth/me").Expect(200).Says("user.id", u.ID).Says("user.role", "user")
		at, err := time.Parse(time.RFC3339, a.Str("user.lastLogin"))
		if err != nil || time.Since(at) > time.Minute {
			t.Errorf("lastLogin %q", a.Str("user.lastLogin"))
		}
	})
}

func TestLogoutEndsThatTokenOnly(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		fresh := u.WithToken(u.Post("/api/auth/refresh", nil).Expect(200).Str("token"))
		u.Get("/api/auth/me").Expect(200)
		u.Post("/api/auth/logout", nil).Expect(200).Says("message", "登出成功")
		u.Get("/api/auth/me").Refused(401, "TOKEN_INVALID")
		u.Get("/api/posts").Refused(401, "TOKEN_INVALID")
		fresh.Get("/api/auth/me").Expect(200)
	})
}

func TestNothingButASoundBearerTokenIsATokenAnywhere(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		claims := jwt.MapClaims{"userId": u.ID, "username": u.Name, "role": "admin", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
		none, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
		hs512, _ := jwt.NewWithClaims(jwt.SigningMethodHS512, claims).SignedString([]byte(secret))
		parts := strings.Split(u.Token, ".")
		bad := map[string]string{
			"garbage": "Bearer x", "three dots": "Bearer ...", "none": "Bearer " + none, "HS512": "Bearer " + hs512,
			"other secret":  "Bearer " + mint(claims, "another secret, long enough to be used here"),
			"cut":           "Bearer " + u.Token[:len(u.Token)-2],
			"other payload": "Bearer " + parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"userId":"`+s.Admin.ID+`"}`)) + "." + parts[2],
			"no exp":        "Bearer " + mint(jwt.MapClaims{"userId": u.ID, "iat": time.Now().Unix()}, secret),
			"object as id":  "Bearer " + mint(jwt.MapClaims{"userId": object{"$ne": ""}, "exp": time.Now().Add(time.Hour).Unix()}, secret),
		}
		for name, header := range bad {
			for _, path := range []string{"/api/auth/me", "/api/posts"} {
				if a := s.Anyone.With("Authorization", header).Get(path); a.Status != 401 {
					t.Errorf("%s at %s: status %d", name, path, a.Status)
				}
			}
		}
		claims["exp"] = time.Now().Add(-time.Minute).Unix()
		s.Anyone.WithToken(mint(claims, secret)).Get("/api/auth/me").Refused(401, "TOKEN_EXPIRED").Says("error", "访问令牌已过期")
		s.Anyone.Get("/api/auth/me").Refused(401, "TOKEN_MISSING").Says("error", "访问令牌缺失")
		s.Anyone.With("Authorization", u.Token).Get("/api/auth/me").Expect(401)
		s.Anyone.With("Authorization", "bEaReR "+u.Token).Get("/api/auth/me").Expect(200)
	})
}

// A page that sends its token with every request must get over the end of it.
func TestWhateverTokenIsSentOneCanSignIn(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, gone := s.User(), s.User()
		s.Admin.Patch("/api/users/"+gone.ID, object{"isActive": false}).Expect(200)
		expired := mint(jwt.MapClaims{"userId": u.ID, "iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-time.Minute).Unix()}, secret)
		for i, token := range []string{expired, gone.Token, "x", u.Token} {
			c := s.Anyone.WithToken(token)
			c.Post("/api/auth/login", object{"email": u.Email, "password": u.Password}).Expect(200)
			name := "again" + strconv.Itoa(i)
			c.Post("/api/auth/register", object{"username": name, "email": name + "@example.com", "password": password}).Expect(201)
		}
	})
}

func TestATokenOfTheOriginalIsAccepted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		now := time.Now()
		old := mint(jwt.MapClaims{"userId": u.ID, "username": u.Name, "role": "admin", "iat": now.Unix() + 1, "exp": now.Add(time.Hour).Unix()}, secret)
		c := u.WithToken(old)
		c.Get("/api/auth/me").Expect(200).Says("user.role", "user") // the role is the database's
		c.Get("/api/users").Refused(403, "FORBIDDEN")
		c.Post("/api/auth/logout", nil).Expect(200)
		c.Get("/api/auth/me").Refused(401, "TOKEN_INVALID")
		u.Get("/api/auth/me").Expect(200)
	})
}

// The original's tokens have no version: what a password change ends is told by
// the second they were made in.
func TestAPasswordChangeEndsTokensOfTheOriginal(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		token := func(at time.Time) *client {
			return u.WithToken(mint(jwt.MapClaims{"userId": u.ID, "username": u.Name, "role": "user", "iat": at.Unix(), "exp": at.Add(time.Hour).Unix()}, secret))
		}
		now := time.Now()
		old, newer := token(now.Add(-time.Minute)), token(now.Add(20*time.Second)) // of a clock that is ahead
		old.Get("/api/auth/me").Expect(200)
		u.Put("/api/users/me/password", object{"currentPassword": password, "newPassword": "新的密码很长"}).Expect(200)
		old.Get("/api/auth/me").Refused(401, "TOKEN_INVALID")
		newer.Get("/api/auth/me").Expect(200)
	})
}

func mint(claims jwt.MapClaims, secret string) string {
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		panic(err)
	}
	return s
}

func TestTheTokenCarriesTheOriginalsClaims(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		b, err := base64.RawURLEncoding.DecodeString(strings.Split(u.Token, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			UserID, Username, Role, Jti string
			Iat, Exp                    int64
		}
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		if c.UserID != u.ID || c.Username != u.Name || c.Role != "user" || c.Jti == "" || c.Exp-c.Iat != 7*24*3600 {
			t.Errorf("claims %s", b)
		}
	})
}

func TestLoginAnswersUnknownWrongAndDisabledAlike(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, gone := s.User(), s.User()
		s.Admin.Patch("/api/users/"+gone.ID, object{"isActive": false}).Expect(200)
		var bodies []string
		for _, c := range []object{
			{"email": "nobody@example.com", "password": password},
			{"email": u.Email, "password": "wrong" + password},
			{"email": gone.Email, "password": password},
		} {
			a := s.Anyone.Post("/api/auth/login", c).Refused(401, "BAD_CREDENTIALS")
			bodies = append(bodies, a.Str("error")+a.Str("details"))
		}
		if bodies[0] != bodies[1] || bodies[1] != bodies[2] {
			t.Errorf("the answers differ: %q", bodies)
		}
	})
}

func TestLoginNamesWhatIsWrong(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		for message, body := range map[string]object{
			"邮箱不能为空":  {"password": password},
			"密码不能为空":  {"email": adminEmail, "password": ""},
			"邮箱格式不正确": {"email": "keeper", "password": password},
		} {
			s.Anyone.Post("/api/auth/login", body).Refused(400, "VALIDATION_FAILED").Says("error", "数据验证失败").Says("details", message)
		}
		s.Anyone.Post("/api/auth/login", object{}).Refused(400, "VALIDATION_FAILED").Says("fields.email", "邮箱不能为空").Says("fields.password", "密码不能为空")
	})
}

// hashing is the settings with that cost of a hash, or with one that takes as long where
// the race detector makes a hash cost eleven times as much.
func hashing(cost int) settings {
	if enginetest.Raced {
		cost -= 3
	}
	return settings{"BCRYPT_COST": strconv.Itoa(cost)}
}

// At cost 8 a hash takes some 20 ms, so a path that skips it shows.
func TestLoginTakesAsLongForUnknownWrongAndDisabled(t *testing.T) {
	eachAlone(t, hashing(8), func(t *testing.T, s *site) {
		u, gone := s.User(), s.User()
		s.Admin.Patch("/api/users/"+gone.ID, object{"isActive": false}).Expect(200)
		attempts := map[string]object{
			"wrong":    {"email": u.Email, "password": "not " + password},
			"unknown":  {"email": "nobody@example.com", "password": password},
			"disabled": {"email": gone.Email, "password": password},
		}
		var told []string
		for range 3 { // a busy machine may bend one round, a difference bends each
			if told = unlike(medians(s, attempts)); told == nil {
				return
			}
		}
		t.Error(told)
	})
}

// medians tells how long each of the logins takes, sent in turn, so that a busy
// moment of the machine is everybody's.
func medians(s *site, attempts map[string]object) map[string]time.Duration {
	const rounds = 15
	times := map[string][]time.Duration{}
	for range rounds {
		for name, body := range attempts {
			start := time.Now()
			s.Anyone.Post("/api/auth/login", body).Refused(401, "BAD_CREDENTIALS")
			times[name] = append(times[name], time.Since(start))
		}
	}
	middle := map[string]time.Duration{}
	for name, all := range times {
		slices.Sort(all)
		middle[name] = all[rounds/2]
	}
	return middle
}

// unlike names what takes less than half or more than twice as long as a wrong password.
func unlike(took map[string]time.Duration) (told []string) {
	for name, d := range took {
		if d < took["wrong"]/2 || d > took["wrong"]*2 {
			told = append(told, fmt.Sprintf("%s takes %v, a wrong password %v", name, d, took["wrong"]))
		}
	}
	return told
}

// The original's tests/unit/user.test.js, as far as they show from outside.
func TestTheOriginalsUnitTests(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		tester := object{"username": "testuser", "email": "test@example.com", "password": "password123"}

		// 应该成功创建用户
		a := s.Anyone.Post("/api/auth/register", tester).Expect(201)
		if a.Str("user.id") == "" || strings.Contains(string(a.Body), "password") {
			t.Errorf("registered: %s", a.Body)
		}
		// 应该验证必填字段
		s.Anyone.Post("/api/auth/register", object{}).Refused(400, "VALIDATION_FAILED")
		// 应该验证邮箱格式
		s.Anyone.Post("/api/auth/register", object{"username": "testuser", "email": "invalid-email", "password": "password123"}).
			Refused(400, "VALIDATION_FAILED").Says("details", "邮箱格式不正确")
		// 应该正确验证密码
		s.Login("test@example.com", "password123")
		s.Anyone.Post("/api/auth/login", object{"email": "test@example.com", "password": "wrongpassword"}).Refused(401, "BAD_CREDENTIALS")
		// 应该生成有效的JWT令牌
		s.Anyone.WithToken(a.Str("token")).Get("/api/auth/me").Expect(200)
	})
}

// Cost 11 keeps the hashing busy for long enough that the queue fills.
func TestAFloodOfLoginsIsTurnedAwayAndEndsWithoutHarm(t *testing.T) {
	eachAlone(t, hashing(11), func(t *testing.T, s *site) {
		var wg sync.WaitGroup
		answers := make([]*answer, 80)
		for i := range answers {
			wg.Go(func() {
				answers[i], _ = s.Anyone.Try("POST", "/api/auth/login", object{"email": adminEmail, "password": "not " + password})
			})
		}
		wg.Wait()
		busy := 0
		for _, a := range answers {
			switch {
			case a == nil:
				t.Error("a connection failed")
			case a.Status == 503 && a.Str("error") == "服务繁忙，请稍后再试" && a.Header.Get("Retry-After") != "":
				busy++
			case a.Status != 401:
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		}
		if busy == 0 {
			t.Error("nobody was turned away")
		}
		s.Login(adminEmail, password)
	})
}
