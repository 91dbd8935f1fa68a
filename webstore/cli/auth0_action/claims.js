
/** What the user's app_metadata holds. */
function recordsOf(user) {
  const records = user.app_metadata ?? {};
  if (typeof records !== "object" || Array.isArray(records)) throw new TypeError("app_metadata is not an object");
  return records;
}

function isSet(records, name) {
  return records[name] !== undefined && records[name] !== null;
}

/** Put the links of every Stripe account and mode into the tokens, under their own names. */
function copyClaims(records, api) {
  for (const [name, value] of Object.entries(records)) {
    if (typeof value !== "string" || !/^stripe_(customer_id|account)(_(acct_\w+_)?(test|live))?$/.test(name)) continue;
    api.idToken.setCustomClaim(`${NAMESPACE}/${name}`, value);
    api.accessToken.setCustomClaim(`${NAMESPACE}/${name}`, value);
  }
}
