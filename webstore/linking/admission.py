"""Whether a user may go on with the login that they come with: a session, or an access token.

Auth0 tells nobody that it has blocked a user or reset a password, and tokens that it has issued stay valid.
Only the user's record shows it, so the store reads the record before money or data is involved.
"""

from __future__ import annotations

from webstore.errors import LoginOutdated, UserBlocked

from .models import User

#: Seconds. The provider's servers may differ by this, and tokens have times in whole seconds.
TOLERANCE_S = 5.0


def require_admitted(user: User, since: float | None) -> None:
    """Raise `UserBlocked` or `LoginOutdated` if the user may not go on.

    `since`: when the user logged in, by the provider's clock in Unix seconds; None if no login is checked.
    Source: https://auth0.com/docs/manage-users/user-accounts/user-profiles/user-profile-structure
    """
    if user.blocked:
        raise UserBlocked("the user is blocked")
    if since is not None and not still_counts(since, user.logins_since):
        raise LoginOutdated("the login is older than the last password reset, or than the account")


def still_counts(since: float, logins_since: float) -> bool:
    """Whether a login at the time `since` counts. Those before `logins_since` do not."""
    return since >= logins_since - TOLERANCE_S
