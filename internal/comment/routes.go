package comment

import (
	"net/http"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Mount adds the routes to m.
func (s *Service) Mount(m *web.Mux) {
	m.Handle("GET /api/posts/{id}/comments", web.Anyone, s.getUnderPost)
	m.Handle("POST /api/posts/{id}/comments", web.SignedIn, s.postUnderPost)
	m.Handle("GET /api/comments", web.Anyone, s.getList)
	m.Handle("POST /api/comments", web.SignedIn, s.post)
	m.Handle("GET /api/comments/{id}", web.Anyone, s.get)
	m.Handle("PUT /api/comments/{id}", web.SignedIn, s.put)
	m.Handle("DELETE /api/comments/{id}", web.SignedIn, s.remove)
}

type commentAnswer struct {
	Message string      `json:"message,omitempty"`
	Comment web.Comment `json:"comment"`
}

func (s *Service) getUnderPost(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	post, err := web.PathID(r, blog.CodePostNotFound)
	if err != nil {
		return err
	}
	return s.writeList(w, r, who, post, web.ReadQuery(r, "sort", "page", "limit", "cursor"))
}

func (s *Service) getList(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	q := web.ReadQuery(r, "post", "sort", "page", "limit", "cursor")
	if q.String("post") == "" {
		q.Fail("post", blog.RulePostRequired)
	}
	return s.writeList(w, r, who, q.ID("post"), q)
}

func (s *Service) writeList(w http.ResponseWriter, r *http.Request, who blog.Actor, post blog.ID, q *web.Query) error {
	f := blog.CommentFilter{Post: post, Order: q.Order(blog.CommentSorts, "createdAt")}
	f.Page = q.Page(f.List())
	if err := q.Err(); err != nil {
		return err
	}
	a, err := s.List(r.Context(), who, f)
	if err != nil {
		return err
	}
	return web.Write(w, r, http.StatusOK, a)
}

func (s *Service) postUnderPost(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	post, err := web.PathID(r, blog.CodePostNotFound)
	if err != nil {
		return err
	}
	if err := s.MayRead(r.Context(), who, post); err != nil {
		return err
	}
	var in struct {
		Content *string `json:"content"`
		Parent  *string `json:"parent" null:"absent"`
	}
	err = web.Decode(r, web.MaxBody, &in)
	return s.create(w, r, who, post, blog.CommentInput{Content: web.Text(in.Content), Parent: in.Parent}, err)
}

func (s *Service) post(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	var in struct {
		Post    *string `json:"post"`
		Content *string `json:"content"`
		Parent  *string `json:"parent" null:"absent"`
	}
	err := web.Decode(r, web.MaxBody, &in)
	if web.Text(in.Post) == "" {
		err = blog.Also(err, blog.Invalid("post", blog.RulePostRequired))
	}
	post, ok := blog.ParseID(web.Text(in.Post))
	if err == nil && !ok {
		return blog.Fail(blog.CodePostNotFound)
	}
	return s.create(w, r, who, post, blog.CommentInput{Content: web.Text(in.Content), Parent: in.Parent}, err)
}

// create adds a comment unless its body is broken already.
func (s *Service) create(w http.ResponseWriter, r *http.Request, who blog.Actor, post blog.ID, in blog.CommentInput, broken error) error {
	if broken != nil {
		return blog.Also(broken, in.Apply(&blog.Comment{}))
	}
	c, err := s.Create(r.Context(), who, post, in)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusCreated, commentAnswer{"评论发表成功", web.NewComment(c)})
}

func (s *Service) get(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodeCommentNotFound)
	if err != nil {
		return err
	}
	c, err := s.Get(r.Context(), who, id)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, commentAnswer{Comment: web.NewComment(c)})
}

func (s *Service) put(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodeCommentNotFound)
	if err != nil {
		return err
	}
	if err := s.MayWrite(r.Context(), who, id); err != nil {
		return err
	}
	var in struct {
		Content *string `json:"content"`
	}
	err = web.Decode(r, web.MaxBody, &in)
	edit := blog.CommentInput{Content: web.Text(in.Content)}
	if err != nil {
		return blog.Also(err, edit.Apply(&blog.Comment{}))
	}
	c, err := s.Update(r.Context(), who, id, edit)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, commentAnswer{"评论更新成功", web.NewComment(c)})
}

func (s *Service) remove(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	id, err := web.PathID(r, blog.CodeCommentNotFound)
	if err != nil {
		return err
	}
	if err := s.Delete(r.Context(), who, id); err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, web.Message{Message: "评论删除成功"})
}
