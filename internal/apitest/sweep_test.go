package apitest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// rubbish is what a field, a parameter or a whole body can be wrong by, as JSON.
var rubbish = []string{
	`null`, `true`, `false`, `0`, `-1`, `1.5`, `1e400`, `-0`, `99999999999999999999`, `""`, `" "`, `"x"`, `"0"`, `"null"`, `"undefined"`, `[]`, `[null]`, `[[]]`, `["a","a"]`, `[1]`,
	`{}`, `{"$ne":null}`, `{"$gt":""}`, `{"toString":1}`, `{"__proto__":{"admin":true}}`, `"'; DROP TABLE posts; --"`, `"\" OR 1=1"`, `"%"`, `"_"`, `"\\"`, `"<script>"`,
	`"\u0000"`, `"\ud800"`, `"\u202e"`, `"\r\nX-Evil: 1"`, `"../../etc/passwd"`, `"👨‍👩‍👧"`, `"ＡＢＣ"`, `"000000000000000000000000"`, `"ffffffffffffffffffffffff"`, `"2024-02-30"`, `"javascript:alert(1)"`, `"*"`, `"NEAR(a b)"`,
}

// No rubbish in any field, parameter or path of any route gives a 5xx or an
// answer that the document does not allow (Send holds each against it).
func TestNoRubbishAnywhereGivesA5xx(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		for _, op := range operations() {
			if op.method == "DELETE" || op.path == "/api/auth/logout" {
				continue // they take no input but the path, which other methods sweep, and would end the sweep's own post and token
			}
			t.Run(op.method+" "+op.path, func(t *testing.T) { sweep(u.As(t), op, post) })
		}
		s.Anyone.Get("/health").Expect(200)
		u.Get("/api/auth/me").Expect(200).Says("user.role", "user")
	})
}

func sweep(c *client, op operation, post string) {
	path := strings.NewReplacer("{id}", post, "{field}", "image", "{filename}", "a.png").Replace(op.path)
	ok := func(a *answer) {
		if a.Status >= 500 {
			c.t.Errorf("%s: %d %s", a.what, a.Status, a.Body)
		}
	}
	for _, bad := range rubbish {
		var text any
		_ = json.Unmarshal([]byte(bad), &text) // 1e400 is only rubbish as it is written
		word, isText := text.(string)
		if !isText {
			word = bad
		}
		for _, name := range op.query {
			ok(c.Send(op.method, path+"?"+name+"="+url.QueryEscape(word), nil))
		}
		if strings.Contains(op.path, "{") && op.method == "GET" && word != "" {
			ok(c.Send("GET", strings.ReplaceAll(path, post, url.PathEscape(word)), nil))
		}
		if op.method == "GET" || strings.HasPrefix(op.path, "/api/upload") {
			continue
		}
		ok(c.Send(op.method, path, bad))
		for _, field := range op.fields {
			ok(c.Send(op.method, path, `{"`+field+`":`+bad+`}`))
		}
	}
}

// operation is one of the document's, with the names of its query parameters and body fields.
type operation struct {
	method, path  string
	query, fields []string
}

func operations() []operation {
	var out []operation
	c := theContract()
	for path, item := range c.doc["paths"].(map[string]any) {
		for method, v := range item.(map[string]any) {
			op, ok := v.(map[string]any)
			if !ok {
				continue // what all methods of the path share
			}
			out = append(out, operation{strings.ToUpper(method), path, c.queryNames(op), c.fieldNames(op)})
		}
	}
	slices.SortFunc(out, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

func (c *contract) queryNames(op map[string]any) []string {
	var names []string
	params, _ := op["parameters"].([]any)
	for _, v := range params {
		p := c.follow(v)
		if p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return names
}

func (c *contract) fieldNames(op map[string]any) []string {
	body, _ := op["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	if media == nil {
		return nil
	}
	schema := c.follow(media["schema"])
	if all, ok := schema["allOf"].([]any); ok {
		schema = c.follow(all[0])
	}
	var names []string
	for name := range schema["properties"].(map[string]any) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *contract) follow(v any) map[string]any {
	m := v.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return c.at(strings.TrimPrefix(ref, "#")).(map[string]any)
	}
	return m
}

func TestEveryMethodOnEveryRouteIsAnsweredByTheContract(t *testing.T) {
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, "PROPFIND"}
	each(t, nil, func(t *testing.T, s *site) {
		for _, op := range operations() {
			for _, method := range methods {
				path := strings.NewReplacer("{id}", "000000000000000000000000", "{field}", "image", "{filename}", "a.png").Replace(op.path)
				if a := s.Anyone.Send(method, path, nil); a.Status >= 500 {
					t.Errorf("%s %s: %d", method, path, a.Status)
				}
			}
		}
	})
}
