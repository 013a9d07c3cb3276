package apitest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// criticalAt returns how many instances fail a check, as Consul has it.
func criticalAt(t *testing.T, consul string) int {
	t.Helper()
	r, err := http.Get(consul + "/v1/health/state/critical")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var checks []any
	if err := json.NewDecoder(r.Body).Decode(&checks); err != nil {
		t.Fatal(err)
	}
	return len(checks)
}

// Consul asks every ten seconds. Who waited for that would be away for longer than the database.
func TestADatabaseThatComesBackIsBackAtOnceForThoseBehindConsul(t *testing.T) {
	t.Parallel()
	consul, server := enginetest.Consul(t), enginetest.PrivatePostgres(t)
	s := usual()
	maps.Copy(s, settings{"DATABASE_URL": server.URL(), "DATA_DIR": t.TempDir(), "CONSUL_HTTP_ADDR": consul.URL(), "DRAIN_WAIT": "0s", "DB_MAX_CONNS": "6"})
	service := maps.Clone(s)
	service["TARGET"], service["TRUSTED_PROXIES"] = "auth,user,post,comment,upload,admin", "127.0.0.1"
	run(t, service, io.Discard)
	s["TARGET"], s["GATEWAY_RATE_LIMIT_MAX"] = "gateway", "0"
	anyone := &client{t: t, url: run(t, s, io.Discard).URL(), header: http.Header{}}
	list := func() *answer { return anyone.Get("/api/posts?search=墨") }
	enginetest.Within(t, 30*time.Second, "the service is found", func() bool { return list().Status == http.StatusOK })

	server.Stop()
	enginetest.Within(t, 30*time.Second, "Consul sees that nobody is ready", func() bool { return criticalAt(t, consul.URL()) >= 6 })
	time.Sleep(time.Second) // the gateway has heard of it, and asked
	list().away()
	server.Start()
	took := enginetest.Within(t, recovery, "the service is used again", func() bool { return list().Status == http.StatusOK })
	t.Logf("%v after the database, while %d checks fail for Consul", took, criticalAt(t, consul.URL()))
}

func TestAnInstanceIsDrainedForTheGatewayThatIsToldSo(t *testing.T) {
	s := usual()
	one := newSite(t, startSplit(t, s))
	two := *one.Admin
	two.url = run(t, s, io.Discard).URL()
	id := one.Admin.Get("/api/admin/gateway").Expect(200).drainable(t, "post-service")
	path := "/api/admin/gateway/instances/" + id
	one.Admin.Post(path+"/drain", nil).Expect(200)
	one.Anyone.Get("/api/posts").Refused(503, "UNAVAILABLE")
	two.Get("/api/posts").Expect(200)
	two.Post(path+"/drain", nil).Expect(200)
	two.Get("/api/posts").Refused(503, "UNAVAILABLE")
	one.Admin.Post(path+"/resume", nil).Expect(200)
	one.Anyone.Get("/api/posts").Expect(200)
	if a := two.Get("/api/posts").Refused(503, "UNAVAILABLE"); !strings.Contains(string(a.Body), "post-service") {
		t.Errorf("%s", a.Body)
	}
}
