package gateway

import (
	"net/http"

	"inkstone/internal/blog"
	"inkstone/internal/discovery"
	"inkstone/internal/web"
)

// StatusRoute is the route that the command line asks of a running gateway.
const StatusRoute = "GET /api/admin/gateway"

// Mount adds the routes to m.
func (g *Gateway) Mount(m *web.Mux) {
	m.Handle(StatusRoute, web.Admin, g.getStatus)
	m.Handle("POST /api/admin/gateway/instances/{id}/drain", web.Admin, g.postDrain)
	m.Handle("POST /api/admin/gateway/instances/{id}/resume", web.Admin, g.postResume)
}

// Status is how a gateway sees the services.
type Status struct {
	Gateway   string          `json:"gateway"` // host:port/pid
	InFlight  int64           `json:"inFlight"`
	Discovery discovery.State `json:"discovery"`
	Local     []string        `json:"local"`    // services of this very process
	Services  []ServiceStatus `json:"services"` // of others
}

// Status returns how the services are.
func (g *Gateway) Status() Status {
	s := Status{Gateway: g.Name(), InFlight: g.inFlight.Load(), Discovery: g.State(), Local: g.Local, Services: make([]ServiceStatus, 0, len(g.pools))}
	for _, p := range g.pools {
		s.Services = append(s.Services, p.status())
	}
	return s
}

func (g *Gateway) getStatus(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	return web.JSON(w, r, http.StatusOK, g.Status())
}

// changed is the answer to a change of an instance, whose state is that of this gateway alone.
type changed struct {
	Message string `json:"message"`
	Gateway string `json:"gateway"`
}

func (g *Gateway) postDrain(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	return g.change(w, r, (*pool).drain, "实例不再接收新请求")
}

func (g *Gateway) postResume(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	return g.change(w, r, (*pool).resume, "实例已恢复接收请求")
}

func (g *Gateway) change(w http.ResponseWriter, r *http.Request, set func(*pool, string) bool, message string) error {
	id := r.PathValue("id")
	for _, p := range g.pools {
		if set(p, id) {
			g.Log.Info("an admin has changed an instance", "service", p.service, "instance", id, "request", r.URL.Path)
			return web.JSON(w, r, http.StatusOK, changed{message, g.Name()})
		}
	}
	return blog.Fail(blog.CodeInstanceNotFound)
}
