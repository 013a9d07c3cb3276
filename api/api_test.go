package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"inkstone/internal/blog"
)

func TestDocumentIsValidOpenAPI31(t *testing.T) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(JSON())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(loader.Context, openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// The constructs of JSON Schema 2020-12 that the document relies on do bite in
// the validator that the tests use.
func TestSchemasRefuseWhatTheyDoNotAllow(t *testing.T) {
	cases := []struct{ name, schema, value string }{
		{"unevaluatedProperties beside allOf", "Post", strings.Replace(post, `"title"`, `"extra":1,"title"`, 1)},
		{"unevaluatedProperties below allOf", "Post", strings.Replace(post, `"fullName"`, `"email":"a@b.c","fullName"`, 1)},
		{"required through allOf", "Post", strings.Replace(post, `"title":"砚",`, "", 1)},
		{"const", "CommentShell", `{"deleted":false}`},
		{"type list", "Parent", `1`},
		{"additionalProperties", "Message", `{"message":"好","extra":1}`},
		{"sibling of $ref", "Post", strings.Replace(post, `"publishedAt":"2024-03-13T08:00:00.000Z"`, `"publishedAt":"2024"`, 1)},
	}
	if err := schemaAt(t, "/components/schemas/Post").Validate(value(t, post)); err != nil {
		t.Fatalf("a good post is refused: %v", err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if schemaAt(t, "/components/schemas/"+c.schema).Validate(value(t, c.value)) == nil {
				t.Error("accepted")
			}
		})
	}
}

const post = `{"_id":"65f1c0ffee0000000000b001","id":"65f1c0ffee0000000000b001","title":"砚","content":"墨","excerpt":"",
	"author":{"_id":"65f1c0ffee0000000000a001","id":"65f1c0ffee0000000000a001","username":"书生甲","avatar":"","fullName":""},
	"category":"技术","tags":[],"coverImage":"","status":"published","viewCount":0,"likeCount":0,"commentCount":0,
	"publishedAt":"2024-03-13T08:00:00.000Z","createdAt":"2024-03-13T08:00:00.000Z","updatedAt":"2024-03-13T08:00:00.000Z"}`

func TestEveryErrorCodeHasAnAnswer(t *testing.T) {
	listed := stringsAt(t, "components", "schemas", "ErrorCode", "enum")
	responses, err := json.Marshal([]any{at(t, "paths"), at(t, "components", "responses")})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range blog.Codes() {
		if !slices.Contains(listed, string(code)) {
			t.Errorf("%s is not in ErrorCode", code)
		}
		if !bytes.Contains(responses, []byte(`"`+string(code)+`"`)) {
			t.Errorf("no answer carries %s", code)
		}
	}
	if len(listed) != len(blog.Codes()) {
		t.Errorf("%d codes listed, %d exist", len(listed), len(blog.Codes()))
	}
}

func TestEveryExampleFitsItsSchema(t *testing.T) {
	found := 0
	eachMedia(t, at(t), "", func(pointer string, media map[string]any) {
		example, ok := media["example"]
		if !ok {
			return
		}
		found++
		if err := schemaAt(t, pointer+"/schema").Validate(example); err != nil {
			t.Errorf("%s: %v", pointer, err)
		}
	})
	if found < 40 {
		t.Errorf("only %d examples found", found)
	}
}

func TestEveryAnswerInJSONHasAnExample(t *testing.T) {
	eachMedia(t, at(t), "", func(pointer string, media map[string]any) {
		if !strings.Contains(pointer, "/responses/") || !strings.HasSuffix(pointer, "/application~1json") || strings.Contains(pointer, "openapi.json") {
			return
		}
		if media["example"] == nil {
			t.Errorf("%s has none", pointer)
		}
	})
}

func TestEveryOperationIsDescribedInBothLanguages(t *testing.T) {
	for path, item := range at(t, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			op := op.(map[string]any)
			for _, key := range []string{"summary", "description", "operationId", "tags", "responses"} {
				if op[key] == nil {
					t.Errorf("%s %s has no %s", method, path, key)
				}
			}
			summary, _ := op["summary"].(string)
			if !strings.ContainsFunc(summary, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || !strings.ContainsAny(summary, "aeiou") {
				t.Errorf("%s %s: the summary %q is in one language", method, path, summary)
			}
		}
	}
}

// eachMedia calls f for every media type object below v.
func eachMedia(t *testing.T, v any, pointer string, f func(string, map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			p := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
			if m, ok := below.(map[string]any); ok && strings.HasSuffix(pointer, "/content") {
				f(p, m)
			}
			eachMedia(t, below, p, f)
		}
	case []any:
		for _, below := range v {
			eachMedia(t, below, pointer+"/-", f)
		}
	}
}

func schemaAt(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", at(t)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("openapi.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func value(t *testing.T, s string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// at returns what stands in the document under the keys.
func at(t *testing.T, keys ...string) any {
	t.Helper()
	v := value(t, string(JSON()))
	for _, k := range keys {
		v = v.(map[string]any)[k]
	}
	return v
}

func stringsAt(t *testing.T, keys ...string) []string {
	t.Helper()
	var out []string
	for _, v := range at(t, keys...).([]any) {
		out = append(out, v.(string))
	}
	return out
}
