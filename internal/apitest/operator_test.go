package apitest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/auth"
	"inkstone/internal/enginetest"
	"inkstone/internal/gateway"
	"inkstone/internal/web"
)

// proofOf makes an operator's proof for a route, with a secret, at some time.
func proofOf(t testing.TB, secret, route string, at time.Time) string {
	t.Helper()
	o, err := auth.NewOperator([]byte(secret), route, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	proof, err := o.Prove()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// Operator returns nobody with a proof for a route.
func (s *site) Operator(route string) *client {
	s.t.Helper()
	return s.Anyone.With("Authorization", web.OperatorScheme+" "+proofOf(s.t, secret, route, time.Now()))
}

const refusal = "无效的访问令牌" // of every token that is not right

// proven are the routes that take a proof.
var proven = []string{admin.PoolRoute, gateway.StatusRoute}

func TestAnOperatorsProofIsGoodForItsRouteAlone(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		s.Operator(admin.PoolRoute).Get(database+"pool").Expect(200).Says("state", "ok")
		s.Operator(gateway.StatusRoute).Get("/api/admin/gateway").Expect(200).Says("discovery.source", "static")
		s.Operator(gateway.StatusRoute).Get(database+"pool").Refused(401, "TOKEN_INVALID")
		s.Operator(admin.PoolRoute).Get("/api/admin/gateway").Refused(401, "TOKEN_INVALID")
		tried := 0
		for _, r := range s.routes {
			if !strings.HasPrefix(r.Pattern, "/api/") || r.Access == web.NoToken || slices.Contains(proven, r.Method+" "+r.Pattern) {
				continue
			}
			path := strings.NewReplacer("{id}", s.Admin.ID, "{filename}", "a.png").Replace(r.Pattern)
			for _, route := range []string{admin.PoolRoute, r.Method + " " + path, r.Method + " " + r.Pattern} {
				s.Operator(route).Send(r.Method, path, nil).Refused(401, "TOKEN_INVALID").Says("error", refusal)
			}
			tried++
		}
		if tried < 20 {
			t.Errorf("only %d routes were tried", tried)
		}
		o := s.Operator(admin.PoolRoute)
		o.Head(database + "pool").Expect(401)
		o.Send("POST", database+"pool", nil).Expect(405)
		o.Get(database+"pool/").Refused(401, "TOKEN_INVALID")
		o.Get("/api/admin/database//pool").Expect(404)
	})
}

func TestAnUnsoundProofIsRefusedAsAnyToken(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		now := time.Now()
		proof := proofOf(t, secret, admin.PoolRoute, now)
		for name, authorization := range map[string]string{
			"as a token":            "Bearer " + proof,
			"a token as a proof":    web.OperatorScheme + " " + s.Admin.Token,
			"of another secret":     web.OperatorScheme + " " + proofOf(t, secret+"!", admin.PoolRoute, now),
			"for another route":     web.OperatorScheme + " " + proofOf(t, secret, "GET /api/admin/database/indexes", now),
			"of eleven seconds ago": web.OperatorScheme + " " + proofOf(t, secret, admin.PoolRoute, now.Add(-11*time.Second)),
			"of the next minute":    web.OperatorScheme + " " + proofOf(t, secret, admin.PoolRoute, now.Add(time.Minute)),
		} {
			if a := s.Anyone.With("Authorization", authorization).Get(database+"pool").Refused(401, "TOKEN_INVALID"); a.Str("error") != refusal {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
	})
}

// Who asks is found out without the database: then it is away, and that is told.
func TestAnOperatorSeesThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	s := onServer(t, server, nil)
	enginetest.Within(t, time.Minute, "it is ready", func() bool { return s.Anyone.Get("/readyz").Status == 200 })
	s.Admin = s.Login(adminEmail, password)
	server.Stop()
	s.Admin.Get(database + "pool").away()
	a := s.Operator(admin.PoolRoute).Get(database+"pool").Expect(200).Says("state", "away").Says("version", "")
	if a.Int("connections.limit") < 1 {
		t.Errorf("%s", a.Body)
	}
	server.Start()
	enginetest.Within(t, recovery, "it is reached again", func() bool {
		return s.Operator(admin.PoolRoute).Get(database+"pool").Str("state") == "ok"
	})
}
