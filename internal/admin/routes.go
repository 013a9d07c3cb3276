package admin

import (
	"net/http"
	"slices"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// PoolRoute is the route that the command line asks of a running server. It is the one that takes
// an operator's proof in place of an admin's token.
const PoolRoute = "GET /api/admin/database/pool"

// Mount adds the routes to m.
func (s *Service) Mount(m *web.Mux) {
	m.Handle("GET /api/admin/database/slow-queries", web.Admin, s.getSlow)
	m.Handle("GET /api/admin/database/indexes", web.Admin, s.getIndexes)
	m.Handle(PoolRoute, web.Admin, s.getPool)
}

func (s *Service) getSlow(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	f, err := slowFilter(r)
	if err != nil {
		return err
	}
	report, err := s.Slow(r.Context(), f)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, report)
}

func slowFilter(r *http.Request) (SlowFilter, error) {
	q := web.ReadQuery(r, "sort", "limit", "explain")
	f := SlowFilter{Sort: Sorts[0], Limit: q.Clamped("limit", DefaultKinds, 1, MaxKinds, blog.RuleKinds)}
	if sort := q.String("sort"); sort != "" {
		f.Sort = sort
	}
	if !slices.Contains(Sorts, f.Sort) {
		q.Fail("sort", blog.RuleSort)
	}
	switch q.String("explain") {
	case "1", "true":
		f.Explain = true
	case "", "0", "false":
	default:
		q.Fail("explain", blog.RuleQuery)
	}
	return f, q.Err()
}

func (s *Service) getIndexes(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	report, err := s.Indexes(r.Context())
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, report)
}

func (s *Service) getPool(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	pool, err := s.Pool(r.Context())
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, pool)
}
