package sqlite

import (
	"modernc.org/libc"
	"modernc.org/libc/sys/types"
)

// The blocks that returnFreed has handed back, in bytes: no value is larger than
// the most of them, and of smaller ones the allocator keeps little.
const (
	leastBlock = 4 << 20
	mostBlock  = 64 << 20
)

// returnFreed makes SQLite's allocator hand freed memory back to the system. Of
// each size, a power of two, it keeps the block that was freed last as it is, tens
// of megabytes after a large post, and drops what is in the others
// (modernc.org/memory, Allocator.retain). So one that was never written to is freed last.
func returnFreed() {
	tls := libc.NewTLS()
	defer tls.Close()
	for size := types.Size_t(leastBlock); size <= mostBlock; size *= 2 {
		kept := libc.Xmalloc(tls, size/2+1)
		fresh := libc.Xmalloc(tls, size/2+1)
		libc.Xfree(tls, kept)
		libc.Xfree(tls, fresh)
	}
}
