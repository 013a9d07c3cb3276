//go:build !race

package storetest

// operations is how many one run of random work does.
const operations = 240
