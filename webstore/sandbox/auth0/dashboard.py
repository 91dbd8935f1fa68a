"""The tenant's dashboard, modelled on Auth0's: a list of users, and a page of one user with `app_metadata`.

It needs no login, because the sandbox listens on loopback only and its data is made up.
"""

import base64
import json
from dataclasses import replace
from itertools import islice
from urllib.parse import unquote

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webstore.sandbox.auth0.api_errors import ApiError
from webstore.sandbox.auth0.browser import refuse
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.user import User, profile_of
from webstore.sandbox.auth0.user_update import Body, checked
from webstore.sandbox.auth0.users import UserExists

_PER_PAGE = 25
_SEARCHED = 100_000


class Dashboard:
    """The dashboard of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")
        self.blueprint.before_request(_refuse_other_sites)
        self.blueprint.add_url_rule("/", "home", lambda: redirect(url_for(".users")))
        self.blueprint.add_url_rule("/users", "users", self._users)
        self.blueprint.add_url_rule("/users/<path:user_id>", "user", self._user)
        self.blueprint.add_url_rule("/change-email", "change_email", self._change_email, methods=["POST"])
        self.blueprint.add_url_rule(
            "/edit-app-metadata", "edit_metadata", self._edit_metadata, methods=["POST"]
        )
        self.blueprint.add_url_rule("/block-user", "block", self._block, methods=["POST"])
        self.blueprint.add_url_rule("/delete-user", "delete", self._delete, methods=["POST"])

    def _users(self) -> ResponseReturnValue:
        wanted = request.args.get("q", "").strip()
        page = max(0, request.args.get("page", 0, type=int))
        everybody = self._tenant.users.indexed(0)
        # The text search stops after `_SEARCHED` users. An exact ID or e-mail address is always found.
        found = (
            (user for user in islice(everybody, _SEARCHED) if _mentions(user, wanted))
            if wanted
            else everybody
        )
        shown = list(islice(found, page * _PER_PAGE, (page + 1) * _PER_PAGE + 1))
        if wanted and page == 0 and not shown:
            exact = self._tenant.users.get(wanted)
            shown = [exact] if exact is not None else self._tenant.users.with_email(wanted.lower())
        return render_template(
            "auth0/users.html",
            users=shown[:_PER_PAGE],
            more=len(shown) > _PER_PAGE,
            page=page,
            q=wanted,
            total=self._tenant.users.count(),
        )

    def _user(self, user_id: str) -> ResponseReturnValue:
        user = self._tenant.users.get(user_id) or self._tenant.users.get(_decoded(user_id))
        if user is None:
            refuse("This user does not exist.", status=404)
        profile = profile_of(user)
        metadata = profile.pop("app_metadata", {})
        identities = profile.pop("identities")
        return render_template(
            "auth0/user.html",
            user=user,
            profile=profile,
            identities=identities,
            app_metadata=json.dumps(metadata, indent=2, ensure_ascii=False),
        )

    def _change_email(self) -> ResponseReturnValue:
        return self._apply({"email": request.form.get("email", "").strip()})

    def _block(self) -> ResponseReturnValue:
        return self._apply({"blocked": request.form.get("blocked") == "true"})

    def _edit_metadata(self) -> ResponseReturnValue:
        """Replace the whole `app_metadata` object, as the editor in Auth0's dashboard does."""
        try:
            metadata = json.loads(request.form.get("app_metadata", ""))
        except ValueError:
            refuse("app_metadata must be JSON.")
        user_id = request.form.get("user_id", "")
        body = _checked({"app_metadata": metadata})
        self._tenant.users.change(user_id, lambda user: replace(user, app_metadata=body["app_metadata"]))
        return redirect(url_for(".user", user_id=user_id))

    def _delete(self) -> ResponseReturnValue:
        self._tenant.delete_user(request.form.get("user_id", ""))
        return redirect(url_for(".users"))

    def _apply(self, body: Body) -> ResponseReturnValue:
        user_id = request.form.get("user_id", "")
        try:
            self._tenant.update_user(user_id, _checked(body))
        except ApiError as problem:
            refuse(problem.message)
        except UserExists:
            refuse("The specified new email already exists")
        return redirect(url_for(".user", user_id=user_id))


def _checked(body: Body) -> Body:
    try:
        return checked(body)
    except ApiError as problem:
        refuse(problem.message)


def _mentions(user: User, text: str) -> bool:
    return any(text.lower() in value.lower() for value in (user.user_id, user.email, user.name) if value)


def _refuse_other_sites() -> None:
    """Refuse forms that another site submits in the same browser. Browsers send `Sec-Fetch-Site`."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        refuse("This form was sent by another site.", status=403)


def _decoded(address: str) -> str:
    """Decode a user ID in a URL of manage.auth0.com: unpadded base64 of the percent-encoded ID."""
    try:
        padded = address + "=" * (-len(address) % 4)
        return unquote(base64.b64decode(padded, validate=True).decode("ascii"))
    except ValueError:
        return ""
