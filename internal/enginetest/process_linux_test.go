package enginetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestServersDieWithTheTestsProcess(t *testing.T) {
	if os.Getenv("ENGINETEST_DIE") != "" {
		p, r := PrivatePostgres(t), PrivateRedis(t)
		fmt.Println("started", p.URL(), p.dir, r.URL(), r.dir)
		os.Exit(3) // as after a panic or at the end of its time: nothing is cleaned up
	}
	need(t, "PostgreSQL", "TEST_POSTGRES_BIN")
	need(t, "Redis", "TEST_REDIS_BIN")
	cmd := exec.Command(os.Args[0], "-test.run=^TestServersDieWithTheTestsProcess$")
	cmd.Env = append(os.Environ(), "ENGINETEST_DIE=1")
	out, _ := cmd.Output()
	said := strings.Fields(string(out))
	if len(said) != 5 || said[0] != "started" {
		t.Fatalf("%s", out)
	}
	t.Cleanup(func() { os.RemoveAll(said[2]); os.RemoveAll(said[4]) })
	gone(t, pingPostgres, said[1])
	gone(t, pingRedis, said[3])
}

func gone(t *testing.T, ping func(context.Context, string) error, url string) {
	t.Helper()
	for range 100 {
		if ping(t.Context(), url) != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s still answers", url)
}
