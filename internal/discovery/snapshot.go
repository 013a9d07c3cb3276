package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// keeper keeps the lists in a file, so that there are some at a start without Consul. An
// empty list is not kept: it is also what a Consul says that has forgotten everything.
type keeper struct {
	path string // "": nothing is kept
	log  *slog.Logger
	wake chan struct{}

	mu    sync.Mutex
	lists map[string]saved
}

// saved is a list in the file.
type saved struct {
	Instances []Instance `json:"instances"`
	Withdrawn []Instance `json:"withdrawn,omitempty"`
}

func newKeeper(path string, log *slog.Logger) *keeper {
	return &keeper{path: path, log: log, wake: make(chan struct{}, 1), lists: map[string]saved{}}
}

// load returns the lists that were kept; none if there is no file, or one that is of no use.
func (k *keeper) load() map[string]List {
	if k.path == "" {
		return nil
	}
	lists, err := readLists(k.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.log.Warn("the saved lists of instances are of no use", "error", err)
		}
		return nil
	}
	k.lists = lists
	all := map[string]List{}
	for service, s := range lists {
		all[service] = List{Service: service, Instances: s.Instances, Withdrawn: s.Withdrawn}.sorted()
	}
	return all
}

// changed takes a list that run will keep.
func (k *keeper) changed(l List) {
	if len(l.Instances)+len(l.Withdrawn) == 0 {
		return
	}
	k.mu.Lock()
	k.lists[l.Service] = saved{l.Instances, l.Withdrawn}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default: // it will see this one, too
	}
}

// run writes what has changed, until end. A disk that is full or slow keeps nobody from
// being told; it is logged when that begins.
func (k *keeper) run() {
	failing := false
	for range k.wake {
		if k.path == "" {
			continue
		}
		k.mu.Lock()
		lists := maps.Clone(k.lists)
		k.mu.Unlock()
		err := writeLists(k.path, lists)
		if err != nil && !failing {
			k.log.Warn("the lists of instances can't be saved for a start without Consul", "error", err)
		}
		failing = err != nil
	}
}

// end lets run return when it has written what is left. Nothing may change any more.
func (k *keeper) end() { close(k.wake) }

func readLists(path string) (map[string]saved, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lists map[string]saved
	if err := json.Unmarshal(b, &lists); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	for service, s := range lists {
		for _, i := range slices.Concat(s.Instances, s.Withdrawn) {
			if _, err := parseAddress(i.Address); err != nil || i.ID == "" || i.Weight < 1 {
				return nil, fmt.Errorf("read %s: %s has an instance that none can be: %q", path, service, i.ID)
			}
		}
	}
	if lists == nil { // "null"
		lists = map[string]saved{}
	}
	return lists, nil
}

// writeLists leaves the old file or the new one, whenever it is interrupted.
func writeLists(path string, lists map[string]saved) error {
	b, err := json.MarshalIndent(lists, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
