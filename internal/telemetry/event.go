package telemetry

import (
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/getsentry/sentry-go"
)

// eventOf is all that is told of a failure; clean sees it, too.
func eventOf(f queued) *sentry.Event {
	method, place := knownMethod(f.Method), f.Route
	if place == "" {
		place = "unmatched"
	}
	e := sentry.NewEvent()
	e.Level = sentry.LevelError
	e.Timestamp = f.at
	e.Transaction = method + " " + place
	e.Request = &sentry.Request{Method: method, URL: place}
	e.Tags = map[string]string{
		"request_id": f.RequestID, "trace_id": f.TraceID, "method": method, "route": place,
		"status": strconv.Itoa(f.Status), "code": f.Code,
	}
	if f.silent > 0 {
		e.Contexts["repeated"] = sentry.Context{"equal failures since the last report": f.silent}
	}
	handled := f.Stack == ""
	told := sentry.Exception{Type: f.Code, Value: f.Text, Mechanism: &sentry.Mechanism{Type: "http", Handled: &handled}}
	if !handled {
		told.Type = "panic"
		value, stack := innermost(f.Text, f.Stack)
		told.Value, told.Stacktrace = value, &sentry.Stacktrace{Frames: frames(stack)}
	}
	e.Exception = []sentry.Exception{told}
	return e
}

// clean takes from an event what is personal or secret: what a person has written, and
// all that is not told by eventOf.
func clean(e *sentry.Event) *sentry.Event {
	for i := range e.Exception {
		e.Exception[i].Value = scrub(e.Exception[i].Value, maxValue)
	}
	e.Message = scrub(e.Message, maxValue)
	if e.Request != nil {
		e.Request = &sentry.Request{Method: e.Request.Method, URL: e.Request.URL}
	}
	e.User, e.Breadcrumbs, e.Modules, e.Attachments = sentry.User{}, nil, nil, nil
	return e
}

// innermost returns what a panic said and its stack. One that was recovered in another
// goroutine and panics again here has the stack of its origin in its text.
func innermost(text, stack string) (value, origin string) {
	value, within, found := strings.Cut(text, "\ngoroutine ")
	if !found {
		return text, stack
	}
	origin, _, _ = strings.Cut(within, "\ngoroutine ")
	return value, origin
}

// maxFrames bounds a stack.
const maxFrames = 100

// frames reads what debug.Stack has written, from where the panic began: outermost first,
// as Sentry has it. Files are named by their package: where it was built is nobody's business.
func frames(stack string) []sentry.Frame {
	var all []sentry.Frame
	lines := strings.Split(stack, "\n")
	for i := 1; i < len(lines); i++ {
		at, ok := strings.CutPrefix(lines[i], "\t")
		if !ok {
			continue
		}
		function := strings.TrimPrefix(lines[i-1], "created by ")
		function, _, _ = strings.Cut(function, " in goroutine ")
		if args := strings.LastIndexByte(function, '('); args > 0 && strings.HasSuffix(function, ")") {
			function = function[:args]
		}
		if function == "panic" {
			all = nil // so far it was about recovering
			continue
		}
		at, _, _ = strings.Cut(at, " +0x")
		file, line, _ := strings.Cut(path.Base(strings.ReplaceAll(at, `\`, "/")), ":")
		all = append(all, frame(function, file, line))
	}
	all = all[:min(len(all), maxFrames)]
	slices.Reverse(all)
	return all
}

func frame(function, file, line string) sentry.Frame {
	n, _ := strconv.Atoi(line) // 0 is none
	f := sentry.NewFrame(runtime.Frame{Function: function, Line: n})
	f.Filename, f.AbsPath = path.Join(f.Module, file), ""
	f.InApp = f.Module == "main" || f.Module == "inkstone" || strings.HasPrefix(f.Module, "inkstone/")
	return f
}
