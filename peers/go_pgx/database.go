package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const columns = "id, name, description, price, quantity, created_at, updated_at"

// pgx prepares each at its first use of a connection.
const (
	retrieve = "SELECT " + columns + " FROM crud_item WHERE id = $1"
	newest   = "SELECT " + columns + " FROM crud_item ORDER BY id DESC LIMIT $1"
	older    = "SELECT " + columns + " FROM crud_item WHERE id < $2 ORDER BY id DESC LIMIT $1"
	create   = "INSERT INTO crud_item (name, description, price, quantity)" +
		" VALUES ($1, $2, $3, $4) RETURNING " + columns
	// Null is "not sent": no column takes it. So concurrent changes of other fields survive.
	update = "UPDATE crud_item SET name = coalesce($2, name)," +
		" description = coalesce($3, description), price = coalesce($4, price)," +
		" quantity = coalesce($5, quantity), updated_at = now()" +
		" WHERE id = $1 RETURNING " + columns
	destroy = "DELETE FROM crud_item WHERE id = $1"
)

// asText lets PostgreSQL write the values: what it sends is nearly the JSON.
var asText = pgx.QueryResultFormats{pgx.TextFormatCode}

// A query has no context of its request: pgx would watch it from another goroutine.
// PostgreSQL ends what takes too long.
var always = context.Background()

func connect() (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(setting("POOL_SIZE", "4"), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("POOL_SIZE: %w", err)
	}
	config.MinConns, config.MaxConns = int32(size), int32(size)
	config.MaxConnLifetime = time.Duration(math.MaxInt64)
	config.MaxConnIdleTime = time.Duration(math.MaxInt64)
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	for name, value := range map[string]string{
		"statement_timeout": "5s", "lock_timeout": "3s", "TimeZone": "UTC", "DateStyle": "ISO",
	} {
		config.ConnConfig.RuntimeParams[name] = value
	}
	return pgxpool.ConnectConfig(always, config)
}
