package app

import (
	"testing"
	"testing/synctest"

	"inkstone/internal/limit"
)

func TestSearchesLeaveRoomForOtherReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		admit := admission()
		begin := func(operation string) (begun *bool) {
			begun = new(bool)
			go func() {
				leave, err := admit(limit.WithTicket(t.Context(), &limit.Ticket{}), operation)
				if *begun = err == nil; *begun {
					<-t.Context().Done()
					leave()
				}
			}()
			synctest.Wait()
			return begun
		}
		searching := 0
		for range 10 * processors() {
			if *begin("posts.search") {
				searching++
			}
		}
		if searching != processors() {
			t.Errorf("%d search at once on %d processors", searching, processors())
		}
		for range processors() {
			if !*begin("posts.list") {
				t.Error("searches keep a list out")
			}
		}
		if *begin("posts.list") {
			t.Error("more lists are read than there are places")
		}
	})
}
