package main

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fields hold what was sent as pgx takes it: a string, or nil for what was not sent.
type fields struct {
	name, description, price, quantity interface{}
}

// parse reads an item. encoding/json alone would not do: it takes fields in any case, and bytes
// that are no UTF-8, and halves of surrogates.
func parse(body []byte) (fields, bool) {
	var sent fields
	if !utf8.Valid(body) || !json.Valid(body) {
		return sent, false
	}
	s := scanner{text: body}
	if s.space(); s.next() != '{' {
		return sent, false
	}
	s.at++
	for s.space(); s.next() != '}'; s.space() {
		if s.next() == ',' {
			s.at++
			s.space()
		}
		name, named := unquoted(s.value())
		s.space()
		s.at++ // the colon
		s.space()
		if !named || !sent.set(name, s.value()) {
			return sent, false
		}
	}
	return sent, true
}

func (f *fields) set(name string, value []byte) bool {
	ok := true
	switch name {
	case "name":
		f.name, ok = asName(value)
	case "description":
		f.description, ok = asDescription(value)
	case "price":
		f.price, ok = asPrice(value)
	case "quantity":
		f.quantity, ok = asQuantity(value)
	case "id", "created_at", "updated_at": // what was read can be put back
	default:
		ok = false
	}
	return ok
}

// A scanner steps through JSON that is known to be valid.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) next() byte { return s.text[s.at] }

func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// value steps over a value and returns it.
func (s *scanner) value() []byte {
	start := s.at
	for depth := 0; ; {
		switch s.next() {
		case '"':
			s.string()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		default:
			s.at++
		}
		if depth == 0 && s.ended() {
			return s.text[start:s.at]
		}
	}
}

func (s *scanner) ended() bool {
	return s.text[s.at-1] == '"' || strings.IndexByte(",}] \t\r\n", s.next()) >= 0
}

func (s *scanner) string() {
	for s.at++; s.next() != '"'; s.at++ {
		if s.next() == '\\' {
			s.at++
		}
	}
	s.at++
}

// unquoted reads a string that PostgreSQL can hold: without NUL, without half a surrogate.
func unquoted(value []byte) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	inside := string(value[1 : len(value)-1])
	if strings.IndexByte(inside, '\\') < 0 {
		return inside, true
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", false
	}
	// encoding/json puts U+FFFD where half a surrogate was
	made, sent := strings.Count(text, "\ufffd"), strings.Count(inside, "\ufffd")
	written := strings.Count(strings.ToLower(inside), `\ufffd`)
	return text, strings.IndexByte(text, 0) < 0 && made <= sent+written
}

func asName(value []byte) (interface{}, bool) {
	text, ok := unquoted(value)
	text = strings.TrimSpace(text)
	return text, ok && text != "" && utf8.RuneCountInString(text) <= 100
}

func asDescription(value []byte) (interface{}, bool) {
	text, ok := unquoted(value)
	return text, ok && utf8.RuneCountInString(text) <= 2000
}

// asPrice reads a number, or a string that is one: up to eight digits, and two after the point.
func asPrice(value []byte) (interface{}, bool) {
	text := string(value)
	if value[0] == '"' {
		text = text[1 : len(text)-1]
	}
	digits := strings.TrimPrefix(text, "-")
	front, end, pointed := strings.Cut(digits, ".")
	short := len(strings.TrimLeft(front, "0")) <= 8 && len(end) <= 2
	if !short || !allDigits(front) || pointed && !allDigits(end) {
		return nil, false
	}
	zero := strings.Trim(digits, "0.") == ""
	return text, zero || len(digits) == len(text)
}

func asQuantity(value []byte) (interface{}, bool) {
	number, err := strconv.ParseInt(string(value), 10, 64)
	return string(value), err == nil && number >= 0 && number <= math.MaxInt32
}

func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}
