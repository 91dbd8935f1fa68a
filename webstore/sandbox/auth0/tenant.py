"""The tenant: the state that its pages and endpoints share."""

from collections.abc import Iterable, Mapping
from typing import Any

from webstore.sandbox.auth0 import foreign
from webstore.sandbox.auth0.actions import Actions
from webstore.sandbox.auth0.apis import Apis
from webstore.sandbox.auth0.backchannel import BackChannel
from webstore.sandbox.auth0.clients import Clients, configured_clients, default_client
from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.crowds import PopulationUsers, Seed
from webstore.sandbox.auth0.exports import Exports
from webstore.sandbox.auth0.grants import ClientGrants
from webstore.sandbox.auth0.keys import SigningKeys
from webstore.sandbox.auth0.logs import Logs
from webstore.sandbox.auth0.protocol import AuthorizationEndpoints
from webstore.sandbox.auth0.ratelimit import RateLimit
from webstore.sandbox.auth0.sessions import Session, Sessions, Transactions
from webstore.sandbox.auth0.tenant_settings import TenantSettings
from webstore.sandbox.auth0.tokens import Tokens
from webstore.sandbox.auth0.user import User
from webstore.sandbox.auth0.user_update import Body, updated
from webstore.sandbox.auth0.users import SEED_AGE_S, Users
from webstore.sandbox.clock import Clock
from webstore.sandbox.population import Population

_SEED_FIELDS = frozenset({"users", "linked", "stripe_account"})
_FOREIGN_FIELDS = frozenset({"clients", "actions", "grants"})
# The client ID of the application that the dashboard makes to give out tokens for its API Explorer.
_EXPLORER_ID = "sandboxApiExplorer0000000000000c"


class Tenant:
    """The tenant's state in memory. Each part is thread-safe by itself."""

    def __init__(self, config: Auth0Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.settings = Settings()
        self.users = Users(clock)
        self.clients, self.apis, self.grants = Clients(), Apis(), ClientGrants(self.settings)
        self.actions = Actions(self.settings, clock)
        self.tenant_settings = TenantSettings(self.settings)
        self.exports = Exports(config, self.settings, clock, self.users)
        self.logs = Logs(config, clock, self.clients)
        self.keys = SigningKeys()
        self.tokens = Tokens(config, self.settings, self.keys, clock, self.apis, self.actions)
        self.protocol = AuthorizationEndpoints(
            config,
            self.settings,
            clock,
            users=self.users,
            clients=self.clients,
            apis=self.apis,
            grants=self.grants,
            tokens=self.tokens,
        )
        self.sessions = Sessions(clock, self.tenant_settings)
        self.transactions = Transactions(clock)
        self.backchannel = BackChannel()
        self.rate_limit = RateLimit(self.settings)
        self._set_up(empty=False)

    def reset(self) -> None:
        """Restore the initial state (two demo users, nobody logged in). The settings stay."""
        self.users.clear()
        self._set_up(empty=False)
        self.keys.reset()
        self.tokens.clear()
        self.protocol.codes.clear()
        self.sessions.clear()
        self.transactions.clear()
        self.backchannel.clear()
        self.rate_limit.reset()

    def empty(self) -> None:
        """Make the tenant a new one, with nothing in it but the Default App."""
        self.users.empty()
        self._set_up(empty=True)

    def explorer_token(self, scopes: Iterable[str]) -> dict[str, object]:
        """A token for the Management API with these scopes, as the dashboard's API Explorer gives it.

        https://auth0.com/docs/secure/tokens/access-tokens/management-api-access-tokens
        """
        api, scope = self.apis.find(self.config.management_audience), " ".join(scopes)
        if api is None:
            raise LookupError("the Management API is not there")
        token = self.tokens.client_access_token(_EXPLORER_ID, api, scope)
        return {"access_token": token, "scope": scope, "expires_in": api.token_s, "token_type": "Bearer"}

    def seed(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON of the control endpoint
        """Replace the seeded users: `{"users": n, "linked": m, "stripe_account": "acct_... test"}`.

        The first `linked` users have a Stripe customer in their metadata. `stripe_account` is optional.
        Or add what others have in the tenant: `{"clients": n, "actions": n, "grants": n}`. Or replace all
        users by those of a population: `{"population": {...}}`, as `Population.parse` describes it.
        Raises ValueError for an invalid seed.
        """
        if "population" in spec:
            return self._settle(spec)
        unknown = sorted(set(spec) - _SEED_FIELDS - _FOREIGN_FIELDS)
        if unknown:
            raise ValueError(f"a seed has no {', '.join(unknown)}")
        if spec and set(spec) <= _FOREIGN_FIELDS:
            return self._seed_foreign(spec)
        if set(spec) & _FOREIGN_FIELDS:
            raise ValueError("users, and what others have, are seeds of their own")
        users, linked = (_count(spec, name) for name in ("users", "linked"))
        account = spec.get("stripe_account")
        if linked > users:
            raise ValueError("more linked users than users")
        if account is not None and not isinstance(account, str):
            raise ValueError("stripe_account must be a text")
        self.users.seed(Seed(users, linked, account, self.clock.now() - SEED_AGE_S))
        return {"users": users, "linked": linked}

    def _settle(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON
        if len(spec) > 1 or not isinstance(spec["population"], Mapping):
            raise ValueError("a population is an object and a seed of its own")
        population = Population.parse({"tenant": self.config.domain, **spec["population"]})
        crowd, records = PopulationUsers(population), population.plan.users.values()
        self.users.empty()
        self.users.seed(
            crowd, {it.person.user_id: crowd.recorded(it) if it.exists else None for it in records}
        )
        return {"users": self.users.count(), "faults": population.plan.listed()}

    def _seed_foreign(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: JSON
        counts = {name: _count(spec, name) for name in sorted(_FOREIGN_FIELDS)}
        foreign.add_clients(self.clients, counts["clients"])
        foreign.add_actions(self.actions, counts["actions"], self.clock.now())
        foreign.add_grants(self.clients, self.apis, self.grants, counts["grants"])
        return counts

    def log_out(self, cookie: str | None) -> Session | None:
        """End a browser's session and send a logout token to each application that took part in it.

        Returns the session, or None when there was none.
        """
        session = self.sessions.end(cookie)
        if session is not None:
            for client_id in sorted(session.clients):
                client = self.clients.find(client_id)
                for url in client.backchannel_logout_urls if client is not None else ():
                    token = self.tokens.logout_token(client_id, session.user_id, session.sid)
                    self.backchannel.send(url, token, session.sid)
        return session

    def merge_users(self, primary_id: str, secondary_id: str) -> User:
        """Merge the second user into the first one, and end the second one's sessions. Raises KeyError."""
        merged = self.users.merge(primary_id, secondary_id)
        self.sessions.end_of_user(secondary_id)
        return merged

    def update_user(self, user_id: str, body: Body) -> User | None:
        """Apply a checked update. Returns the user, or None for an unknown ID.

        Raises what `Users.change` raises. A block ends the user's sessions, and so does a new password.
        https://community.auth0.com/t/does-blocking-a-user-end-their-session/117905
        """
        now = self.clock.now()
        user = self.users.change(user_id, lambda user: updated(user, body, now))
        if body.get("blocked") or "password" in body:
            self.sessions.end_of_user(user_id)
        return user

    def delete_user(self, user_id: str) -> None:
        """Delete a user, if the user exists, and end all sessions of the user."""
        self.users.delete(user_id)
        self.sessions.end_of_user(user_id)

    def _set_up(self, *, empty: bool) -> None:
        """The applications, APIs and client grants of the configuration, or those of a new tenant."""
        self.actions.clear()
        self.tenant_settings.reset()
        self.exports.clear()
        self.logs.clear()
        self.clients.reset([default_client()] if empty else configured_clients(self.config))
        self.apis.reset(self.config, empty=empty)
        self.grants.reset(self.config, empty=empty)


def _count(spec: Mapping[str, Any], name: str) -> int:  # Any: JSON
    value = spec.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**8:
        raise ValueError(f"{name} must be a whole number below a hundred million")
    return value
