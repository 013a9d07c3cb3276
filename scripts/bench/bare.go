package main

import (
	"net/http"
	"os"
	"strconv"
)

// bare serves BARE_BYTES bytes of JSON from memory with net/http and nothing
// else: what any Go server costs.
func bare() error {
	n, err := strconv.Atoi(os.Getenv("BARE_BYTES"))
	if err != nil {
		return err
	}
	body := make([]byte, n)
	for i := range body {
		body[i] = 'x'
	}
	return http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		_, _ = w.Write(body)
	}))
}
