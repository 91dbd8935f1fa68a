// Auth0 post-login Action of the web store: links each user who logs in with one Stripe customer.
//
// It serves every application of the tenant, so users of a mobile application have a customer before they visit the
// store, and the first login's tokens name it. The store does the same work with the same idempotency key and the
// same parameters: the two may run at the same moment, and one customer is made.
//
// Tenant:         %TENANT%
// Stripe account: %WORLD%
//
// At a login:
//   - The user is linked: no call. The tokens get the claims.
//   - A new user of an Auth0 database: one call creates the customer. Then app_metadata and the tokens name it.
//   - Everything else, and every failure: the store links the user at its next visit. The login goes on in any case.
//
// To install it, in the Auth0 dashboard:
//   1. Actions > Library > Create Action > Build from Scratch. Trigger: Login / Post Login. Runtime: Node 22.
//   2. Replace the code in the editor with this file.
//   3. Dependencies > Add Dependency: stripe, version %STRIPE_PACKAGE%.
//   4. Secrets > Add Secret: STRIPE_SECRET_KEY, a key of the Stripe account and mode above. A restricted key whose
//      only permission is to write customers is enough.
//   5. Deploy. Then Actions > Triggers > post-login: drag the Action into the flow and press Apply.
//
// Print it again and replace the code when the store's Stripe account or mode, tenant or claim namespace changes.
// Remove a claims-only Action from the flow: this one sets the same claims.

"use strict";

const crypto = require("node:crypto");

const TENANT = "%TENANT%";
const NAMESPACE = "%NAMESPACE%";
// The Stripe account, or null if only the mode is known.
const ACCOUNT = "%ACCOUNT%";
const MODE = "%MODE%";
const STRIPE_API_VERSION = "%STRIPE_API_VERSION%";
// Milliseconds that a login waits for Stripe. Auth0 ends a whole login flow after 20 seconds.
const TIME_LIMIT_MS = "%TIME_LIMIT_MS%";
// Accounts younger than this need no look-up, because the idempotency key finds an earlier attempt.
const KEY_WINDOW_MS = "%KEY_WINDOW_MS%";
// Stripe's limits, in code points.
const MAX_NAME = "%MAX_NAME%";
const MAX_DESCRIPTION = "%MAX_DESCRIPTION%";

// Keys of app_metadata. Those of another account or mode have a suffix.
const ID = "stripe_customer_id";
const PIN = "stripe_account";
const FAILED_AT = "stripe_link_failed_at";

/** Why this login links nobody; the store does it later. */
class LeftToStore extends Error {}

exports.onExecutePostLogin = async (event, api) => {
  try {
    const records = recordsOf(event.user);
    copyClaims(records, api);
    const suffix = placeToRecord(records);
    if (suffix !== null) await link(event, records, suffix, api);
  } catch (error) {
    // A login never fails because of this Action.
    console.log(`webstore: not linked here: ${reasonOf(error)}`);
  }
};

/** Create the user's customer, and record it under the keys with this suffix. */
async function link(event, records, suffix, api) {
  requireNewUser(event.user, records);
  const customerId = await createCustomer(event.user, event.secrets.STRIPE_SECRET_KEY);
  const recorded = { [ID + suffix]: customerId };
  if (ACCOUNT !== null) recorded[PIN + suffix] = `${ACCOUNT} ${MODE}`;
  // Auth0 collects these and writes them at the end of the flow, in one update.
  for (const [name, value] of Object.entries(recorded)) api.user.setAppMetadata(name, value);
  copyClaims(recorded, api);
}

/** The suffix of the keys where the link is to be recorded; null if this account and mode has one. */
function placeToRecord(records) {
  const suffixes = ownSuffixes(records);
  if (suffixes.some((suffix) => isSet(records, ID + suffix))) return null;
  // The store takes the earlier customers along.
  const wasUnlinked = !isSet(records, PIN) && suffixes.some((suffix) => isSet(records, PIN + suffix));
  if (wasUnlinked) throw new LeftToStore("the link was removed before");
  if (!isSet(records, PIN) || isOurs(records[PIN])) return isSet(records, ID) ? null : "";
  if (MODE === "test") return suffixes[0];
  // The live link takes the plain keys, and the test link that has them moves. Or this is a second live account.
  throw new LeftToStore(`the plain keys belong to ${records[PIN]}`);
}

/** The suffixes that keys of this account and mode may have, the one to write first. */
function ownSuffixes(records) {
  const byMode = `_${MODE}`;
  if (ACCOUNT !== null) return [`_${ACCOUNT}${byMode}`, byMode];
  // The account is not known: a single link of this mode is ours.
  const suffixes = Object.keys(records)
    .filter((name) => name.startsWith(ID))
    .map((name) => name.slice(ID.length))
    .filter((suffix) => suffix.endsWith(byMode) && suffix !== byMode);
  return suffixes.length === 1 ? [byMode, suffixes[0]] : [byMode];
}

function isOurs(pin) {
  const names = typeof pin === "string" && /^acct_[A-Za-z0-9_]+ (?:live|test)$/.test(pin);
  // The store takes such a link for one without an account.
  if (!names) throw new LeftToStore("the recorded account is none");
  return ACCOUNT === null ? pin.split(" ").pop() === MODE : pin === `${ACCOUNT} ${MODE}`;
}

/** Throw unless the idempotency key alone proves that this user has no customer yet. */
function requireNewUser(user, records) {
  // Auth0 draws these IDs at random and never gives them again. Others come again after a deletion.
  if (!/^auth0\|[0-9a-f]{24}$/.test(user.user_id)) throw new LeftToStore("this kind of user ID may come again");
  if (hasOtherIdentity(user)) throw new LeftToStore("accounts were merged");
  if (!(Date.now() - timeOf(user.created_at) < KEY_WINDOW_MS)) throw new LeftToStore("an older account");
  const hasFailed = Object.keys(records).some((name) => name.startsWith(FAILED_AT) && isSet(records, name));
  if (hasFailed) throw new LeftToStore("an earlier attempt failed");
}

function hasOtherIdentity(user) {
  const identities = Array.isArray(user.identities) ? user.identities : [];
  const ids = identities
    .filter((identity) => textOf(identity?.provider) && textOf(identity?.user_id))
    .map((identity) => `${identity.provider}|${identity.user_id}`);
  return identities.length > 1 || ids.some((id) => id !== user.user_id);
}

/** An ISO 8601 time with its zone as Unix milliseconds; NaN for anything else. */
function timeOf(value) {
  const isTime = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value);
  return isTime ? Date.parse(value) : NaN;
}

/** Create the customer with one request, and return its ID. Throws if anything is not as it is for a new one. */
async function createCustomer(user, secretKey) {
  const stripe = stripeClient(secretKey);
  const key = linkKey(user.user_id, null, 0, "as-given");
  const made = await inTime(stripe.customers.create(customerParams(user), { idempotencyKey: key }));
  // Stripe's answer to an earlier attempt may be about a customer that has been deleted since.
  if (made.lastResponse?.headers?.["idempotent-replayed"] === "true") throw new LeftToStore("an earlier attempt exists");
  if (made.deleted || !/^cus_[A-Za-z0-9_-]{1,250}$/.test(made.id)) throw new LeftToStore("not a customer");
  return made.id;
}

function stripeClient(secret) {
  // A key that was pasted into the dashboard may have a space or a line break around it.
  const secretKey = String(secret ?? "").trim();
  const mode = /^(?:sk|rk|rkcs|sk_org)_(test|live)_/.exec(secretKey)?.[1];
  if (mode !== MODE) throw new LeftToStore(`the secret STRIPE_SECRET_KEY is not a key of ${MODE} mode`);
  const config = { apiVersion: STRIPE_API_VERSION, maxNetworkRetries: 0, timeout: TIME_LIMIT_MS, telemetry: false };
  if (secretKey.startsWith("sk_org_")) {
    if (ACCOUNT === null) throw new LeftToStore("an organization key needs the account");
    config.stripeContext = ACCOUNT;
  }
  // Loaded here: where the dependency is missing, logins go on.
  const Stripe = require("stripe");
  return new Stripe(secretKey, config);
}

/** The promise's result. The SDK's limit is for each read; an answer that trickles in outlives it. */
async function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new LeftToStore("no answer in time")), TIME_LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The idempotency key of a create, the same as the store's. */
function linkKey(userId, replaces, generation, variant) {
  const parts = JSON.stringify(["link", TENANT, userId, replaces, generation, variant]);
  // Python escapes everything but printable ASCII.
  const ascii = parts.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `webstore-${crypto.createHash("sha256").update(ascii).digest("hex")}`;
}

/** The parameters of the user's customer, the same as the store's. */
function customerParams(user) {
  const params = {
    metadata: { auth0_user_id: user.user_id, auth0_tenant: TENANT, link_generation: "0" },
  };
  const email = textOf(user.email);
  const name = textOf(user.name);
  if (email) params.email = email;
  if (name) params.name = firstCodePoints(name, MAX_NAME);
  const description = `Created by the web store for the Auth0 user ${user.user_id}`;
  params.description = firstCodePoints(description, MAX_DESCRIPTION);
  return params;
}

/** A field as text, without halves of surrogate pairs; null if it is missing, empty or of another type. */
function textOf(value) {
  return typeof value === "string" && value ? value.replace(/\p{Surrogate}/gu, "\ufffd") : null;
}

function firstCodePoints(text, count) {
  return Array.from(text).slice(0, count).join("");
}

/** An error for the log, without data of the user. */
function reasonOf(error) {
  if (error instanceof LeftToStore) return error.message;
  return [error?.type ?? error?.name, error?.statusCode, error?.code, error?.requestId].filter(Boolean).join(" ");
}
