package storetest

import (
	"testing"

	"inkstone/internal/blog"
)

// The model passes its own suite: what the promises say in words and what the
// model does are one thing.
func TestModelKeepsEveryPromise(t *testing.T) {
	Run(t, func(*testing.T) blog.Store { return newModel() })
}

func TestModelIsSharedByTwo(t *testing.T) {
	RunShared(t, func(*testing.T) (a, b blog.Store) {
		m := newModel()
		return m, m
	})
}
