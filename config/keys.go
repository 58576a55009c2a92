package config

import (
	"fmt"
	"reflect"
	"strings"
)

// A field is a key that a struct knows.
type field struct {
	key   string
	index []int // as reflect's FieldByIndex takes it
}

// fields lists a struct's keys in the order of its declaration. Their names follow the yaml package:
// the tag's, else the field's in lower case; "-" is none, and inline structs lend their own.
func fields(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline" && f.Type.Kind() == reflect.Struct:
			for _, inner := range fields(f.Type) {
				all = append(all, field{inner.key, append([]int{i}, inner.index...)})
			}
		case name == "":
			all = append(all, field{strings.ToLower(f.Name), []int{i}})
		default:
			all = append(all, field{name, []int{i}})
		}
	}
	return all
}

func keys(fs []field) []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.key
	}
	return names
}

// unknownKey says which key was meant, or which there are when none is near.
func unknownKey(key string, known []string) string {
	if near := nearest(key, known); near != "" {
		return fmt.Sprintf("unknown key %s (did you mean %q?)", quote(key), near)
	}
	return fmt.Sprintf("unknown key %s (known here: %s)", quote(key), strings.Join(known, ", "))
}

// nearest is the first of the words that differ least from word, or "" when none is close: at most
// every third letter may differ.
func nearest(word string, words []string) string {
	best, least := "", 0
	for _, w := range words {
		d := distance(strings.ToLower(word), strings.ToLower(w))
		if d*3 <= max(len(word), len(w)) && (best == "" || d < least) {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to make b of a.
func distance(a, b string) int {
	if d := len(a) - len(b); max(d, -d) > 20 { // not close whatever they are: no table for nonsense
		return max(len(a), len(b))
	}
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// quote quotes what a person wrote, and cuts it where it gets long.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
