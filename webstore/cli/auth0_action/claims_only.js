// Auth0 post-login Action of the web store: tells the tokens which Stripe customer the user has.
//
// It copies the links in app_metadata into the ID token and the access token, so that the login of a linked user needs
// no call. It needs no Stripe key and makes no call: the store alone links users.
//
// To install it, in the Auth0 dashboard:
//   1. Actions > Library > Create Action > Build from Scratch. Trigger: Login / Post Login. Runtime: Node 22.
//   2. Replace the code in the editor with this file. It needs neither dependencies nor secrets.
//   3. Deploy. Then Actions > Triggers > post-login: drag the Action into the flow and press Apply.
//
// Print it again and replace the code when the claim namespace changes.

"use strict";

const NAMESPACE = "%NAMESPACE%";

exports.onExecutePostLogin = async (event, api) => {
  try {
    copyClaims(recordsOf(event.user), api);
  } catch (error) {
    // A login never fails because of this Action.
    console.log(`webstore: no claims: ${error?.name}`);
  }
};
