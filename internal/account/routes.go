package account

import (
	"net/http"
	"strings"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// MountAuth adds the routes of signing in and out to m.
func (s *Service) MountAuth(m *web.Mux) {
	m.Handle("POST /api/auth/register", web.NoToken, s.register)
	m.Handle("POST /api/auth/login", web.NoToken, s.login)
	m.Handle("GET /api/auth/me", web.SignedIn, s.me)
	m.Handle("POST /api/auth/refresh", web.SignedIn, s.refresh)
	m.Handle("POST /api/auth/logout", web.SignedIn, s.logout)
}

// MountUsers adds the routes of the accounts to m.
func (s *Service) MountUsers(m *web.Mux) {
	m.Handle("GET /api/users", web.Admin, s.list)
	m.Handle("GET /api/users/{id}", web.Anyone, s.get)
	m.Handle("PUT /api/users/me", web.SignedIn, s.edit)
	m.Handle("PUT /api/users/me/password", web.SignedIn, s.password)
	m.Handle("PATCH /api/users/{id}", web.Admin, s.change)
	m.Handle("DELETE /api/users/{id}", web.SignedIn, s.remove)
}

type userAnswer struct {
	Message string   `json:"message,omitempty"`
	User    web.User `json:"user"`
}

type tokenAnswer struct {
	Message string `json:"message,omitempty"`
	Token   string `json:"token"`
}

type signedInUser struct {
	ID       blog.ID   `json:"id"`
	Username string    `json:"username"`
	Email    string    `json:"email"`
	Role     blog.Role `json:"role"`
	Avatar   *string   `json:"avatar,omitempty"` // told at login only
}

type signedIn struct {
	tokenAnswer
	User signedInUser `json:"user"`
}

func (s *Service) register(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	var in struct {
		Username *string `json:"username"`
		Email    *string `json:"email"`
		Password *string `json:"password"`
	}
	err := web.Decode(r, web.MaxAuthBody, &in)
	asked := blog.NewUser{Username: web.Text(in.Username), Email: web.Text(in.Email), Password: web.Text(in.Password)}
	if err != nil {
		asked.Normalize()
		return blog.Also(err, asked.Validate())
	}
	u, token, err := s.Register(r.Context(), asked)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusCreated, signedIn{
		tokenAnswer{"注册成功", token}, signedInUser{ID: u.ID, Username: u.Username, Email: u.Email, Role: u.Role},
	})
}

func (s *Service) login(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	var in struct {
		Email    *string `json:"email"`
		Password *string `json:"password"`
	}
	if err := web.Decode(r, web.MaxAuthBody, &in); err != nil {
		return blog.Also(err, checkCredentials(blog.NormalEmail(web.Text(in.Email)), web.Text(in.Password)))
	}
	u, token, err := s.Login(r.Context(), web.Text(in.Email), web.Text(in.Password), web.ClientIP(r))
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, signedIn{
		tokenAnswer{"登录成功", token}, signedInUser{u.ID, u.Username, u.Email, u.Role, &u.Avatar},
	})
}

func (s *Service) me(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	u, err := s.Get(r.Context(), who.ID)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, userAnswer{User: web.Me(u)})
}

func (s *Service) refresh(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	if err := web.Decode(r, web.MaxAuthBody, &struct{}{}); err != nil {
		return err
	}
	token, err := s.Refresh(r.Context(), sentToken(r))
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, tokenAnswer{Token: token})
}

func (s *Service) logout(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	if err := web.Decode(r, web.MaxAuthBody, &struct{}{}); err != nil {
		return err
	}
	if err := s.Logout(r.Context(), sentToken(r)); err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, web.Message{Message: "登出成功"})
}

// sentToken returns the token of a request that came through web.SignedIn, which
// has found it to be a good Bearer token.
func sentToken(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token)
}

func (s *Service) list(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	f, err := userFilter(r)
	if err != nil {
		return err
	}
	l, err := s.List(r.Context(), f)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, struct {
		Users      []web.User     `json:"users"`
		Pagination web.Pagination `json:"pagination"`
	}{web.Each(l.Items, web.FullUser), web.NewPagination(f.Page, l.Total, l.Next)})
}

func userFilter(r *http.Request) (blog.UserFilter, error) {
	q := web.ReadQuery(r, "search", "role", "isActive", "sort", "page", "limit", "cursor")
	f := blog.UserFilter{
		Search: strings.TrimSpace(q.String("search")), Role: blog.Role(q.String("role")),
		Active: q.Bool("isActive"), Order: q.Order(blog.UserSorts, "-createdAt"),
	}
	if f.Role != "" && f.Role != blog.RoleUser && f.Role != blog.RoleAdmin {
		q.Fail("role", blog.RuleRole)
	}
	f.Page = q.Page(f.List())
	return f, q.Err()
}

func (s *Service) get(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodeUserNotFound)
	if err != nil {
		return err
	}
	u, err := s.Get(r.Context(), id)
	if err != nil {
		return err
	}
	wire := web.PublicUser(u)
	if who.Owns(u.ID) {
		wire = web.FullUser(u)
	}
	return web.JSON(w, r, http.StatusOK, userAnswer{User: wire})
}

func (s *Service) edit(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	patch, err := decodePatch(r)
	if err != nil {
		return blog.Also(err, s.checkEdit(r.Context(), who.ID, patch))
	}
	u, err := s.Edit(r.Context(), who.ID, patch)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, userAnswer{"资料更新成功", web.FullUser(u)})
}

type profileBody struct {
	FirstName *string `json:"firstName"`
	LastName  *string `json:"lastName"`
	Bio       *string `json:"bio"`
	Website   *string `json:"website"`
	Location  *string `json:"location"`
}

func decodePatch(r *http.Request) (blog.UserPatch, error) {
	var in struct {
		Username *string      `json:"username"`
		Email    *string      `json:"email"`
		Avatar   *string      `json:"avatar"`
		Profile  *profileBody `json:"profile"`
	}
	err := web.Decode(r, web.MaxAuthBody, &in)
	p := blog.UserPatch{Username: in.Username, Email: in.Email, Avatar: in.Avatar}
	if f := in.Profile; f != nil {
		p.FirstName, p.LastName, p.Bio, p.Website, p.Location = f.FirstName, f.LastName, f.Bio, f.Website, f.Location
	}
	return p, err
}

func (s *Service) password(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	var in struct {
		Current *string `json:"currentPassword"`
		New     *string `json:"newPassword"`
	}
	if err := web.Decode(r, web.MaxAuthBody, &in); err != nil {
		return blog.Also(err, checkPasswords(web.Text(in.Current), web.Text(in.New)))
	}
	token, err := s.ChangePassword(r.Context(), who.ID, web.Text(in.Current), web.Text(in.New))
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, tokenAnswer{"密码修改成功", token})
}

func (s *Service) change(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	id, err := web.PathID(r, blog.CodeUserNotFound)
	if err != nil {
		return err
	}
	var in struct {
		Role   *blog.Role `json:"role"`
		Active *bool      `json:"isActive"`
	}
	err = web.Decode(r, web.MaxAuthBody, &in)
	change := Change{in.Role, in.Active}
	if err != nil {
		return blog.Also(err, change.apply(&blog.User{}, s.now()))
	}
	u, err := s.Change(r.Context(), id, change)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, userAnswer{"用户更新成功", web.FullUser(u)})
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodeUserNotFound)
	if err != nil {
		return err
	}
	if err := s.Delete(r.Context(), who, id); err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, web.Message{Message: "用户已删除"})
}
