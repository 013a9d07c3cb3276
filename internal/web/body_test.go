package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"inkstone/internal/blog"
)

// sent is a POST of a body of that size; a length of -1 leaves it untold.
func sent(ctx context.Context, t *testing.T, size, length int64) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(strings.Repeat("x", int(size))))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = length
	return r
}

// released waits until all has been given back: a request's share is, aside, after its end.
func released(t *testing.T, of *semaphore.Weighted, all int64) {
	t.Helper()
	if err := of.Acquire(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	of.Release(all)
}

func TestLargeBodiesShareABoundUntilTheirRequestsEnd(t *testing.T) {
	released(t, largeBodies, allBodies)
	first, end := context.WithCancel(t.Context())
	if b, err := readBody(sent(first, t, MaxBody, MaxBody), MaxBody); err != nil || len(b) != MaxBody {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	for _, length := range []int64{MaxBody, -1} {
		if _, err := readBody(sent(t.Context(), t, MaxBody, length), MaxBody); blog.CodeOf(err) != blog.CodeBusy {
			t.Errorf("length %d, while another is in use: %v", length, err)
		}
	}
	if b, err := readBody(sent(t.Context(), t, freeBody, -1), MaxBody); err != nil || len(b) != freeBody {
		t.Errorf("a small one meanwhile: %d bytes, %v", len(b), err)
	}
	end()
	second, end := context.WithCancel(t.Context())
	defer end()
	released(t, largeBodies, allBodies)
	if b, err := readBody(sent(second, t, MaxBody, -1), MaxBody); err != nil || len(b) != MaxBody {
		t.Errorf("after the first has ended: %d bytes, %v", len(b), err)
	}
}

func TestABodyOverItsBoundIsRefusedWhateverLengthItClaims(t *testing.T) {
	for _, most := range []int64{MaxAuthBody, freeBody, freeBody + 1, 2 * freeBody} {
		for over, want := range map[int64]blog.Code{0: "", 1: blog.CodeBodyTooLarge} {
			ctx, end := context.WithCancel(t.Context())
			if _, err := readBody(sent(ctx, t, most+over, -1), most); blog.CodeOf(err) != want {
				t.Errorf("%d bytes of at most %d: %v", most+over, most, err)
			}
			end()
		}
	}
}

func TestTimeForABodyIsForWhatCame(t *testing.T) {
	now := time.Now()
	b := &pacedBody{grace: 30 * time.Second, rate: time.Second, until: now.Add(30 * time.Second)}
	b.extend(5<<20, now) // much at once is no credit
	if got := b.until.Sub(now); got != 30*time.Second {
		t.Errorf("%v after 5 MB at once", got)
	}
	now = now.Add(20 * time.Second)
	b.extend(4<<10, now)
	if got := b.until.Sub(now); got != 14*time.Second {
		t.Errorf("%v after 4 KiB in 20 s", got)
	}
	b.rate = largeRate
	b.extend(64<<10, now)
	if got := b.until.Sub(now); got != 15*time.Second {
		t.Errorf("%v after 64 KiB of a large body", got)
	}
}

func TestLargeAnswersShareABound(t *testing.T) {
	read := func(ctx context.Context, a *Answer, who blog.Actor) int {
		r := withState(httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), &state{actor: who})
		w := httptest.NewRecorder()
		if err := Write(w, r, http.StatusOK, a); err != nil {
			WriteError(w, r, err)
		}
		return w.Code
	}
	of := func(size int) *Answer { return &Answer{body: make([]byte, size)} }
	member := blog.Actor{ID: blog.NewID(time.Now())}
	slow, end := context.WithCancel(t.Context()) // those who do not take it
	for range 2 {
		if status := read(slow, of(8<<20), member); status != 200 {
			t.Fatalf("within the bound: %d", status)
		}
	}
	public := of(8 << 20)
	leaving, leave := context.WithCancel(t.Context())
	for range 5 {
		if status := read(leaving, public, blog.Actor{}); status != 200 {
			t.Errorf("one answer for many: %d", status)
		}
	}
	if status := read(slow, public, blog.Actor{}); status != 200 {
		t.Errorf("the same for one more: %d", status)
	}
	leave() // the share is held for the last of them
	time.Sleep(50 * time.Millisecond)
	for who, actor := range map[string]blog.Actor{"member": member, "anonymous": {}} {
		if status := read(t.Context(), of(8<<20), actor); status != 503 {
			t.Errorf("beyond the bound, %s: %d", who, status)
		}
	}
	ready := of(8 << 20)
	ready.MarkReserved()
	for who, actor := range map[string]blog.Actor{"member": member, "anonymous": {}} {
		if status := read(t.Context(), ready, actor); status != 200 {
			t.Errorf("one whose memory is reserved, %s: %d", who, status)
		}
	}
	if status := read(t.Context(), of(FreeText), blog.Actor{}); status != 200 {
		t.Errorf("one that all share: %d", status)
	}
	if status := read(t.Context(), of(maxWhole), member); status != 200 {
		t.Errorf("a small one: %d", status)
	}
	end()
	released(t, largeAnswers, allAnswers)
}

func TestMemoryIsReservedForATextAndItsAnswer(t *testing.T) {
	released(t, largeTexts, allTexts)
	ctx, end := context.WithCancel(t.Context())
	for range 3 {
		if err := Reserve(ctx, allTexts/6); err != nil {
			t.Fatal(err)
		}
	}
	if err := Reserve(t.Context(), FreeText+1); blog.CodeOf(err) != blog.CodeBusy {
		t.Errorf("one more: %v", err)
	}
	if err := Reserve(t.Context(), FreeText); err != nil {
		t.Errorf("a small one: %v", err)
	}
	end()
	released(t, largeTexts, allTexts)
	ctx, end = context.WithCancel(t.Context())
	defer end()
	if err := Reserve(ctx, 2*MaxBody); err != nil {
		t.Errorf("the largest of all, alone: %v", err)
	}
}
