package postgres

import "inkstone/internal/blog"

// Care is not there yet.
func (s *Store) Care() blog.Care { return nil }
