package sqlite

import (
	"runtime"
	"sync"

	"modernc.org/libc"
)

// poolFiller is how large the block is that returnFreed parks, in bytes of address
// space. SQLite never has as much memory at once.
const poolFiller = 256 << 20

// returnFreed makes SQLite's allocator hand freed memory back to the system. It keeps
// as much for later as was ever in use at once, and of each size, a power of two, the
// block that was freed last with all that is in it: tens of megabytes after a large
// post (modernc.org/memory, Allocator.canRetain and retain). A block that is never
// written to, so that it takes no memory, fills what it keeps but for a few
// megabytes. Where address space is not to be had, or must be backed (Windows), it
// keeps what it keeps.
var returnFreed = sync.OnceFunc(func() {
	if runtime.GOOS == "windows" {
		return
	}
	tls := libc.NewTLS()
	defer tls.Close()
	libc.Xfree(tls, libc.Xmalloc(tls, poolFiller))
})
