package sqlite

import (
	"math"
	"runtime"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// saveMemory makes SQLite take less memory, and give it back. It has to run before the
// process opens its first connection; later it changes little or nothing.
var saveMemory = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	allocatePlainly(tls)
	returnFreed(tls)
})

// allocatePlainly has SQLite ask the allocator for what it needs and no more. Left to
// itself it asks for eight bytes more each time, to note the size there, though the
// allocator knows it; and as that gives powers of two, whatever has the size of one
// takes the double. FTS5 has such an entry, of 128 bytes, for each term of a text.
// (https://www.sqlite.org/c3ref/mem_methods.html)
func allocatePlainly(tls *libc.TLS) {
	methods := lib.Tsqlite3_mem_methods{
		FxMalloc:  pointerTo(func(tls *libc.TLS, n int32) uintptr { return libc.Xmalloc(tls, lib.Tsize_t(n)) }),
		FxFree:    pointerTo(libc.Xfree),
		FxRealloc: pointerTo(func(tls *libc.TLS, p uintptr, n int32) uintptr { return libc.Xrealloc(tls, p, lib.Tsize_t(n)) }),
		FxSize: pointerTo(func(tls *libc.TLS, p uintptr) int32 {
			return int32(min(libc.Xmalloc_usable_size(tls, p), math.MaxInt32))
		}),
		FxRoundup:  pointerTo(func(_ *libc.TLS, n int32) int32 { return (n + 7) &^ 7 }),
		FxInit:     pointerTo(func(_ *libc.TLS, _ uintptr) int32 { return lib.SQLITE_OK }),
		FxShutdown: pointerTo(func(_ *libc.TLS, _ uintptr) {}),
	}
	const args = 8 // bytes of the one argument
	list := tls.Alloc(args)
	defer tls.Free(args)
	// If it is too late for it, everything stays as it is.
	lib.Xsqlite3_config(tls, lib.SQLITE_CONFIG_MALLOC, libc.VaList(list, uintptr(unsafe.Pointer(&methods))))
	runtime.KeepAlive(&methods) // SQLite copies it
}

// pointerTo returns a Go function as the translated C code calls it. It must not be a closure.
func pointerTo[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// poolFiller is the size of the block that returnFreed has the allocator keep, in
// bytes of address space: more than SQLite ever has in use at once.
const poolFiller = 256 << 20

// returnFreed makes the allocator give freed memory back to the system. Left to
// itself it keeps, for later, as much as was ever in use at once: tens of megabytes
// after a large post (modernc.org/memory, Allocator.canRetain and retain). So it is
// given one block to keep that fills this allowance, and that takes no memory, since
// nobody ever writes to it. Where there is not so much address space, or where it has
// to be backed by memory (Windows), the allocator stays as it is.
func returnFreed(tls *libc.TLS) {
	if runtime.GOOS != "windows" {
		libc.Xfree(tls, libc.Xmalloc(tls, poolFiller))
	}
}
