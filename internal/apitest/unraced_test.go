//go:build !race

package apitest

const raced = false
