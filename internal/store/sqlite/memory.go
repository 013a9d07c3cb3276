package sqlite

import (
	"runtime"
	"sync"

	"modernc.org/libc"
)

// poolFiller is the size of the block that returnFreed has the allocator keep, in
// bytes of address space: more than SQLite ever has in use at once.
const poolFiller = 256 << 20

// returnFreed makes SQLite's allocator give freed memory back to the system. Left to
// itself it keeps, for later, as much as was ever in use at once: tens of megabytes
// after a large post (modernc.org/memory, Allocator.canRetain and retain). So it is
// given one block to keep that fills this allowance, and that takes no memory, since
// nobody ever writes to it. Where there is not so much address space, or where it has
// to be backed by memory (Windows), the allocator stays as it is.
var returnFreed = sync.OnceFunc(func() {
	if runtime.GOOS == "windows" {
		return
	}
	tls := libc.NewTLS()
	defer tls.Close()
	libc.Xfree(tls, libc.Xmalloc(tls, poolFiller))
})
