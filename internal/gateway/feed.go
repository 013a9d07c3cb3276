package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// feed sends a body that streams, on a goroutine of its own: an instance may answer before
// it has all of it.
type feed struct {
	out    *outgoing
	conn   *conn
	answer time.Duration // that a piece may take, and then the head of the answer

	read    atomic.Bool // the body has been, to its end
	stopped atomic.Bool
	done    chan struct{}

	mu       sync.Mutex
	answered bool  // the head of the answer is there
	err      error // why not all of the body was sent
}

var errStopped = errors.New("stopped")

// startFeed begins to send the body on c. The time for the head begins when it is sent:
// until then it is the client who is waited for.
func (o *outgoing) startFeed(c *conn, bounds wireOptions) {
	_ = http.NewResponseController(o.w).EnableFullDuplex() // else net/http reads the body itself before it answers
	_ = c.SetReadDeadline(time.Time{})
	c.fed = true
	o.feed = &feed{out: o, conn: c, answer: bounds.answer, done: make(chan struct{})}
	go o.feed.run()
}

func (f *feed) run() {
	defer close(f.done)
	err := f.copy()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	switch {
	case errors.Is(err, errClientBody):
		f.conn.close() // an end that the instance can't take for the body's
	case f.answered:
	case err != nil && isTimeout(err):
		_ = f.conn.SetReadDeadline(longAgo)
	default: // it may have answered though it takes no more
		_ = f.conn.SetReadDeadline(time.Now().Add(f.answer))
	}
}

// longAgo as a deadline ends what is under way.
var longAgo = time.Unix(1, 0)

// pieces are buffers for bodies: room for a chunk's size, the data, and the end of its line.
var pieces = sync.Pool{New: func() any { b := make([]byte, chunkRoom+pieceSize+2); return &b }}

const (
	pieceSize = 32 << 10        // bytes
	chunkRoom = len("8000") + 2 // a piece's size in hexadecimal digits, CRLF
	lastChunk = "0\r\n"         // trailers and an empty line follow
)

func (f *feed) copy() error {
	buf := pieces.Get().(*[]byte)
	defer pieces.Put(buf)
	var sent int64
	for !f.stopped.Load() {
		n, err := f.out.body.Read((*buf)[chunkRoom : chunkRoom+pieceSize])
		f.read.Store(err == io.EOF)
		if sent += int64(n); f.out.length >= 0 && sent > f.out.length {
			return fmt.Errorf("%w: longer than it was said to be", errClientBody)
		}
		if werr := f.sendPiece(*buf, n); werr != nil {
			return werr
		}
		switch {
		case err == io.EOF:
			return f.finish(sent)
		case err != nil && f.stopped.Load():
			return errStopped
		case err != nil:
			return fmt.Errorf("%w: %w", errClientBody, err)
		}
	}
	return errStopped
}

// sendPiece sends n bytes that stand in buf after chunkRoom.
func (f *feed) sendPiece(buf []byte, n int) error {
	switch {
	case n == 0:
		return nil
	case f.out.length >= 0:
		return f.write(buf[chunkRoom : chunkRoom+n])
	}
	var room [chunkRoom]byte
	size := append(strconv.AppendInt(room[:0], int64(n), 16), "\r\n"...)
	start := chunkRoom - len(size)
	copy(buf[start:], size)
	copy(buf[chunkRoom+n:], "\r\n")
	return f.write(buf[start : chunkRoom+n+2])
}

// finish sends what follows a body of so many bytes.
func (f *feed) finish(sent int64) error {
	switch {
	case f.out.length < 0:
		return f.write(append(f.out.appendTrailers([]byte(lastChunk)), "\r\n"...))
	case sent < f.out.length:
		return fmt.Errorf("%w: %w", errClientBody, io.ErrUnexpectedEOF)
	}
	return nil
}

func (f *feed) write(b []byte) error {
	_ = f.conn.SetWriteDeadline(time.Now().Add(f.answer))
	if f.stopped.Load() { // its deadline may be undone
		return errStopped
	}
	if _, err := f.conn.Write(b); err != nil {
		return fmt.Errorf("send body: %w", err)
	}
	return nil
}

// stop lets no more of the body be sent.
func (f *feed) stop() {
	f.stopped.Store(true)
	_ = f.conn.SetWriteDeadline(longAgo)
}

// headCame leaves the deadline of reading to whoever reads.
func (f *feed) headCame() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered = true
}

// clientBroke reports whether the client failed to send its body.
func (f *feed) clientBroke() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(f.err, errClientBody)
}

// readAll reports whether the client has sent all of the body.
func (f *feed) readAll() bool { return f.read.Load() }

func (f *feed) finished() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// clientPatience is how long a client may hold up the end of a feed: to break off the reading
// of what it sends may cost it the answer.
const clientPatience = time.Second

// end waits until the feed has ended, which it sees to, and reports whether all was sent.
func (f *feed) end() bool {
	if !f.finished() {
		f.stop()
		late := time.NewTimer(clientPatience)
		defer late.Stop()
		select {
		case <-f.done:
		case <-late.C:
			f.interrupt()
		}
		<-f.done
	}
	return f.err == nil
}

// interrupt ends the reading of the client's body.
func (f *feed) interrupt() {
	if http.NewResponseController(f.out.w).SetReadDeadline(longAgo) != nil {
		_ = f.out.r.Body.Close()
	}
}
