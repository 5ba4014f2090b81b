"use strict";
// The contract on fastify and postgres.js: `python -m peers serve fastify-postgres`.

const cluster = require("node:cluster");
const fastify = require("fastify");
const { ITEM, PAGE, parse, whole } = require("./item.js");

const LARGEST_BODY = 1_048_576; // bytes
const LARGEST_ID = 2n ** 63n - 1n;
const DIGITS = /^[0-9]{1,19}$/;
const OF_ITEMS = "GET, HEAD, OPTIONS, POST";
const OF_ITEM = "DELETE, GET, HEAD, OPTIONS, PATCH, PUT";
const WITH_BODY = new Set(["POST", "PUT", "PATCH"]);
const JSON_TYPES = new Set(["application/json", "application/json;charset=utf-8"]);
const TAKING_JSON = new Set(["*/*", "application/*", "application/json"]);
const SIGNATURE = `fastify-postgres/${process.pid}`;

function application(database) {
  const app = fastify({
    logger: false,
    bodyLimit: LARGEST_BODY,
    keepAliveTimeout: 75_000, // milliseconds
    routerOptions: { ignoreTrailingSlash: true },
    // Paths that are too long or no URL; no hook sees them
    frameworkErrors: (_error, _request, reply) => bare(reply.header("X-Served-By", SIGNATURE), 404),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    try {
      done(null, parse(body));
    } catch (error) {
      done(error);
    }
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("X-Served-By", SIGNATURE);
    const status = refusal(request.method, request.headers);
    if (status) bare(reply, status);
    else done();
  });
  app.setNotFoundHandler(elsewhere);
  app.setErrorHandler(failed);
  routes(app, database);
  return app;
}

function routes(app, database) {
  const items = { schema: { response: { 200: PAGE, 201: ITEM } } };
  const item = { schema: { response: { 200: ITEM } } };

  // One more row is read to know whether there are more.
  app.get("/items", items, async (request, reply) => {
    const { limit = "20", cursor } = request.query;
    const most = DIGITS.test(limit) ? Number(limit) : 0;
    const isCursor = cursor === undefined || asId(cursor) !== null;
    if (most < 1 || most > 100 || !isCursor) return bare(reply, 400);
    const rows = await (cursor === undefined
      ? database.newest(most + 1)
      : database.older(most + 1, cursor));
    let next = null;
    if (rows.length > most) {
      rows.pop();
      next = `http://${request.headers.host}/items/?limit=${most}&cursor=${rows.at(-1).id}`;
    }
    return json(reply, { next, previous: null, results: rows });
  });

  app.post("/items", items, async (request, reply) => {
    const [made] = await database.create(whole(request.body));
    reply.code(201).header("Location", `/items/${made.id}/`);
    return json(reply, made);
  });

  // Runs a statement for the id in the path and answers with its row, or with 404.
  const answered = (statement) => async (request, reply) => {
    const id = asId(request.params.id);
    const [row] = id === null ? [] : await statement(id, request.body);
    return row === undefined ? bare(reply, 404) : json(reply, row);
  };
  app.get("/items/:id", item, answered(database.retrieve));
  app.put("/items/:id", item, answered((id, sent) => database.update(id, whole(sent))));
  app.patch("/items/:id", item, answered(database.update));
  app.delete("/items/:id", async (request, reply) => {
    const id = asId(request.params.id);
    const gone = id !== null && (await database.destroy(id)).count > 0;
    return bare(reply, gone ? 204 : 404);
  });
}

/** Return a row's id as PostgreSQL reads it, null for what cannot be one. */
function asId(text) {
  return DIGITS.test(text) && (text.length < 19 || BigInt(text) <= LARGEST_ID) ? text : null;
}

function json(reply, value) {
  const text = reply.serialize(value);
  // Without a serializer of the reply's own fastify would add a charset, which JSON has none of
  return reply.header("Content-Type", "application/json").serializer(unchanged).send(text);
}

const unchanged = (text) => text;

function bare(reply, status) {
  return reply.code(status).send();
}

/** Return the status that refuses such headers, 0 for none. */
function refusal(method, { accept, "content-type": type }) {
  if (accept !== undefined && accept !== "*/*" && !takesJson(accept)) return 406;
  return WITH_BODY.has(method) && type !== "application/json" && !isJson(type) ? 415 : 0;
}

function takesJson(accept) {
  const ranges = accept.toLowerCase().split(",");
  return ranges.some((range) => TAKING_JSON.has(range.split(";")[0].trim()));
}

function isJson(type) {
  return type !== undefined && JSON_TYPES.has(type.toLowerCase().replaceAll(/[ "]/g, ""));
}

/** Answer what no route answers: another method of a path that there is, or 404. */
function elsewhere(request, reply) {
  const [path] = request.url.split("?");
  const [, id] = /^\/items(?:\/([0-9]{1,19})?)?\/?$/.exec(path) ?? [, null];
  if (id === null || path.endsWith("//")) return bare(reply, 404);
  reply.header("Allow", id === undefined ? OF_ITEMS : OF_ITEM);
  return bare(reply, request.method === "OPTIONS" ? 200 : 405);
}

function failed(error, _request, reply) {
  const status = error.statusCode ?? statusOf(error.code ?? "");
  if (status >= 500) console.error(error);
  if (status === 503) reply.header("Retry-After", "1");
  return bare(reply, status);
}

/** Return the status for an error of PostgreSQL's, or of the way to it. */
function statusOf(code) {
  if (code === "57014" || code === "55P03") return 504; // it took, or waited, too long
  if (/^(23|40)/.test(code)) return 409; // constraints; deadlocks
  return /^(08|25|53|57|E|CONN)/.test(code) ? 503 : 500;
}

async function work() {
  const database = require("./database.js");
  const app = application(database);
  await database.sql`SELECT 1`;
  await app.listen({ host: process.env.HOST ?? "127.0.0.1", port: Number(process.env.PORT ?? 8001) });
  process.once("SIGTERM", async () => {
    await app.close();
    await database.sql.end({ timeout: 5 });
    process.exit();
  });
}

function supervise(workers) {
  for (let worker = 0; worker < workers; worker += 1) cluster.fork();
  process.once("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill("SIGTERM");
  });
}

const workers = Number(process.env.WEB_CONCURRENCY ?? 1);
if (cluster.isPrimary && workers > 1) supervise(workers);
else work();
