//go:build !unix

package gateway

import "time"

// processTime is not known.
func processTime() time.Duration { return 0 }
