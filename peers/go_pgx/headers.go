package main

import (
	"net/http"
	"net/url"
	"strings"
)

// refused answers who takes no JSON, and who sends something else or too much.
func refused(w http.ResponseWriter, r *http.Request) bool {
	status := 0
	if accept := r.Header["Accept"]; len(accept) > 0 && accept[0] != "*/*" && !takesJSON(accept[0]) {
		status = http.StatusNotAcceptable
	} else if withBody(r.Method) && !isJSON(r.Header["Content-Type"]) {
		status = http.StatusUnsupportedMediaType
	}
	if status != 0 {
		w.WriteHeader(status)
	}
	return status != 0
}

func takesJSON(accept string) bool {
	for _, one := range strings.Split(strings.ToLower(accept), ",") {
		kind, _, _ := strings.Cut(one, ";")
		switch strings.TrimSpace(kind) {
		case "*/*", "application/*", "application/json":
			return true
		}
	}
	return false
}

func withBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

var noise = strings.NewReplacer(" ", "", `"`, "")

func isJSON(said []string) bool {
	if len(said) != 1 {
		return false
	}
	if said[0] == "application/json" {
		return true
	}
	plain := noise.Replace(strings.ToLower(said[0]))
	return plain == "application/json" || plain == "application/json;charset=utf-8"
}

// page reads limit and cursor; a cursor of -1 is none.
func page(query string) (limit, cursor int64, ok bool) {
	limit, cursor = 20, -1
	for rest := query; rest != ""; {
		var one string
		one, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(one, "=")
		value, err := url.QueryUnescape(value)
		good := true
		switch name {
		case "limit":
			limit, good = whole(value, 100)
			good = good && limit > 0
		case "cursor":
			cursor, good = whole(value, 1<<63-1)
		}
		if err != nil || !good {
			return 0, 0, false
		}
	}
	return limit, cursor, true
}
