package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"net/url"
)

var categories = []string{"技术", "生活", "思考", "教程"}

func category() string { return categories[rand.IntN(len(categories))] }

// ok is a check whether a body holds what an answer must hold.
func ok[T any](right func(T) bool) func([]byte) error {
	return func(body []byte) error {
		var got T
		if err := json.Unmarshal(body, &got); err != nil {
			return fmt.Errorf("unreadable: %w", err)
		}
		if !right(got) {
			return fmt.Errorf("wrong: %.200s", body)
		}
		return nil
	}
}

type postsAnswer struct {
	Posts      []postAnswer
	Pagination struct {
		Total int
		Next  string
	}
}

type postAnswer struct {
	ID, Title, Excerpt      string
	LikeCount, CommentCount int
}

func (c *client) list() {
	query := fmt.Sprintf("?page=%d", 1+rand.IntN(3))
	if rand.IntN(2) == 0 {
		query += "&category=" + url.QueryEscape(category())
	}
	c.do(request{method: "GET", route: "/api/posts", query: query, want: 200}, ok(func(a postsAnswer) bool { return a.Posts != nil }))
}

func (c *client) tags() {
	c.do(request{method: "GET", route: "/api/posts/tags", want: 200}, nil)
}

// read reads anybody's post, without an account.
func (c *client) read() {
	p := c.ledger.anyPost()
	c.do(request{method: "GET", route: "/api/posts/{id}", id: p.id, want: 200}, ok(func(a struct{ Post postAnswer }) bool { return a.Post.Title == p.title }))
}

// readOwn reads a post of the client's own, which must be as it has left it.
func (c *client) readOwn() {
	p := c.newest()
	c.do(request{method: "GET", route: "/api/posts/{id}", id: p.id, private: true, want: 200}, ok(func(a struct{ Post postAnswer }) bool {
		return a.Post.Title == p.title && p.mayBe(a.Post.Excerpt)
	}))
}

func (c *client) readComments() {
	c.do(request{method: "GET", route: "/api/posts/{id}/comments", id: c.ledger.anyPost().id, want: 200}, nil)
}

func (c *client) me() {
	c.do(request{method: "GET", route: "/api/auth/me", private: true, want: 200}, nil)
}

func (c *client) login() {
	in := map[string]string{"email": c.email(), "password": password}
	c.do(request{method: "POST", route: "/api/auth/login", body: in, want: 200}, ok(func(a struct{ Token string }) bool { return a.Token != "" }))
}

func (c *client) readFile() {
	f := c.ledger.anyFile()
	if f == nil {
		return
	}
	c.do(request{method: "GET", route: f.url, want: 200}, f.check)
}

func (f *file) check(body []byte) error {
	if sha256.Sum256(body) != f.sum {
		return errors.New("other bytes than were uploaded")
	}
	return nil
}

func (c *client) create() {
	title, version := c.text("post"), c.text("version")
	in := map[string]any{"title": title, "content": "正文 " + title, "excerpt": version, "category": category(), "status": "published", "tags": []string{c.name}}
	var id string
	c.do(request{method: "POST", route: "/api/posts", private: true, body: in, want: 201}, ok(func(a struct{ Post postAnswer }) bool {
		id = a.Post.ID
		return a.Post.Title == title && id != ""
	}))
	if p := c.ledger.created(title, version, id); id != "" {
		c.keep(p)
	}
}

// put changes the whole of a post, which a gateway may send again.
func (c *client) put() {
	p, version := c.newest(), c.text("version")
	in := map[string]any{"title": p.title, "content": "改过的正文", "category": category(), "excerpt": version}
	p.changed(version, c.change("PUT", p, in, version))
}

// patch changes a part of it, which a gateway may not.
func (c *client) patch() {
	p, version := c.newest(), c.text("version")
	p.changed(version, c.change("PATCH", p, map[string]any{"excerpt": version}, version))
}

func (c *client) change(method string, p *post, in any, version string) bool {
	return c.do(request{method: method, route: "/api/posts/{id}", id: p.id, private: true, body: in, want: 200}, ok(func(a struct{ Post postAnswer }) bool {
		return a.Post.Excerpt == version
	}))
}

func (c *client) like() {
	p := c.ledger.anyPost()
	p.added(p.likes, c.name, c.do(request{method: "POST", route: "/api/posts/{id}/like", id: p.id, private: true, want: 200}, nil))
}

func (c *client) comment() {
	p, text := c.ledger.anyPost(), c.text("comment")
	p.added(p.comments, text, c.do(request{method: "POST", route: "/api/posts/{id}/comments", id: p.id, private: true, body: map[string]string{"content": text}, want: 201}, nil))
}

// upload uploads an image of up to 2 MB.
func (c *client) upload() {
	content := picture(rand.IntN(2 << 20))
	f, err := multipartForm(content)
	if err != nil {
		panic(err) // it is made in memory
	}
	var address string
	if c.do(request{method: "POST", route: "/api/upload/single", private: true, form: f, want: 200}, ok(func(a struct{ File struct{ URL string } }) bool {
		address = a.File.URL
		return address != ""
	})) {
		c.ledger.uploaded(file{url: address, sum: sha256.Sum256(content)})
	}
}

// picture is an image with so many bytes after its end, all at random.
func picture(bytesMore int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))) // into memory
	more := make([]byte, bytesMore)
	for i := range more {
		more[i] = byte(rand.Uint32())
	}
	return append(b.Bytes(), more...)
}

func multipartForm(content []byte) (*form, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="image"; filename="a.png"`}, "Content-Type": {"image/png"}})
	if err != nil {
		return nil, err
	}
	if _, err := part.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &form{w.FormDataContentType(), b.Bytes()}, nil
}
