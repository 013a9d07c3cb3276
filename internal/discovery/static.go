package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Static is a Source whose lists are given, and are all there is.
type Static struct {
	mu      sync.Mutex
	lists   map[string]List
	changed chan struct{} // closed by the next Set
}

// NewStatic makes a Source of lists as ParseStatic returns them.
func NewStatic(lists []List) *Static {
	s := &Static{changed: make(chan struct{})}
	s.Set(lists)
	return s
}

// Set gives other lists in the place of all that there were.
func (s *Static) Set(lists []List) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists = map[string]List{}
	for _, l := range lists {
		s.lists[l.Service] = l
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Watch tells the list of each service, an empty one if there is none, and again each that
// another Set has changed.
func (s *Static) Watch(ctx context.Context, services []string, tell func(List)) {
	told := newBook(tell)
	for {
		lists, changed := s.current()
		for _, service := range services {
			l := lists[service]
			l.Service, l.Firm = service, true
			told.take(l)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Static) current() (map[string]List, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists, s.changed
}

// State is always up.
func (s *Static) State() State { return State{Source: "static", Up: true, Known: true} }

// ParseStatic reads "post-service=127.0.0.1:4001,127.0.0.1:4002*3;user-service=…", where *3
// is a weight (1 to 65535), in the order of the text. Blanks around are nothing, and so is a ; at the
// end. The lists are Firm. An error is a sentence in Chinese for who has written it.
func ParseStatic(text string) ([]List, error) {
	var lists []List
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		l, err := parseService(part)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(lists, func(other List) bool { return other.Service == l.Service }) {
			return nil, fmt.Errorf("服务 %s 出现了两次，请将其地址写在一处，以逗号分隔", l.Service)
		}
		lists = append(lists, l)
	}
	return lists, nil
}

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func parseService(part string) (List, error) {
	name, addresses, _ := strings.Cut(part, "=")
	l := List{Service: strings.TrimSpace(name), Firm: true}
	if !serviceName.MatchString(l.Service) {
		return List{}, fmt.Errorf("%q 无效，应为 服务名=主机:端口，例如 post-service=127.0.0.1:4001", part)
	}
	if strings.TrimSpace(addresses) == "" {
		return List{}, fmt.Errorf("服务 %s 没有地址，应为 %[1]s=主机:端口", l.Service)
	}
	for text := range strings.SplitSeq(addresses, ",") {
		i, err := parseInstance(l.Service, strings.TrimSpace(text))
		if err != nil {
			return List{}, fmt.Errorf("服务 %s 的地址 %q 无效，%w", l.Service, strings.TrimSpace(text), err)
		}
		if slices.ContainsFunc(l.Instances, func(other Instance) bool { return other.Address == i.Address }) {
			return List{}, fmt.Errorf("服务 %s 的地址 %s 出现了两次", l.Service, i.Address)
		}
		l.Instances = append(l.Instances, i)
	}
	return l.sorted(), nil
}

func parseInstance(service, text string) (Instance, error) {
	text, times, weighted := strings.Cut(text, "*")
	i := Instance{Weight: 1}
	var err error
	if i.Address, err = parseAddress(strings.TrimSpace(text)); err != nil {
		return i, err
	}
	if weighted {
		if i.Weight, err = strconv.Atoi(strings.TrimSpace(times)); err != nil || i.Weight < 1 || i.Weight > mostWeight {
			return i, fmt.Errorf("* 之后的权重应为 1 到 %d", mostWeight)
		}
	}
	host, port, _ := net.SplitHostPort(i.Address)
	i.ID = service + "-" + host + "-" + port
	return i, nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?$`)

// parseAddress returns host:port in the one way to write it.
func parseAddress(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errors.New("应为 主机:端口，例如 127.0.0.1:4001")
	}
	if net.ParseIP(host) == nil && !hostName.MatchString(host) {
		return "", errors.New("主机应为 IP 或主机名")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("端口应为 1 到 65535")
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.FormatUint(n, 10)), nil
}
