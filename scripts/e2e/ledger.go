package main

import (
	"crypto/sha256"
	"math/rand/v2"
	"sync"
)

// fate is what is known of a write.
type fate int

const (
	sent  fate = iota // it failed: it may be there, or come yet
	acked             // it is there
)

// post is what one should find of a post. A post is changed by its author alone, one change after
// the other.
type post struct {
	title string
	id    string // "": its creation was not acknowledged

	mu       sync.Mutex
	version  string          // of the last change that was acknowledged
	versions map[string]bool // of changes that failed since, or before: each may win
	comments map[string]fate // by text
	likes    map[string]fate // by user
}

// file is an uploaded one.
type file struct {
	url string
	sum [sha256.Size]byte
}

// ledger is what the clients wrote.
type ledger struct {
	mu     sync.Mutex
	posts  []*post // acknowledged, in the order of that
	unsure []*post
	files  []file
}

// created notes the end of a creation; id is "" if it failed.
func (l *ledger) created(title, version, id string) *post {
	p := &post{title: title, id: id, version: version, versions: map[string]bool{}, comments: map[string]fate{}, likes: map[string]fate{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == "" {
		l.unsure = append(l.unsure, p)
	} else {
		l.posts = append(l.posts, p)
	}
	return p
}

func (l *ledger) uploaded(f file) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = append(l.files, f)
}

// recently is how many of the newest posts are read, liked and commented on.
const recently = 300

// anyPost returns one of the newest, anyFile any file; nil if there is none.
func (l *ledger) anyPost() *post {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.posts[max(0, len(l.posts)-recently):]
	if len(newest) == 0 {
		return nil
	}
	return newest[rand.IntN(len(newest))]
}

func (l *ledger) anyFile() *file {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.files) == 0 {
		return nil
	}
	return &l.files[rand.IntN(len(l.files))]
}

// changed notes the end of a change of a post.
func (p *post) changed(version string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok {
		p.version = version
	} else {
		p.versions[version] = true
	}
}

// mayBe tells whether a post may have a version.
func (p *post) mayBe(version string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version == version || p.versions[version]
}

// added notes the end of an addition to a post, a comment or a like: what was acknowledged once
// stays so.
func (p *post) added(to map[string]fate, what string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok {
		to[what] = acked
	} else if _, known := to[what]; !known {
		to[what] = sent
	}
}

// count returns how many are acknowledged, and how many may be there.
func count(all map[string]fate) (least, most int) {
	for _, f := range all {
		if f == acked {
			least++
		}
	}
	return least, len(all)
}
