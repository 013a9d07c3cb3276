package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"inkstone/api"
)

// contract is api/openapi.yaml, made ready to judge answers.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex // guards compiler and schemas
	schemas  map[string]*jsonschema.Schema
}

var theContract = sync.OnceValue(func() *contract {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.JSON()))
	if err != nil {
		panic(err)
	}
	c := &contract{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	if err := c.compiler.AddResource("openapi.json", doc); err != nil {
		panic(err)
	}
	return c
})

// check returns everything about an answer that the document does not allow.
func (c *contract) check(method, path string, a *answer) error {
	errs := []error{checkEverywhere(path, a)}
	if method != http.MethodOptions {
		pointer, err := c.response(method, path, a)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, c.checkHeaders(pointer, a), c.checkBody(method, pointer, a))
	}
	return errors.Join(errs...)
}

// response returns the pointer of the response object that describes the status.
func (c *contract) response(method, path string, a *answer) (string, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	template, item := c.path(method, path)
	if odd := strings.ContainsAny(path, "%\\"); odd && a.Str("code") == "ROUTE_NOT_FOUND" {
		item = nil // a spelling that no route has, such as an encoded slash
	}
	status := a.Status
	op, _ := item[strings.ToLower(method)].(map[string]any)
	switch {
	case item == nil && status == http.StatusNotFound && strings.HasPrefix(path+"/", "/uploads/"):
		return "/components/responses/FileNotFound", nil
	case item == nil && status == http.StatusNotFound:
		return "/components/responses/RouteNotFound", nil
	case item != nil && op == nil && status == http.StatusMethodNotAllowed:
		return "/components/responses/MethodNotAllowed", nil
	case item == nil && status == http.StatusTooManyRequests || op == nil && status == http.StatusTooManyRequests:
		return "/components/responses/RateLimited", nil
	case op == nil && status == http.StatusUnauthorized:
		return "/components/responses/BadToken", nil
	case op == nil:
		return "", fmt.Errorf("status %d for a route that the document does not have", status)
	}
	pointer := "/paths/" + escape(template) + "/" + strings.ToLower(method) + "/responses/" + strconv.Itoa(status)
	found, ok := c.at(pointer).(map[string]any)
	if !ok {
		return "", fmt.Errorf("status %d is not in the document", status)
	}
	if ref, ok := found["$ref"].(string); ok {
		return strings.TrimPrefix(ref, "#"), nil
	}
	return pointer, nil
}

// path finds the template of a path: one that has the method, and of those the
// one with the most literal segments, as net/http chooses.
func (c *contract) path(method, path string) (template string, item map[string]any) {
	path, _, _ = strings.Cut(path, "?")
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	best := -1
	for t, v := range c.doc["paths"].(map[string]any) {
		n, m := literals(t, path), v.(map[string]any)
		if n >= 0 && m[strings.ToLower(method)] != nil {
			n += 100
		}
		if n > best {
			best, template, item = n, t, m
		}
	}
	return template, item
}

// literals counts the literal segments of a template that a path fits, -1 if it does not.
func literals(template, path string) int {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return -1
	}
	n := 0
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], "{") && have[i] != "":
		case want[i] == have[i]:
			n++
		default:
			return -1
		}
	}
	return n
}

func (c *contract) checkHeaders(pointer string, a *answer) error {
	headers, _ := c.at(pointer + "/headers").(map[string]any)
	var errs []error
	for name, v := range headers {
		h, at := v.(map[string]any), pointer+"/headers/"+escape(name)
		if ref, ok := h["$ref"].(string); ok {
			at = strings.TrimPrefix(ref, "#")
			h = c.at(at).(map[string]any)
		}
		value := a.Header.Get(name)
		if value == "" {
			if h["required"] == true {
				errs = append(errs, fmt.Errorf("header %s is missing", name))
			}
			continue
		}
		if err := c.schema(at + "/schema").Validate(headerValue(h, value)); err != nil {
			errs = append(errs, fmt.Errorf("header %s: %q: %w", name, value, err))
		}
	}
	return errors.Join(errs...)
}

func headerValue(header map[string]any, value string) any {
	schema, _ := header["schema"].(map[string]any)
	if n, err := strconv.Atoi(value); err == nil && schema["type"] == "integer" {
		return n
	}
	return value
}

func (c *contract) checkBody(method, pointer string, a *answer) error {
	content, _ := c.at(pointer + "/content").(map[string]any)
	if method == http.MethodHead || len(content) == 0 {
		if len(a.Body) != 0 {
			return fmt.Errorf("a body of %d bytes where none belongs", len(a.Body))
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type %q: %w", a.Header.Get("Content-Type"), err)
	}
	if multipart := kind == "multipart/byteranges" && a.Status == http.StatusPartialContent; multipart {
		return nil
	}
	if content[kind] == nil {
		return fmt.Errorf("Content-Type %s is not in the document", kind)
	}
	if kind != "application/json" {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Body))
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return errors.Join(c.schema(pointer+"/content/application~1json/schema").Validate(v), equalIDs(v))
}

// equalIDs checks that every document with both has the same _id and id.
func equalIDs(v any) (err error) {
	switch in := v.(type) {
	case []any:
		for _, e := range in {
			err = errors.Join(err, equalIDs(e))
		}
	case map[string]any:
		one, hasOne := in["_id"].(string)
		if two, hasTwo := in["id"].(string); hasOne && hasTwo && one != two {
			err = fmt.Errorf("_id is %s and id %s", one, two)
		}
		for _, e := range in {
			err = errors.Join(err, equalIDs(e))
		}
	}
	return err
}

func (c *contract) schema(pointer string) *jsonschema.Schema {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.schemas[pointer]; s != nil {
		return s
	}
	s := c.compiler.MustCompile("openapi.json#" + pointer)
	c.schemas[pointer] = s
	return s
}

func (c *contract) at(pointer string) any {
	var v any = c.doc
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		m, _ := v.(map[string]any)
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
	}
	return v
}

func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

// helmet is what helmet 7 sends by default. Pages and files may narrow the two
// that name a policy for their content.
var helmet = map[string]string{
	"Content-Security-Policy":           "",
	"Cross-Origin-Opener-Policy":        "same-origin",
	"Cross-Origin-Resource-Policy":      "",
	"Origin-Agent-Cluster":              "?1",
	"Referrer-Policy":                   "no-referrer",
	"Strict-Transport-Security":         "",
	"X-Content-Type-Options":            "nosniff",
	"X-DNS-Prefetch-Control":            "off",
	"X-Download-Options":                "noopen",
	"X-Frame-Options":                   "SAMEORIGIN",
	"X-Permitted-Cross-Domain-Policies": "none",
	"X-XSS-Protection":                  "0",
}

var leaks = regexp.MustCompile(`(?i)\bsql|\.go:|goroutine|panic|runtime error|/(?:tmp|home|root)/|constraint failed`)

// checkEverywhere checks what holds for every answer of every route.
func checkEverywhere(path string, a *answer) error {
	var errs []error
	for name, want := range helmet {
		got := a.Header.Values(name)
		if len(got) != 1 || want != "" && !slices.Contains(got, want) {
			errs = append(errs, fmt.Errorf("header %s is %q, want one %q", name, got, want))
		}
	}
	if a.Header.Get("X-Request-Id") == "" {
		errs = append(errs, errors.New("no X-Request-Id"))
	}
	if a.Header.Get("X-Powered-By")+a.Header.Get("Server") != "" {
		errs = append(errs, errors.New("the answer names its software"))
	}
	if a.Status >= 400 {
		body := bytes.ReplaceAll(a.Body, []byte(path), nil)                      // ROUTE_NOT_FOUND echoes the path
		body = bytes.ReplaceAll(body, []byte(a.Header.Get("X-Request-Id")), nil) // random letters may spell anything
		if found := leaks.Find(body); found != nil {
			errs = append(errs, fmt.Errorf("the error tells too much: %q", found))
		}
		if id := a.Str("requestId"); id != "" && id != a.Header.Get("X-Request-Id") {
			errs = append(errs, fmt.Errorf("requestId %q is not X-Request-Id %q", id, a.Header.Get("X-Request-Id")))
		}
	}
	return errors.Join(errs...)
}
