package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"inkstone/internal/telemetry"
)

// paragraph writes a text in lines that fit into a table, each behind an indent.
func paragraph(w io.Writer, indent, text string) {
	for _, line := range wrap(text, tableWidth-len(indent)) {
		fmt.Fprintln(w, indent+line)
	}
}

// besides sets rows in columns, and beside each a text, which goes on in the lines below.
func besides(rows [][]string, texts []string) string {
	room := tableWidth
	for i := range rows[0] {
		widest := 0
		for _, row := range rows {
			widest = max(widest, uniseg.StringWidth(row[i]))
		}
		room -= widest + 2
	}
	var all [][]string
	for i, row := range rows {
		for _, line := range wrap(texts[i], room) {
			all = append(all, append(slices.Clip(row), line))
			row = make([]string, len(row))
		}
	}
	return columns(all)
}

// wrap breaks a text into lines of at most so many columns, and within a word only if that is wider than a line.
// No line moves the cursor.
func wrap(text string, width int) []string {
	text = telemetry.OneLine(text)
	lines, used := []string{""}, 0
	add := func(piece string, n int) {
		if used > 0 && used+n > width {
			lines, used = append(lines, ""), 0
		}
		lines[len(lines)-1] += piece
		used += n
	}
	for word := range strings.SplitSeq(text, " ") {
		n := uniseg.StringWidth(word)
		switch {
		case used == 0:
		case used+1 >= width || n <= width && used+1+n > width:
			lines, used = append(lines, ""), 0
		default:
			add(" ", 1)
		}
		if n <= width {
			add(word, n)
			continue
		}
		for g := uniseg.NewGraphemes(word); g.Next(); {
			add(g.Str(), g.Width())
		}
	}
	return lines
}
