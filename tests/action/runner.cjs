// Runs a printed Action under Node as Auth0 does: each line of standard input is a login, each line of standard output
// what the Action asked for. Arguments: the Action's file, and the address of Stripe's API.

"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");
const fs = require("node:fs");
const readline = require("node:readline");
const vm = require("node:vm");

const [file, stripeUrl] = process.argv.slice(2);
const address = new URL(stripeUrl);
const runs = new AsyncLocalStorage();

/** What the Action loads: the real SDK, which only differs in the address that it calls. */
function requireForAction(name) {
  if (name !== "stripe") return require(name);
  if (runs.getStore().withoutStripe) throw Object.assign(new Error(`Cannot find module '${name}'`), { code: "MODULE_NOT_FOUND" });
  const Stripe = require("stripe");
  const where = { protocol: "http", host: address.hostname, port: Number(address.port) };
  return function StripeAtTheAddress(key, config) {
    return new Stripe(key, { ...config, ...where });
  };
}

const exported = {};
const log = { log: (...words) => runs.getStore().log.push(words.join(" ")) };
// The last line lets the tests call the Action's own functions by their names.
const load = vm.compileFunction(
  `${fs.readFileSync(file, "utf8")}\nreturn (name) => eval(name);`,
  ["exports", "require", "console"],
  { filename: file },
);
const local = load(exported, requireForAction, log);

async function logIn({ event, refused = [], withoutStripe = false }) {
  const asked = { metadata: {}, idToken: {}, accessToken: {}, denied: false, log: [], threw: null, withoutStripe };
  const set = (method, values) => (name, value) => {
    if (refused.includes(method)) throw new Error(`${method} is refused`);
    values[name] = value;
  };
  const api = {
    access: { deny: () => { asked.denied = true; } },
    user: { setAppMetadata: set("setAppMetadata", asked.metadata) },
    idToken: { setCustomClaim: set("idToken", asked.idToken) },
    accessToken: { setCustomClaim: set("accessToken", asked.accessToken) },
  };
  try {
    await runs.run(asked, () => exported.onExecutePostLogin(event, api));
  } catch (error) {
    asked.threw = String(error);
  }
  return asked;
}

function valueOf({ name, args }) {
  try {
    return { value: local(name)(...args) };
  } catch (error) {
    return { error: String(error.message) };
  }
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { number, login, call } = JSON.parse(line);
  const result = login ? await logIn(login) : valueOf(call);
  process.stdout.write(`${JSON.stringify({ number, result })}\n`);
});
process.stdout.write("ready\n");
