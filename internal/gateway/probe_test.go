package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"
)

func TestWhoGivesNoSignOfLifeIsSuspectedOnceASecond(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.after(time.Hour) // idle: nobody waits
	u := w.acquire(w.others("a"))
	w.after(w.o.suspectAfter)
	wantIDs(t, w.suspects(w.now))
	w.after(1)
	wantIDs(t, w.suspects(w.now), "a")
	w.after(w.o.suspectAfter - 1)
	wantIDs(t, w.suspects(w.now))
	w.after(1)
	wantIDs(t, w.suspects(w.now), "a")
	w.instances[0].lives()
	w.after(w.o.suspectAfter)
	wantIDs(t, w.suspects(w.now))
	w.at("a", fine) // another's answer
	w.after(w.o.suspectAfter)
	wantIDs(t, w.suspects(w.now))
	u.answered()
	w.after(time.Hour)
	wantIDs(t, w.suspects(w.now))
}

func TestWhoWaitsForOneThatHangsIsToldToGoElsewhere(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	u := w.acquire(w.others("a"))
	w.after(2 * time.Second)
	if news, others := u.of.hung(); !news || !others {
		t.Errorf("it is news: %t; there are others: %t", news, others)
	}
	if news, others := u.of.hung(); news || !others {
		t.Errorf("when it hangs on, it is news: %t; there are others: %t", news, others)
	}
	w.wantStates(t, map[string]string{"a": "ejected", "b": "up"})
}

func TestWhoHasAnsweredMeanwhileDoesNotHang(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.acquire(w.others("a"))
	w.after(2 * time.Second)
	suspects := w.suspects(w.now)
	w.after(time.Millisecond)
	w.at("a", fine)
	if news, others := suspects[0].hung(); news || others || w.state("a") != "up" {
		t.Errorf("it hangs, and is %s", w.state("a"))
	}
}

func TestNobodyIsToldToGoWhereNobodyIs(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	w.at("b", refused)
	w.drain("c")
	u := w.acquire(w.others("a"))
	if _, others := u.of.hung(); others {
		t.Error("there is nobody else")
	}
}

func TestWhoIsOnAFirmListIsProbedAndLeftOutWhileProbesFail(t *testing.T) {
	w := newWorld(func(o *poolOptions) { o.slowStart = 10 * time.Second })
	l := listOf(1, 1)
	l.Firm = true
	w.update(l)
	w.after(time.Minute)
	wantIDs(t, w.toProbe(w.now), "a", "b")
	wantIDs(t, w.toProbe(w.now))
	a := w.instances[0]
	a.probed(false, "timeout")
	a.probed(true, "")
	a.probed(false, "timeout")
	w.wantStates(t, map[string]string{"a": "up", "b": "up"})
	w.after(w.o.probeEvery)
	wantIDs(t, w.toProbe(w.now), "a", "b")
	a.probed(false, "503")
	w.update(l)
	w.wantStates(t, map[string]string{"a": "unwell", "b": "up"})
	if reason := w.status().Instances[0].Reason; reason != "503" {
		t.Errorf("the reason is %q", reason)
	}
	w.wantAvailable(t, 1)
	a.probed(true, "")
	w.wantStates(t, map[string]string{"a": "slow-start", "b": "up"})
}

func TestIfAllAreUnwellAllAreUsed(t *testing.T) {
	w := newWorld()
	l := listOf(1, 1)
	l.Firm = true
	w.update(l)
	for _, i := range w.instances {
		i.probed(false, "timeout")
		i.probed(false, "timeout")
	}
	w.wantAvailable(t, 2)
	if got := w.shares(100); got["a"] == 0 || got["b"] == 0 {
		t.Errorf("shares are %v", got)
	}
}

func TestNobodyIsProbedWithoutNeed(t *testing.T) {
	w := newWorld(func(o *poolOptions) { o.probeEvery = 0 })
	l := listOf(1, 1)
	w.update(l)
	wantIDs(t, w.toProbe(w.now)) // Consul does that
	l.Firm = true
	w.update(l)
	w.after(time.Hour)
	wantIDs(t, w.toProbe(w.now))
}

func TestNobodyBeginsToWaitForWhatHangs(t *testing.T) {
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
	w := newWire(wireOptions{})
	defer w.close()
	c, err := w.take(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	w.interrupt(address) // between the choice of a connection and the wait for the answer
	out, err := newOutgoing(nil, httptest.NewRequest("GET", "/", nil), origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	out.by = time.Now().Add(patience)
	began := time.Now()
	if _, err := w.exchange(t.Context(), c, out); !errors.Is(err, errTimeout) || time.Since(began) > patience/2 {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}
