//go:build race

package storetest

// operations is fewer than without the race detector, which makes an engine in
// pure Go some fifteen times slower.
const operations = 120
