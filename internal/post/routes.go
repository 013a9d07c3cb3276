package post

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Mount adds the routes to m.
func (s *Service) Mount(m *web.Mux) {
	m.Handle("GET /api/posts", web.Anyone, s.getList)
	m.Handle("POST /api/posts", web.SignedIn, s.post)
	m.Handle("GET /api/posts/tags", web.Anyone, s.getTags)
	m.Handle("GET /api/posts/stats/overview", web.Admin, s.getStats)
	m.Handle("GET /api/posts/{id}", web.Anyone, s.get)
	m.Handle("PUT /api/posts/{id}", web.SignedIn, s.put)
	m.Handle("PATCH /api/posts/{id}", web.SignedIn, s.patch)
	m.Handle("DELETE /api/posts/{id}", web.SignedIn, s.remove)
	m.Handle("POST /api/posts/{id}/like", web.SignedIn, s.like)
	m.Handle("DELETE /api/posts/{id}/like", web.SignedIn, s.unlike)
}

func (s *Service) getList(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	f, err := filter(r, who)
	if err != nil {
		return err
	}
	a, err := s.List(r.Context(), who, f)
	if l, ok := errors.AsType[*largeList](err); ok {
		return web.WriteList(w, r, s.each(r.Context(), who, l), l.Bare.Largest, web.NewPagination(f.Page, l.Total, l.Next))
	}
	if err != nil {
		return err
	}
	return web.Write(w, r, http.StatusOK, a)
}

// NeedsSearch reports whether r asks for a search whose answer is not kept. Who sends
// it is taken for a stranger: to find out would be the dearer part.
func (s *Service) NeedsSearch(r *http.Request) bool {
	if r.URL.Path != "/api/posts" || r.Method != http.MethodGet && r.Method != http.MethodHead || !strings.Contains(r.URL.RawQuery, "search") {
		return false
	}
	f, err := filter(r, blog.Actor{})
	return err == nil && len(f.Search.Phrases) > 0 && !s.answers.Has(listKey(f))
}

// filter reads what is asked for and narrows it to what the actor may see: a cursor
// is of the list that he is shown.
func filter(r *http.Request, who blog.Actor) (blog.PostFilter, error) {
	q := web.ReadQuery(r, "category", "tags", "author", "status", "search", "sort", "from", "to", "page", "limit", "cursor")
	f := blog.PostFilter{
		Category: strings.TrimSpace(q.String("category")), Tags: tagList(q.String("tags")), Author: q.ID("author"),
		Search: blog.ParseQuery(q.String("search")),
		From:   q.Time("from", false), To: q.Time("to", true),
		Order: q.Order(blog.PostSorts, "-publishedAt"),
	}
	if len(f.Tags) > blog.MaxTags {
		q.Fail("tags", blog.RuleTagsMany)
	}
	switch status := q.String("status"); status {
	case "":
		f.Status = blog.Published
	case "all":
	default:
		f.Status = blog.Status(status)
		if !f.Status.Valid() {
			q.Fail("status", blog.RuleStatus)
		}
	}
	f.Narrow(who)
	f.Page = q.Page(f.List())
	return f, q.Err()
}

// tagList sorts the tags, so that their order makes no other query.
func tagList(s string) []string {
	var tags []string
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" {
			tags = append(tags, t)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func (s *Service) getTags(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	a, err := s.Tags(r.Context())
	if err != nil {
		return err
	}
	return web.Write(w, r, http.StatusOK, a)
}

func (s *Service) get(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodePostNotFound)
	if err != nil {
		return err
	}
	shown, err := s.Show(r.Context(), who, id)
	if err != nil {
		return err
	}
	if shown.Counts && r.Method == http.MethodGet && !shown.Answer.Fresh(r) {
		s.views.Count(id)
	}
	return web.Write(w, r, http.StatusOK, shown.Answer)
}

func (s *Service) post(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	in, err := decode(r)
	if err != nil {
		in.RequireAll()
		return blog.Also(err, s.check(in))
	}
	p, err := s.Create(r.Context(), who, in)
	if err != nil {
		return err
	}
	return writePost(w, r, http.StatusCreated, "文章创建成功", p)
}

func (s *Service) put(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	return s.update(w, r, who, (*blog.PostInput).RequireAll)
}

func (s *Service) patch(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	return s.update(w, r, who, func(*blog.PostInput) {})
}

func (s *Service) update(w http.ResponseWriter, r *http.Request, who blog.Actor, require func(*blog.PostInput)) error {
	id, err := web.PathID(r, blog.CodePostNotFound)
	if err != nil {
		return err
	}
	if err := s.MayWrite(r.Context(), who, id); err != nil {
		return err
	}
	in, err := decode(r)
	require(&in)
	if err != nil {
		return blog.Also(err, s.check(in))
	}
	p, err := s.Update(r.Context(), who, id, in, func(revision int64) bool { return web.MatchRevision(r, revision) })
	if err != nil {
		return err
	}
	return writePost(w, r, http.StatusOK, "文章更新成功", p)
}

func decode(r *http.Request) (blog.PostInput, error) {
	var in struct {
		Title      *string      `json:"title"`
		Content    *string      `json:"content"`
		Excerpt    *string      `json:"excerpt"`
		Category   *string      `json:"category"`
		Tags       *[]string    `json:"tags"`
		CoverImage *string      `json:"coverImage"`
		Status     *blog.Status `json:"status"`
	}
	err := web.Decode(r, web.MaxBody, &in)
	return blog.PostInput{
		Title: in.Title, Content: in.Content, Excerpt: in.Excerpt, Category: in.Category,
		Tags: in.Tags, CoverImage: in.CoverImage, Status: in.Status,
	}, err
}

func writePost(w http.ResponseWriter, r *http.Request, status int, message string, p *blog.Post) error {
	return web.JSON(w, r, status, web.PostAnswer{Message: message, Post: web.NewPost(p)})
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodePostNotFound)
	if err != nil {
		return err
	}
	if err := s.Delete(r.Context(), who, id); err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, web.Message{Message: "文章删除成功"})
}

func (s *Service) like(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	return s.setLike(w, r, who, true, "点赞成功")
}

func (s *Service) unlike(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	return s.setLike(w, r, who, false, "已取消点赞")
}

func (s *Service) setLike(w http.ResponseWriter, r *http.Request, who blog.Actor, like bool, message string) error {
	id, err := web.PathID(r, blog.CodePostNotFound)
	if err != nil {
		return err
	}
	if err := web.Decode(r, web.MaxAuthBody, &struct{}{}); err != nil {
		return err
	}
	n, err := s.SetLike(r.Context(), who, id, like)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, struct {
		Message   string `json:"message"`
		LikeCount int64  `json:"likeCount"`
	}{message, n})
}

type statusStats struct {
	Status     blog.Status `json:"_id"`
	Count      int64       `json:"count"`
	TotalViews int64       `json:"totalViews"`
	TotalLikes int64       `json:"totalLikes"`
}

type categoryStats struct {
	Category string `json:"_id"`
	Count    int64  `json:"count"`
}

func (s *Service) getStats(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	stats, err := s.Stats(r.Context())
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, struct {
		Statuses   []statusStats   `json:"statusStats"`
		Categories []categoryStats `json:"categoryStats"`
	}{
		web.Each(stats.Statuses, func(t blog.StatusStats) statusStats { return statusStats(t) }),
		web.Each(stats.Categories, func(c blog.CategoryCount) categoryStats { return categoryStats(c) }),
	})
}
