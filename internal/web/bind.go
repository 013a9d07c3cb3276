package web

import (
	"maps"
	"reflect"
	"slices"

	"inkstone/internal/blog"
)

// field is one field of a struct that Decode fills.
type field struct {
	value      reflect.Value // a pointer
	nullAbsent bool          // null is as good as absent
}

// fieldsOf lists the fields of the struct that into points at by their names in JSON.
func fieldsOf(into any) map[string]field {
	v := reflect.ValueOf(into).Elem()
	fields := make(map[string]field, v.NumField())
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if name := tag.Get("json"); name != "" {
			fields[name] = field{v.Field(i), tag.Get("null") == "absent"}
		}
	}
	return fields
}

func sortedKeys(values map[string][]string) []string {
	return slices.Sorted(maps.Keys(values))
}

// setText sets a field from the text of a form; false if it is neither text nor a boolean.
func (f field) setText(text string) bool {
	target := reflect.New(f.value.Type().Elem())
	switch {
	case target.Elem().Kind() == reflect.String:
		target.Elem().SetString(text)
	case target.Elem().Kind() == reflect.Bool && (text == "true" || text == "false"):
		target.Elem().SetBool(text == "true")
	default:
		return false
	}
	f.value.Set(target)
	return true
}

// binder puts members of JSON objects into structs and notes what does not fit.
type binder struct {
	problems blog.Problems
}

func (b *binder) object(prefix string, members []member, into any) {
	fields := fieldsOf(into)
	for _, m := range members {
		name := prefix + shorten(m.key)
		f, ok := fields[m.key]
		switch {
		case !ok:
			b.problems.Add(name, blog.RuleUnknown)
		case f.nullAbsent && m.raw[0] == 'n':
		default:
			b.set(name, f.value, m.raw)
		}
	}
}

// set binds one value; a value of another type than the field's is noted.
func (b *binder) set(name string, f reflect.Value, raw []byte) {
	target := reflect.New(f.Type().Elem())
	v, first := target.Elem(), raw[0]
	switch kind := v.Kind(); {
	case kind == reflect.String && first == '"':
		v.SetString(unquote(raw))
	case kind == reflect.Bool && (first == 't' || first == 'f'):
		v.SetBool(first == 't')
	case kind == reflect.Slice && first == '[':
		texts, ok := textsOf(raw)
		if !ok {
			b.problems.Add(name, blog.RuleType)
			return
		}
		v.Set(reflect.ValueOf(texts).Convert(v.Type()))
	case kind == reflect.Struct && first == '{':
		s := scanner{data: raw}
		members, _, _ := s.scan() // sound: the scan of the whole body has seen it
		b.object(name+".", members, target.Interface())
	default:
		b.problems.Add(name, blog.RuleType)
		return
	}
	f.Set(target)
}

// textsOf reads an array of strings, at most maxElements.
func textsOf(raw []byte) ([]string, bool) {
	texts := []string{}
	s := scanner{data: raw, pos: 1}
	s.space()
	for more := raw[s.pos] != ']'; more; more = s.next() {
		if raw[s.pos] != '"' || len(texts) == maxElements {
			return nil, false
		}
		start := s.pos
		s.text("")
		texts = append(texts, unquote(raw[start:s.pos]))
	}
	return texts, true
}
