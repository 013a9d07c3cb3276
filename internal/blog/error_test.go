package blog

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// declared returns the values of error.go's constants of a type.
func declared(t *testing.T, typ string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typ {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("no constants of type %s", typ)
	}
	return values
}

func listed[T ~string](all []T) (values []string) {
	for _, v := range all {
		values = append(values, string(v))
	}
	return values
}

func TestCodesAndRulesListEveryConstantOnce(t *testing.T) {
	for typ, got := range map[string][]string{"Code": listed(Codes()), "Rule": listed(Rules())} {
		want := declared(t, typ)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%ss: listed %v, declared %v", typ, got, want)
		}
		if len(slices.Compact(want)) != len(got) {
			t.Errorf("two %ss have one value", typ)
		}
	}
}

func TestCodeOfLooksThroughWrapping(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, ""},
		{cause, CodeInternal},
		{Fail(CodeBusy), CodeBusy},
		{fmt.Errorf("list: %w", Wrap(CodeUnavailable, cause)), CodeUnavailable},
		{Invalid("title", RuleTitleLong), CodeInvalid},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
	if !errors.Is(Wrap(CodeUnavailable, cause), cause) {
		t.Error("the cause is lost")
	}
}

func TestProblemsKeepTheOrderOfTheFields(t *testing.T) {
	var p Problems
	if p.Err() != nil {
		t.Error("no problems are an error")
	}
	p.Check(true, "a", RuleType)
	p.Check(false, "b", RuleText)
	p.Add("c", RuleType)
	if got, want := p.Err().Error(), "VALIDATION_FAILED b:any.text c:any.type"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAlsoAddsFieldsThatAreNotToldYet(t *testing.T) {
	read := &Error{Code: CodeInvalid, Fields: []Field{{"b", RuleType}, {"x", RuleUnknown}}}
	rules := &Error{Code: CodeInvalid, Fields: []Field{{"a", RuleText}, {"b", RuleTag}}}
	wantBroken(t, Also(read, rules), "b:any.type", "x:any.unknown", "a:any.text")
	wantBroken(t, Also(nil, rules), "a:any.text", "b:tags.length")
	wantBroken(t, Also(read, nil), "b:any.type", "x:any.unknown")
	for _, other := range []error{Fail(CodeInvalidJSON), Fail(CodePostNotFound), context.Canceled} {
		if got := Also(other, rules); got != other {
			t.Errorf("%v became %v", other, got)
		}
		wantBroken(t, Also(read, other), "b:any.type", "x:any.unknown")
	}
	for _, whole := range []error{Fail(CodeInvalid), Invalid("", RuleObject)} {
		if got := Also(whole, rules); got != whole {
			t.Errorf("%v became %v", whole, got)
		}
	}
}
