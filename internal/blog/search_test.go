package blog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// finds answers a query from the terms of a text, as an engine does.
func finds(text, query string) bool {
	terms := strings.Fields(Terms(text))
	for _, p := range ParseQuery(query).Phrases {
		if !holds(terms, p) {
			return false
		}
	}
	return true
}

func holds(terms []string, p Phrase) bool {
	for i := range terms {
		if len(terms)-i >= len(p) && strings.Join(terms[i:i+len(p)], " ") == strings.Join(p, " ") {
			return true
		}
	}
	return false
}

func TestSearchTreatsTextsAsDocumented(t *testing.T) {
	for _, c := range []struct {
		text, query string
		want        bool
	}{
		{"深入微服务架构", "微服务", true},
		{"深入微服务架构", "务", true},
		{"深入微服务架构", "构", true},
		{"深入微服务架构", "服架", false},
		{"微服，务", "微服务", false},
		{"⚠注意", "⚠️ 注意", true},
		{"⚠️注意", "注意", true},
		{"ｶﾞｲﾄﾞﾌﾞｯｸ", "ｲﾄﾞﾌ", true},
		{"ｶﾞｲﾄﾞ", "ｶｲ", false},
		{"〆切日", "〆切", true},
		{"〆日切", "〆切", false},
		{"か\u3099い", "か\u3099", true},
		{"안녕하세요", "녕하", true},
		{"5G网络", "5g网络", true},
		{"T1、T2", "T2", true},
		{"学 C++/C#", "C#", true},
		{"用 Ｃ＋＋ 写", "c++", true},
		{"node.js", "Node.JS", true},
		{"node js", "node.js", true},
		{"微服 务实", "服务", false},
		{"服务微服", "微服务", false},
		{"go", "Go", true},
		{"Go语言", "go", true},
		{"Golang and MongoDB", "go", false},
		{"C++", "c++", true},
		{"C++", "c", true},
		{"C++", "c#", false},
		{"C# F#", "C", true},
		{"C# F#", "f#", true},
		{"C", "c++", false},
		{"a+b", "a", true},
		{"a+b", "a+", false},
		{"v1.4.2", "V1.4.2", true},
		{"v1.4.2", "4.2", true},
		{"v1.2.4", "v1.4.2", false},
		{"v1.4 and 2", "v1.4.2", false},
		{"k8s", "K8S", true},
		{"k8s", "k8", false},
		{"k8s", "Ｋ８ｓ", true},
		{"Ｋ８ｓ", "k8s", true},
		{"Ｃ＋＋", "c++", true},
		{"微服務", "微服务", false},
		{"微服務", "微服務", true},
		{"café", "cafe", false},
		{"café", "CAFÉ", true},
		{"カタカナ", "タカ", true},
		{"한국어", "국어", true},
		{"サーバー", "サーバ", true},
		{"微服务 Seata", "seata 微服务", true},
		{"微服务 Seata", "seata 事务", false},
		{"user@example.com", "example.com", true},
		{"some*words", "some%", true},
		{"𠮷野家", "𠮷野", true},
	} {
		if got := finds(c.text, c.query); got != c.want {
			t.Errorf("%q finds %q: %v, want %v", c.query, c.text, got, c.want)
		}
	}
}

func TestARunNeverMatchesAcrossWhatSeparates(t *testing.T) {
	for _, sep := range []string{"，", "。", " ", "\n", "x", "1", "-", "\x00", "\u200b", "🀄", "　"} {
		if finds("微服"+sep+"务实", "服务") || finds("微"+sep+"服务", "微服") {
			t.Errorf("%q did not separate", sep)
		}
	}
}

func TestTermsAreInTheOrderOfTheText(t *testing.T) {
	for text, want := range map[string]string{
		"":        "",
		"。 ！":     "",
		"Go语言":    "go 语言 言 语 言",
		"C++ x":   "c x c++",
		"务务务":     "务务 务务 务 务",
		"a-b a":   "a b a",
		"１２３ ABC": "123 abc",
	} {
		if got := Terms(text); got != want {
			t.Errorf("Terms(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestQueriesAreBounded(t *testing.T) {
	q := ParseQuery(strings.Repeat("a b c d e f g h i j k l m n o p q r s t ", 1000))
	if len(q.Phrases) != MaxSearchPhrases {
		t.Errorf("%d phrases", len(q.Phrases))
	}
	if q = ParseQuery(strings.Repeat("字", 100_000)); len(q.Phrases[0]) != MaxSearchRunes-1 {
		t.Errorf("a phrase of %d terms", len(q.Phrases[0]))
	}
	long := strings.Repeat("x", 150)
	if !finds(long, long) {
		t.Error("a word longer than a term is not found by itself")
	}
}

func TestAQueryIsNothingOnlyIfItWasGiven(t *testing.T) {
	for s, want := range map[string][2]bool{"": {true, false}, " \t": {true, false}, "。": {false, true}, "❤️": {false, true}, "a": {false, false}} {
		if q := ParseQuery(s); q.IsZero() != want[0] || q.Nothing() != want[1] {
			t.Errorf("%q: IsZero %v, Nothing %v", s, q.IsZero(), q.Nothing())
		}
	}
}

func TestEqualQueriesHaveEqualTexts(t *testing.T) {
	for _, same := range [][2]string{{"Go 微服务", "微服务　ＧＯ"}, {"a a b", "b a"}, {"c++!", "C++"}, {"。", "！！"}} {
		if a, b := ParseQuery(same[0]).Text, ParseQuery(same[1]).Text; a != b {
			t.Errorf("%q and %q: %q and %q", same[0], same[1], a, b)
		}
	}
	for _, other := range [][2]string{{"a b", "a.b"}, {"微服务", "微服 服务"}, {"c", "c++"}, {"", "。"}} {
		if a, b := ParseQuery(other[0]).Text, ParseQuery(other[1]).Text; a == b {
			t.Errorf("%q and %q are both %q", other[0], other[1], a)
		}
	}
}

func TestGramsFindEveryPartOfAName(t *testing.T) {
	const name = "Al_ice 王小明 100%"
	grams, runes := strings.Fields(Grams(name)), []rune(strings.ToUpper(name))
	for i := range runes {
		for j := i + 1; j <= len(runes); j++ {
			part := string(runes[i:j])
			if p := GramPhrase(part); p != nil && !holds(grams, p) {
				t.Errorf("%q is not found", part)
			}
		}
	}
	for _, part := range []string{"bob", "明王", "a_ice", "%%"} {
		if holds(grams, GramPhrase(part)) {
			t.Errorf("%q is found", part)
		}
	}
}

func FuzzTerms(f *testing.F) {
	for _, s := range []string{"", "Go语言 C++ v1.4.2", "Ｋ８ｓ\x00\xff", "が\u3099é\u0301", "a+++ b## c+#", "ﾞー"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms := Terms(text)
		if !utf8.ValidString(terms) || strings.ContainsRune(terms, 0) {
			t.Errorf("terms no engine can keep: %q", terms)
		}
		for _, term := range strings.Split(terms, " ") {
			if term == "" && terms != "" || utf8.RuneCountInString(term) > maxTerm+2 || strings.ContainsFunc(term, unicode.IsSpace) {
				t.Errorf("term %q in %q", term, terms)
			}
		}
	})
}

// Whatever is cut from a text finds it, if the cut does not go through a word,
// a sign, or what a mark belongs to.
func FuzzParseQuery(f *testing.F) {
	f.Add("深入 Go语言 与 C++，v1.4.2；k8s", uint(2), uint(9))
	f.Add("a+b c# 微服务", uint(0), uint(3))
	f.Fuzz(func(t *testing.T, text string, from, n uint) {
		runes := []rune(text)
		from = min(from, uint(len(runes)))
		to := from + min(n, uint(len(runes))-from, MaxSearchRunes)
		query := string(runes[from:to])
		q := ParseQuery(query)
		if !cleanCut(runes, from) || !cleanCut(runes, to) || len(q.Phrases) == MaxSearchPhrases {
			return
		}
		terms := strings.Fields(Terms(text))
		for _, p := range q.Phrases {
			if !holds(terms, p) {
				t.Errorf("%q, cut from %q, looks for %q and finds only %q", query, text, p, terms)
			}
		}
	})
}

// cleanCut reports whether a cut before runes[i] leaves words, signs and marks whole.
func cleanCut(runes []rune, i uint) bool {
	if i == 0 || i == uint(len(runes)) {
		return true
	}
	after, _ := foldedRune(string(runes[i]))
	before, _ := foldedRune(string(runes[i-1]))
	sign := func(r rune) bool { return r == '+' || r == '#' }
	word := kindOf(before) == wordRune && kindOf(after) == wordRune
	return !word && !sign(before) && !sign(after) && !unicode.IsMark(after)
}

func BenchmarkTerms(b *testing.B) {
	text := strings.Repeat("微服务架构把一个大的应用拆成许多小的服务，它们用 HTTP 或 gRPC v1.4.2 互相调用。", 27)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Terms(text)
	}
}

func TestWhatIsToldWithoutTheTablesOfUnicodeAgreesWithThem(t *testing.T) {
	for r := range rune(unicode.MaxRune) {
		isRun := unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo) || strings.ContainsRune(commonKana, r)
		if isPunctuation(r) && (isRun || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) {
			t.Errorf("%U is no punctuation", r)
		}
		if isIdeograph(r) && (!isRun && unicode.IsPrint(r) || foldCase(r) != r) {
			t.Errorf("%U is no ideograph without case", r)
		}
	}
}

func TestALongWordIsCutAlikeInTextsAndInQueries(t *testing.T) {
	long := strings.Repeat("x", 10*maxTerm)
	if terms := Terms(long + "tail"); terms != strings.Repeat("x", maxTerm) {
		t.Errorf("indexed as %d characters", len(terms))
	}
	if q := ParseQuery(long[:2*maxTerm]); len(q.Phrases) != 1 || q.Phrases[0][0] != Terms(long) {
		t.Errorf("looked for as %q", q.Phrases)
	}
}

func TestARareCharacterIsIndexedOnce(t *testing.T) {
	if terms := strings.Fields(Terms("𠮷野𠮷家𠮷")); !slices.Equal(terms, []string{"𠮷野", "野𠮷", "𠮷家", "家𠮷", "𠮷", "𠮷", "野", "家"}) {
		t.Errorf("terms %q", terms)
	}
}

func TestALongRunIsIndexedLikeAShortOne(t *testing.T) {
	for _, n := range []int{maxRun - 1, maxRun, maxRun + 1, 2*maxRun + 1, 3 * maxRun} {
		run := make([]rune, n)
		for i := range run {
			run[i] = '\u4e00' + rune(i%3000)
		}
		var want []string
		for i := range run {
			want = append(want, string(run[i:min(i+2, n)]))
		}
		got := strings.Fields(Terms(string(run)))
		if len(got) < n || !slices.Equal(got[:n], want) {
			t.Errorf("a run of %d is cut differently", n)
		}
	}
}

func TestATextIsIndexedAsFarAsItHasSoManyDifferentTerms(t *testing.T) {
	word := func(i int) string { return fmt.Sprintf("w%07d", i) }
	var b strings.Builder
	for i := range 2 * maxDifferent {
		b.WriteString(word(i) + " ")
	}
	for i, want := range map[int]bool{0: true, maxDifferent - 1: true, maxDifferent * 102 / 100: false, 2*maxDifferent - 1: false} {
		if got := strings.Contains(Terms(b.String()), word(i)); got != want {
			t.Errorf("word %d is there: %v", i, got)
		}
	}
	run := make([]rune, 0, 3*maxDifferent) // different pairs
	for i := range cap(run) {
		run = append(run, '\u4e00'+rune(i%20000*(i%2)+i/20000))
	}
	if n := len(strings.Fields(Terms(string(run)))); n > 2*maxDifferent {
		t.Errorf("%d terms of a run", n)
	}
	long := strings.Repeat("微服务 go ", maxDifferent) + "最后"
	if !finds(long, "最后") {
		t.Error("the end of a long text is not found")
	}
}

// TestALongRunComesInPartsWhateverItIsMadeOf: marks too are of the run.
func TestALongRunComesInPartsWhateverItIsMadeOf(t *testing.T) {
	for _, more := range []string{"文", "\u0301", "文\u0301"} {
		text := "中" + strings.Repeat(more, 3*maxRun) + "末"
		var whole []rune
		parts := 0
		scan(text, func(p piece) bool {
			if !p.run || len(p.text) > maxRun {
				t.Errorf("a piece of %d characters of %q", len(p.text), more)
			}
			whole = append(whole, p.text...)
			parts++
			return true
		})
		if string(whole) != text || parts < 3 {
			t.Errorf("%q: %d parts, %d characters of %d", more, parts, len(whole), len([]rune(text)))
		}
		terms := strings.Fields(Terms(text))
		if n := len([]rune(text)); len(terms) < n || strings.Join(terms[:n], "") != strings.Join(runPhrase([]rune(text)), "")+"末" {
			t.Errorf("%q: the terms are not those of one run", more)
		}
	}
}
