package main

import (
	"errors"
	"io"
	"log"
	"math"
	"net/http"
	"strconv"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4/pgxpool"
)

// api answers requests. It is no http.ServeMux, which redirects what it would rather be asked.
type api struct {
	pool      *pgxpool.Pool
	signature []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Served-By"] = a.signature
	id, collection, found := route(r.URL.Path)
	switch {
	case !found:
		w.WriteHeader(http.StatusNotFound)
	case refused(w, r):
	case collection:
		a.items(w, r)
	default:
		a.item(w, r, id)
	}
}

// route finds whether a path leads to all items or to one of them.
func route(path string) (id int64, collection, found bool) {
	const all = "/items"
	if len(path) < len(all) || path[:len(all)] != all {
		return 0, false, false
	}
	rest := path[len(all):]
	if rest == "" || rest == "/" {
		return 0, true, true
	}
	if rest[len(rest)-1] == '/' {
		rest = rest[:len(rest)-1]
	}
	if rest == "" || rest[0] != '/' {
		return 0, false, false
	}
	id, found = whole(rest[1:], math.MaxInt64)
	return id, false, found
}

// whole reads a number that is written in digits only.
func whole(text string, most int64) (int64, bool) {
	if len(text) == 0 || len(text) > 19 {
		return 0, false
	}
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && number <= most
}

var (
	ofItems = []string{"GET, HEAD, OPTIONS, POST"}
	ofItem  = []string{"DELETE, GET, HEAD, OPTIONS, PATCH, PUT"}
)

func (a *api) items(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		a.list(w, r)
	case http.MethodPost:
		a.create(w, r)
	default:
		methods(w, r, ofItems)
	}
}

func (a *api) item(w http.ResponseWriter, r *http.Request, id int64) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		a.one(w, retrieve, asText, id)
	case http.MethodPut:
		if sent, ok := read(w, r); ok && given(w, &sent) {
			a.one(w, update, asText, id, sent.name, sent.description, sent.price, sent.quantity)
		}
	case http.MethodPatch:
		if sent, ok := read(w, r); ok {
			a.one(w, update, asText, id, sent.name, sent.description, sent.price, sent.quantity)
		}
	case http.MethodDelete:
		a.destroy(w, id)
	default:
		methods(w, r, ofItem)
	}
}

func methods(w http.ResponseWriter, r *http.Request, allowed []string) {
	w.Header()["Allow"] = allowed
	if r.Method != http.MethodOptions {
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// one runs a statement and answers with its row, or with 404.
func (a *api) one(w http.ResponseWriter, statement string, arguments ...interface{}) {
	rows, err := a.pool.Query(always, statement, arguments...)
	if err != nil {
		failed(w, err)
		return
	}
	defer rows.Close()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	found := rows.Next()
	if found {
		*buffer = appendItem((*buffer)[:0], rows.RawValues())
		rows.Next() // read to the end, where a failure of the commit is told
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		failed(w, err)
	} else if !found {
		w.WriteHeader(http.StatusNotFound)
	} else {
		reply(w, http.StatusOK, *buffer)
	}
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	sent, ok := read(w, r)
	if !ok || !given(w, &sent) {
		return
	}
	rows, err := a.pool.Query(
		always, create, asText, sent.name, sent.description, sent.price, sent.quantity)
	if err != nil {
		failed(w, err)
		return
	}
	defer rows.Close()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	location := ""
	for rows.Next() {
		values := rows.RawValues()
		location = "/items/" + string(values[0]) + "/"
		*buffer = appendItem((*buffer)[:0], values)
	}
	if err := rows.Err(); err != nil {
		failed(w, err)
		return
	}
	w.Header()["Location"] = []string{location}
	reply(w, http.StatusCreated, *buffer)
}

func (a *api) destroy(w http.ResponseWriter, id int64) {
	done, err := a.pool.Exec(always, destroy, id)
	switch {
	case err != nil:
		failed(w, err)
	case done.RowsAffected() == 0:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// list answers with the newest items older than the cursor; one more is read to know whether there
// are more.
func (a *api) list(w http.ResponseWriter, r *http.Request) {
	limit, cursor, ok := page(r.URL.RawQuery)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	statement, arguments := newest, []interface{}{asText, limit + 1}
	if cursor >= 0 {
		statement, arguments = older, append(arguments, cursor)
	}
	rows, err := a.pool.Query(always, statement, arguments...)
	if err != nil {
		failed(w, err)
		return
	}
	defer rows.Close()
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	*buffer = appendPage((*buffer)[:0], rows, limit, r.Host)
	if err := rows.Err(); err != nil {
		failed(w, err)
		return
	}
	reply(w, http.StatusOK, *buffer)
}

// read takes the fields of a body, or refuses it.
func read(w http.ResponseWriter, r *http.Request) (fields, bool) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	body, err := readAll(io.LimitReader(r.Body, largestBody+1), (*buffer)[:0])
	*buffer = body
	if len(body) > largestBody {
		_, _ = io.CopyN(io.Discard, r.Body, 4*largestBody) // a close would take the answer along
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return fields{}, false
	}
	sent, ok := parse(body)
	if err != nil || !ok {
		w.WriteHeader(http.StatusBadRequest)
		return fields{}, false
	}
	return sent, true
}

// given refuses a whole item without what it must have, and fills in what it need not.
func given(w http.ResponseWriter, sent *fields) bool {
	if sent.name == nil || sent.price == nil {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	if sent.description == nil {
		sent.description = ""
	}
	if sent.quantity == nil {
		sent.quantity = "0"
	}
	return true
}

func failed(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable // no connection, or it was lost
	var told *pgconn.PgError
	if errors.As(err, &told) {
		switch told.Code[:2] {
		case "23", "40": // constraints; deadlocks
			status = http.StatusConflict
		case "08", "25", "53", "57": // connection, read-only, resources, shutdown
			status = http.StatusServiceUnavailable
		default:
			status = http.StatusInternalServerError
		}
		if told.Code == "57014" || told.Code == "55P03" { // it took, or waited, too long
			status = http.StatusGatewayTimeout
		}
	}
	log.Printf("%d: %v", status, err)
	if status == http.StatusServiceUnavailable {
		w.Header()["Retry-After"] = []string{"1"}
	}
	w.WriteHeader(status)
}
