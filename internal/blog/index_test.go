package blog

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// An engine that keeps terms and plain text finds what one with positions finds: in
// whatever text, whatever is asked for.
func TestIndexFindsWhatTheSequenceOfTermsFinds(t *testing.T) {
	char := rapid.SampledFrom([]rune("微服务架构が\u3099ーabc12 .-_/:@'+#，。！Ａé\u0301"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(char, 0, 40, -1).Draw(t, "text")
		query := rapid.OneOf(rapid.StringOfN(char, 1, 8, -1), rapid.Just(text)).Draw(t, "query")
		terms, plain := index(text)
		sequence := " " + Terms(text) + " "
		want := slices.Compact(slices.Sorted(slices.Values(strings.Fields(sequence))))
		if got := slices.Sorted(slices.Values(terms)); !slices.Equal(got, want) {
			t.Fatalf("terms %q, want %q", got, want)
		}
		for _, p := range ParseQuery(query).Phrases {
			inSequence := strings.Contains(sequence, " "+strings.Join(p, " ")+" ")
			found := !slices.ContainsFunc(p, func(term string) bool { return !slices.Contains(terms, term) })
			if len(p) > 1 {
				found = found && strings.Contains(plain, p.Plain())
			}
			if found != inSequence {
				t.Fatalf("%q in %q (plain %q): found %v, in the sequence %q: %v", p, text, plain, found, sequence, inSequence)
			}
		}
	})
}

// A run that is cut in pieces while it is read is one in the plain text, and what is not
// indexed any more is not in it.
func TestThePlainTextOfALongOneEndsWhereItsTermsEnd(t *testing.T) {
	run := strings.Repeat("砚台磨墨", maxRun)
	if _, plain := index(run); plain != " "+run+" " {
		t.Errorf("a run of %d bytes became %d", len(run), len(plain))
	}
	var b strings.Builder
	for i := range 3 * maxDifferent {
		b.WriteString(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576)) + " ")
	}
	terms, plain := index(b.String())
	if last := strings.Fields(Terms(b.String())); len(terms) != len(last) || !strings.HasSuffix(plain, " "+last[len(last)-1]+" ") {
		t.Errorf("%d terms and a plain text that ends in %q; %d are indexed, the last of them %q", len(terms), plain[len(plain)-20:], len(last), last[len(last)-1])
	}
}

// index is Index as a list and a text.
func index(texts ...string) (terms []string, plain string) {
	var b strings.Builder
	pieces := Index(&b, texts...)
	return strings.Fields(strings.Join(pieces, "")), b.String()
}

func TestTheTermsOfSeveralTextsAreOneSetWithABarBetweenTheTexts(t *testing.T) {
	terms, plain := index("微服务 Go", "服务微 go c++")
	if plain != " 微服务 go | 服务微 go c " {
		t.Errorf("plain is %q", plain)
	}
	slices.Sort(terms)
	want := []string{"微", "微服", "服", "服务", "务", "务微", "go", "c", "c++"}
	slices.Sort(want)
	if !slices.Equal(terms, want) {
		t.Errorf("terms are %q", terms)
	}
	if terms, plain := index("", "。"); len(terms) > 0 || plain != " | " {
		t.Errorf("of nothing: %q, %q", terms, plain)
	}
}

func BenchmarkIndex(b *testing.B) {
	text := strings.Repeat("微服务架构把一个大的应用拆成许多小的服务，它们用 HTTP 或 gRPC v1.4.2 互相调用。", 27)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		index("标题", text)
	}
}
