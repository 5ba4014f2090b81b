package main

import (
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v4"
)

// buffers hold answers and bodies; nobody keeps a reference into one past its request.
var buffers = sync.Pool{New: func() interface{} { made := make([]byte, 0, 8192); return &made }}

var asJSON = []string{"application/json"}

func reply(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header["Content-Type"] = asJSON
	header["Content-Length"] = []string{strconv.Itoa(len(body))} // or it would be sent in chunks
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

func readAll(source io.Reader, into []byte) ([]byte, error) {
	for {
		if len(into) == cap(into) {
			into = append(into, 0)[:len(into)]
		}
		count, err := source.Read(into[len(into):cap(into)])
		into = into[:len(into)+count]
		if err == io.EOF {
			return into, nil
		} else if err != nil {
			return into, err
		}
	}
}

func appendPage(to []byte, rows pgx.Rows, limit int64, host string) []byte {
	results := make([]byte, 0, 8192)
	var last []byte
	count := int64(0)
	for ; rows.Next(); count++ {
		if count == limit {
			continue
		}
		if count > 0 {
			results = append(results, ',')
		}
		values := rows.RawValues()
		last = append(last[:0], values[0]...)
		results = appendItem(results, values)
	}
	to = append(to, `{"next":`...)
	if count > limit {
		next := "http://" + host + "/items/?limit=" + strconv.FormatInt(limit, 10) + "&cursor="
		to = appendText(to, append([]byte(next), last...))
	} else {
		to = append(to, "null"...)
	}
	to = append(to, `,"previous":null,"results":[`...)
	return append(append(to, results...), "]}"...)
}

// appendItem writes a row, which PostgreSQL has sent as text.
func appendItem(to []byte, row [][]byte) []byte {
	to = append(append(to, `{"id":`...), row[0]...)
	to = appendText(append(to, `,"name":`...), row[1])
	to = appendText(append(to, `,"description":`...), row[2])
	to = append(append(to, `,"price":"`...), row[3]...)
	to = append(append(to, `","quantity":`...), row[4]...)
	to = appendTime(append(to, `,"created_at":"`...), row[5])
	to = appendTime(append(to, `","updated_at":"`...), row[6])
	return append(to, `"}`...)
}

// appendTime turns 2026-11-29 07:58:28.123456+00 into 2026-11-29T07:58:28.123456Z.
func appendTime(to, written []byte) []byte {
	const date, zone = len("2026-11-29"), len("+00")
	to = append(append(to, written[:date]...), 'T')
	return append(append(to, written[date+1:len(written)-zone]...), 'Z')
}

const hex = "0123456789abcdef"

func appendText(to, text []byte) []byte {
	to = append(to, '"')
	start := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		to = append(to, text[start:i]...)
		if c < ' ' {
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			to = append(to, '\\', c)
		}
		start = i + 1
	}
	return append(append(to, text[start:]...), '"')
}
