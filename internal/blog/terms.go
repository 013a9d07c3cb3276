package blog

import (
	"hash"
	"hash/fnv"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDifferent bounds the different terms of a text. A million of them, which only
// nonsense has, would hold up every other write for ten seconds; a long article has
// five thousand, and ten megabytes of articles have fewer than this.
const maxDifferent = 200_000

// Terms cuts a text into the terms an engine indexes, separated by blanks, in
// the order of the text: words, pairs of run characters, and the last character
// of each run. After them come, once each, the single characters of runs and the
// words with a sign (c++): a query looks for these alone, never in a sequence. The
// result ends soon after maxDifferent different terms.
func Terms(text string) string {
	var b strings.Builder
	WriteTerms(&b, text)
	return strings.TrimSuffix(b.String(), " ")
}

// WriteTerms writes what Terms returns, and perhaps a blank behind it.
func WriteTerms(to *strings.Builder, text string) {
	to.Grow(3 * len(text))
	c := newCutter(len(text), func(term []byte) {
		to.Write(term)
		to.WriteByte(' ')
	})
	scan(text, c.cut)
	to.WriteString(strings.Join(c.alone, " "))
}

// Index cuts texts for an engine that can look for terms, but not for sequences of them.
// terms are the different ones of Terms in any of the texts, in no order: pieces of at
// most some 64 KB that make one text with blanks between. To plain go the words and
// runs themselves, with a blank before, between and behind them, and a bar between two
// texts. One of the texts holds a Phrase of several terms if plain holds its Plain. It is
// plain's own affair if it can take no more.
func Index(plain io.Writer, texts ...string) (terms []string) {
	set := termSet{known: map[string]struct{}{}}
	var bytes []byte // a large text has too many words for a string each
	for i, text := range texts {
		if i > 0 {
			_, _ = plain.Write([]byte{'|'})
		}
		_, _ = plain.Write([]byte{' '})
		c := newCutter(len(text), set.add)
		scan(text, func(p piece) bool {
			bytes = bytes[:0]
			for _, r := range p.text {
				bytes = utf8.AppendRune(bytes, r)
			}
			if p.next == 0 {
				bytes = append(bytes, ' ')
			}
			_, _ = plain.Write(bytes)
			return c.cut(p)
		})
		for _, term := range c.alone {
			set.add([]byte(term))
		}
	}
	return set.pieces()
}

// termSet holds each term once, and little beside them: of the 200,000 that a large text
// may have, each would cost four times its bytes as a string of its own.
type termSet struct {
	known map[string]struct{} // substrings of the chunks
	full  []string
	chunk *strings.Builder // never grows: what has been taken from it stays
}

const chunkBytes = 64 << 10

func (s *termSet) add(term []byte) {
	if _, known := s.known[string(term)]; known {
		return
	}
	if s.chunk == nil || s.chunk.Len()+len(term)+1 > s.chunk.Cap() {
		s.next()
	}
	start := s.chunk.Len()
	s.chunk.Write(term)
	s.known[s.chunk.String()[start:]] = struct{}{}
	s.chunk.WriteByte(' ')
}

// next begins a chunk: a small first one, as most texts are short.
func (s *termSet) next() {
	size := 4 << 10
	if s.chunk != nil {
		s.full = append(s.full, s.chunk.String())
		size = chunkBytes
	}
	s.chunk = &strings.Builder{}
	s.chunk.Grow(size)
}

func (s *termSet) pieces() []string {
	if s.chunk == nil {
		return nil
	}
	return append(s.full, strings.TrimSuffix(s.chunk.String(), " "))
}

// Plain is how a phrase of several terms stands in the plain text of Index: a run
// anywhere in another, words whole.
func (p Phrase) Plain() string {
	first, _ := utf8.DecodeRuneInString(p[0])
	if kindOf(first) != runRune {
		return " " + strings.Join(p, " ") + " "
	}
	run := p[0]
	for _, pair := range p[1:] {
		_, n := utf8.DecodeRuneInString(pair)
		run += pair[n:]
	}
	return run
}

// cutter cuts a text into terms.
type cutter struct {
	each      func(term []byte) // told of the terms in their sequence
	alone     []string          // what comes after the sequence
	known     map[string]bool
	singles   commonRunes
	term      []byte
	seen      []uint64 // of a large text: a bit for each hash of a term
	hash      hash.Hash64
	different int // how many of them are set
}

// newCutter makes one for a text of size bytes.
func newCutter(size int, each func(term []byte)) *cutter {
	c := &cutter{each: each, known: map[string]bool{}}
	if size > maxDifferent { // else it can't have so many
		c.seen, c.hash = make([]uint64, seenBits/64), fnv.New64a()
	}
	return c
}

// seenBits is how many hashes are told apart: of maxDifferent terms, one in 150 has
// the hash of another and is not counted.
const seenBits = 1 << 24

// cut writes the terms of p and reports whether there may be more.
func (c *cutter) cut(p piece) bool {
	if p.run {
		c.run(p)
	} else {
		c.word(p)
	}
	return c.different < maxDifferent
}

func (c *cutter) word(p piece) {
	c.term = c.term[:0]
	for _, r := range p.text {
		c.term = utf8.AppendRune(c.term, r)
	}
	c.write()
	if p.sign != "" {
		c.later(p.queryTerm())
	}
}

func (c *cutter) run(p piece) {
	for i, r := range p.text {
		c.term = utf8.AppendRune(c.term[:0], r)
		if i+1 < len(p.text) {
			c.term = utf8.AppendRune(c.term, p.text[i+1])
		} else if p.next != 0 {
			c.term = utf8.AppendRune(c.term, p.next)
		}
		c.write()
		if c.singles.add(r) {
			c.later(string(r))
		}
	}
}

func (c *cutter) write() {
	if c.seen != nil {
		c.count()
	}
	c.each(c.term)
}

// count must not depend on the process, as hash/maphash does: which terms are indexed would.
func (c *cutter) count() {
	c.hash.Reset()
	_, _ = c.hash.Write(c.term)
	h := c.hash.Sum64()
	h = (h ^ h>>32) % seenBits
	word, bit := &c.seen[h/64], uint64(1)<<(h%64)
	if *word&bit == 0 {
		*word |= bit
		c.different++
	}
}

func (c *cutter) later(term string) {
	if !c.known[term] {
		c.known[term] = true
		c.alone = append(c.alone, term)
	}
}

// commonRunes is a set of the characters of Unicode's basic plane, a bit for each. It
// spares nearly every character of a text the look into a map.
type commonRunes [1 << 16 / 64]uint64

// add puts r into the set and reports whether it may be new: characters that the set
// has no place for always are.
func (s *commonRunes) add(r rune) bool {
	if r >= 1<<16 {
		return true
	}
	word, bit := &s[r/64], uint64(1)<<(r%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}

// Grams cuts a short text (a name, an address) so that any part of it can be
// found by GramPhrase: pairs of characters, and each character alone.
func Grams(text string) string {
	run := []rune(Fold(strings.TrimSpace(text)))
	var out []string
	for i := range run {
		if i+1 < len(run) {
			out = append(out, gram(run[i:i+2]))
		}
	}
	for _, r := range run {
		out = append(out, gram([]rune{r}))
	}
	return strings.Join(out, " ")
}

// GramPhrase returns the phrase that finds text anywhere in a text cut by Grams: case
// folded, blanks around it dropped, at most MaxSearchRunes characters. It is nil,
// which finds everything, if nothing is left.
func GramPhrase(text string) Phrase {
	run := []rune(firstRunes(Fold(strings.TrimSpace(text)), MaxSearchRunes))
	if len(run) == 0 {
		return nil
	}
	return pairs(run, gram)
}

// gram writes characters as hex digits, so that no engine's tokenizer gets to decide
// about the blanks and signs that names hold.
func gram(rs []rune) string {
	const digits = "0123456789abcdef"
	b := []byte{'g'}
	for _, r := range rs {
		for shift := 20; shift >= 0; shift -= 4 {
			b = append(b, digits[(r>>shift)&0xf])
		}
	}
	return string(b)
}
