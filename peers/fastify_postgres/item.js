"use strict";
// What an item may be, and how it is written. By hand, because JSON Schema can say neither that
// blanks around a name do not count nor that 1.0 is no whole number.

const { isUtf8 } = require("node:buffer");

const READ_ONLY = ["id", "created_at", "updated_at"]; // ignored: what was read can be put back
const RULES = { name: asName, description: asDescription, price: asPrice, quantity: asQuantity };
const FRACTION = /"quantity"\s*:\s*-?\d+[.eE]/; // JSON.parse makes whole numbers of some
const PRICE = /^-?0*\d{1,8}(\.\d{1,2})?$/;
const NEGATIVE = /^-.*[1-9]/;

class InvalidItem extends Error {
  statusCode = 400;
}

/** Return the fields that a body sends, checked. Throws InvalidItem. */
function parse(body) {
  if (!isUtf8(body)) throw new InvalidItem("not UTF-8");
  const text = body.toString();
  const sent = fromJson(text);
  if (sent === null || typeof sent !== "object" || Array.isArray(sent) || FRACTION.test(text)) {
    throw new InvalidItem("not an item");
  }
  const fields = {};
  for (const name of Object.keys(sent)) {
    if (Object.hasOwn(RULES, name)) fields[name] = RULES[name](sent[name]);
    else if (!READ_ONLY.includes(name)) throw new InvalidItem("an unknown field");
  }
  return fields;
}

function fromJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidItem("not JSON");
  }
}

/** Return a whole item: with all that it must have, and defaults for the rest. */
function whole({ name, description = "", price, quantity = 0 }) {
  if (name === undefined || price === undefined) throw new InvalidItem("a field is missing");
  return { name, description, price, quantity };
}

function asText(value, longest) {
  // PostgreSQL's text holds no NUL, UTF-8 no half of a surrogate
  const fits = typeof value === "string" && !value.includes("\0") && value.isWellFormed();
  if (!fits || (value.length > longest && [...value].length > longest)) {
    throw new InvalidItem("not a text of this length");
  }
  return value;
}

function asName(value) {
  const name = asText(typeof value === "string" ? value.trim() : value, 100);
  if (name === "") throw new InvalidItem("an empty name");
  return name;
}

function asDescription(value) {
  return asText(value, 2000);
}

function asPrice(value) {
  const price = typeof value === "number" ? String(value) : value;
  if (typeof price !== "string" || !PRICE.test(price) || NEGATIVE.test(price)) {
    throw new InvalidItem("not a price");
  }
  return price;
}

function asQuantity(value) {
  if (!Number.isInteger(value) || value < 0 || value > 2147483647) {
    throw new InvalidItem("not a quantity");
  }
  return value;
}

// fast-json-stringify makes functions of these: the fields are known, so nothing is looked up.
const text = { type: "string" };
const ITEM = {
  type: "object",
  properties: {
    id: { type: "integer" },
    name: text,
    description: text,
    price: text,
    quantity: { type: "integer" },
    created_at: text,
    updated_at: text,
  },
};
const PAGE = {
  type: "object",
  properties: {
    next: { type: "string", nullable: true },
    previous: { type: "null" },
    results: { type: "array", items: ITEM },
  },
};

module.exports = { parse, whole, ITEM, PAGE };
