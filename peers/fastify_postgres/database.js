"use strict";
// The connections: postgres.js prepares each statement once per connection, and sends statements
// down a connection before the answers to earlier ones are there.

const postgres = require("postgres");

/** Return where the database is. The host may stand in the query, as for a socket's folder. */
function place(url) {
  const { hostname, port, pathname, username, password, searchParams } = new URL(
    url.replace("@/", "@localhost/"), // a URL without a host is none for Node
  );
  return {
    host: searchParams.get("host") ?? hostname,
    port: Number(searchParams.get("port") ?? (port || 5432)),
    database: decodeURIComponent(pathname.slice(1)),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

const sql = postgres({
  ...place(process.env.DATABASE_URL),
  max: Number(process.env.POOL_SIZE ?? 4),
  connect_timeout: 5, // seconds
  idle_timeout: 0,
  max_lifetime: null,
  fetch_types: false, // only arrays would need them
  onnotice: () => {},
  connection: { statement_timeout: 5000, lock_timeout: 3000, TimeZone: "UTC" }, // milliseconds
  types: {
    bigint: postgres.BigInt,
    // Not a Date, which would forget microseconds
    timestamptz: { to: 1184, from: [1184], serialize: String, parse: asIso },
  },
});

/** Return 2026-11-29T07:58:28.123456Z for 2026-11-29 07:58:28.123456+00. */
function asIso(written) {
  return `${written.slice(0, 10)}T${written.slice(11, -3)}Z`;
}

const columns = sql.unsafe("id, name, description, price, quantity, created_at, updated_at");

const retrieve = (id) => sql`SELECT ${columns} FROM crud_item WHERE id = ${id}`;
const newest = (limit) => sql`SELECT ${columns} FROM crud_item ORDER BY id DESC LIMIT ${limit}`;
const older = (limit, cursor) =>
  sql`SELECT ${columns} FROM crud_item WHERE id < ${cursor} ORDER BY id DESC LIMIT ${limit}`;
const create = ({ name, description, price, quantity }) =>
  sql`INSERT INTO crud_item (name, description, price, quantity)
    VALUES (${name}, ${description}, ${price}, ${quantity}) RETURNING ${columns}`;
// Null is "not sent": no column takes it. So concurrent changes of other fields survive.
const update = (id, { name = null, description = null, price = null, quantity = null }) =>
  sql`UPDATE crud_item SET name = coalesce(${name}, name),
    description = coalesce(${description}, description), price = coalesce(${price}, price),
    quantity = coalesce(${quantity}, quantity), updated_at = now()
    WHERE id = ${id} RETURNING ${columns}`;
const destroy = (id) => sql`DELETE FROM crud_item WHERE id = ${id}`;

module.exports = { sql, retrieve, newest, older, create, update, destroy };
