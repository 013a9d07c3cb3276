// Package api holds the OpenAPI document of the HTTP interface. internal/apitest
// holds every answer and the route table against it.
package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

// YAML is the document as it is written.
//
//go:embed openapi.yaml
var YAML []byte

// JSON returns the document as JSON. It panics if the embedded document cannot
// be read, which a test rules out.
var JSON = sync.OnceValue(func() []byte {
	var doc map[string]any
	if err := yaml.Unmarshal(YAML, &doc); err != nil {
		panic(fmt.Sprintf("api: openapi.yaml: %v", err))
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("api: openapi.yaml as JSON: %v", err))
	}
	return b
})
