"""The pages of Universal Login: login, sign-up and the social provider. On each the user may decline.

https://auth0.com/docs/authenticate/login/auth0-universal-login
Each form carries the `state` of its transaction, which only works in the browser that began it.
"""

import re
import secrets

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.sandbox.auth0.authorize import Authorization, Problem
from webstore.sandbox.auth0.browser import (
    SESSION_COOKIE_S,
    browser_cookie,
    go,
    refuse,
    session_cookie,
    set_cookie,
)
from webstore.sandbox.auth0.sessions import Transaction
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.user import User, database_user, hash_password, password_matches, social_user
from webstore.sandbox.auth0.users import SEED_PASSWORD, UserExists

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_KINDS_OF_CHARACTERS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")


class UniversalLogin:
    """The login pages of one tenant."""

    def __init__(self, tenant: Tenant, authorization: Authorization) -> None:
        self._tenant = tenant
        self._authorization = authorization
        self.blueprint = Blueprint("login", __name__, url_prefix="/u")
        both = ["GET", "POST"]
        self.blueprint.add_url_rule("/login", "log_in", self._log_in, methods=both)
        self.blueprint.add_url_rule("/signup", "sign_up", self._sign_up, methods=both)
        self.blueprint.add_url_rule("/social", "social", self._social, methods=both)
        self.blueprint.add_url_rule("/social/callback", "social_callback", self._social_callback)
        self._social_logins: dict[str, tuple[str, str]] = {}

    def _log_in(self) -> ResponseReturnValue:
        transaction = self._transaction()
        if request.method == "GET":
            return self._page("log_in", transaction)
        if _declined():
            return self._decline(transaction)
        user = self._tenant.users.in_database(_field("email"))
        if user is None or not password_matches(request.form.get("password", ""), user.password_hash):
            kind, client_id = "fu" if user is None else "fp", transaction.parameters["client_id"]
            self._tenant.logs.add(kind, "Wrong email or password", client_id=client_id, user=user)
            return self._page("log_in", transaction, problem="Wrong email or password")
        return self._logged_in(transaction, self._tenant.users.owner(user.user_id) or user)

    def _sign_up(self) -> ResponseReturnValue:
        transaction = self._transaction()
        if request.method == "GET":
            return self._page("sign_up", transaction)
        if _declined():
            return self._decline(transaction)
        email, password = _field("email"), request.form.get("password", "")
        problem = _sign_up_problem(email, password)
        if problem is not None:
            return self._page("sign_up", transaction, problem=problem)
        user = database_user(
            email, hash_password(password), self._tenant.clock.now(), name=_field("name") or None
        )
        try:
            self._tenant.users.add(user)
        except UserExists:
            return self._page("sign_up", transaction, problem="The user already exists")
        client_id = transaction.parameters["client_id"]
        self._tenant.logs.add("ss", "Successful signup", client_id=client_id, user=user)
        return self._logged_in(transaction, user)

    def _social(self) -> ResponseReturnValue:
        """The imitation of a social provider's login page. An account there may have no e-mail address.

        It has an origin of its own, and so none of the tenant's cookies. It goes back there with a code.
        """
        state = request.values.get("state", "")
        back = f"{self._tenant.config.issuer.rstrip('/')}{url_for('login.social_callback')}"
        email, name = _field("email"), _field("name")
        problem = None
        if _declined():
            return go(back, {"state": state, "error": "access_denied"})
        if request.method == "POST":
            if (email or name) and (not email or _EMAIL.fullmatch(email)):
                code = secrets.token_urlsafe(24)
                self._social_logins[code] = (email, name)
                return go(back, {"state": state, "code": code})
            problem = "Give an email address, or a name without one"
        page = render_template("auth0/social.html", state=state, email=email, name=name, problem=problem)
        return page, 400 if problem else 200

    def _social_callback(self) -> ResponseReturnValue:
        """The way back from the social provider: its user becomes the tenant's."""
        transaction = self._transaction()
        if "error" in request.args:
            return self._decline(transaction)
        login = self._social_logins.pop(request.args.get("code", ""), None)
        if login is None:
            refuse("The social provider's code is unknown, or was used already.")
        email, name = login
        account = email.lower() or name
        fresh = social_user(account, email or None, name or None, self._tenant.clock.now())
        user = self._tenant.users.owner(fresh.user_id)
        if user is None:
            user = fresh
            self._tenant.users.add(user)
        return self._logged_in(transaction, user)

    def _transaction(self) -> Transaction:
        """The login transaction of this page. Ends the request with an error page when there is none."""
        state = request.values.get("state", "")
        transaction = self._tenant.transactions.find(state, request.cookies.get(browser_cookie()))
        if transaction is None:
            refuse("This page has expired, or was opened in another browser. Go back and log in again.")
        return transaction

    def _page(self, name: str, transaction: Transaction, problem: str | None = None) -> ResponseReturnValue:
        parameters = transaction.parameters
        page = render_template(
            f"auth0/{name}.html",
            state=request.values["state"],
            email=request.form.get("email", parameters.get("login_hint", "")),
            name=request.form.get("name", ""),
            connection=parameters.get("connection"),
            problem=problem,
            demo_accounts=self._tenant.users.demo_accounts(),
            demo_password=SEED_PASSWORD,
            social=f"{self._tenant.config.social_origin}{url_for('login.social')}",
        )
        return page, 400 if problem else 200

    def _decline(self, transaction: Transaction) -> Response:
        self._tenant.transactions.finish(request.values["state"])
        problem = Problem("access_denied", "User did not authorize the request")
        return self._authorization.fail(transaction.parameters, problem)

    def _logged_in(self, transaction: Transaction, user: User) -> Response:
        self._tenant.transactions.finish(request.values["state"])
        before = request.cookies.get(session_cookie())
        cookie, session = self._tenant.sessions.start(user.user_id, user.connection, replacing=before)
        answer = self._authorization.finish(transaction.parameters, session)
        set_cookie(answer, session_cookie(), cookie, seconds=SESSION_COOKIE_S)
        return answer


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def _declined() -> bool:
    return request.form.get("action") == "decline"


def _sign_up_problem(email: str, password: str) -> str | None:
    """The reason to refuse a sign-up with this e-mail and password, or None.

    The password policy is Auth0's default: https://auth0.com/docs/authenticate/database-connections/password-strength
    """
    if not _EMAIL.fullmatch(email):
        return "Email is not valid"
    kinds = sum(1 for kind in _KINDS_OF_CHARACTERS if re.search(kind, password))
    if len(password) < 8 or kinds < 3:
        return (
            "The password is too weak: at least 8 characters, with three of lower case, upper case, "
            "numbers and special characters"
        )
    return None
