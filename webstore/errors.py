"""The store's error tree. Gateways raise these and nothing else; `routes/errors.py` turns them into pages.

WebstoreError
├── SettingsError              the start stops; `problems` lists everything that is wrong
├── EnvFileError               `.env` cannot be changed as asked, and was left as it is
├── LoginError                 the callback ends on a page, the shopper can try again
│   ├── TransactionUnknown     a missing, expired, reused or foreign `state`
│   ├── LoginDenied            the provider let nobody in, and says why
│   ├── LoginInteractionNeeded a silent login needs the shopper
│   ├── LoginRejected          the provider's answer failed a check
│   │   └── LoginMisconfigured a setting of the store or of the provider is wrong: trying again never helps
│   └── ProviderUnavailable    the provider is down, slow or sends a malformed answer
├── DirectoryError             the Auth0 Management API
│   ├── UserGone               a proven absence: 404
│   ├── DirectoryRefused       401, 403 or another 4xx: the set-up is wrong
│   │   └── ClientRefused      the client ID or its secret is wrong
│   └── DirectoryUnavailable   time-out, 429, 5xx, malformed: proves nothing
├── UserBarred                 the user may not go on with the session or token that they come with
│   ├── UserBlocked            an operator has blocked the user in Auth0
│   └── LoginOutdated          the login is older than the last password reset, or than the account
├── PaymentsError              Stripe
│   ├── PaymentsRefused        401, 403 or another 4xx: the set-up is wrong
│   │   └── SearchUnavailable  this account has no search
│   ├── EmailRefused           400 about the parameter `email`; `replayed` as below
│   ├── KeyInFlight            409: another request with this idempotency key is still running
│   ├── KeyReused              this idempotency key was used with other parameters
│   ├── NoSuchCustomer         `resource_missing`; `other_mode` when it exists in the other mode
│   ├── NoSuchObject           `resource_missing` about another object; a price that is not for sale
│   ├── AmountRefused          the total is too small or too large to be paid
│   ├── CurrencyRefused        the customer is bound to another currency
│   └── PaymentsUnavailable    time-out, 429, malformed: proves nothing
│       ├── AnswerTooLarge     the answer exceeds the store's limit: ask for less
│       └── PaymentsFailed     5xx: the effect may still appear; `replayed` when stored under the key
├── WebhookRejected            a webhook's signature, age or body is wrong
├── TokenRejected              an access token or a logout token failed a check
├── CannotBuy                  a line cannot be bought; the message is for the shopper
│   └── WrongQuantity          the typed quantity is not a number, or out of range
├── StateUnavailable           the shared state cannot be read or written
└── OverBudget                 no answer in time, or no free thread to work on
"""

from __future__ import annotations

from collections.abc import Sequence


class WebstoreError(Exception):
    """Root of every error that the store raises on purpose."""


class SettingsError(WebstoreError):
    """The environment does not describe a working store."""

    def __init__(self, problems: Sequence[str]) -> None:
        """`problems`: one sentence each, in the operator's words."""
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return (
            f"The store cannot start: {len(self.problems)} "
            f"{'setting is' if len(self.problems) == 1 else 'settings are'} missing or wrong.\n{lines}\n"
            "`flask --app wsgi setup env` asks for what is missing. Every setting is described in "
            ".env.example; `make run` needs none of them."
        )


class EnvFileError(WebstoreError):
    """`.env` cannot be changed as asked, and was left as it is; the message is for the operator."""


class LoginError(WebstoreError):
    """A login that could not be completed."""

    #: Where the shopper was going, if that is known: the next try goes there, too.
    return_path: str | None = None
    #: The organization of the login, if it asked for one: the next try asks for it, too.
    organization: str | None = None


class TransactionUnknown(LoginError):
    """The callback belongs to no login that this browser has under way."""


class LoginDenied(LoginError):
    """The provider's answer is a well-formed "no": nobody is logged in, and another account may be."""

    def __init__(
        self,
        message: str,
        *,
        words: str = "This account cannot log in here.",
        reason: str = "",
        cancelled: bool = False,
    ) -> None:
        """`message`: for the log. `words`: what happened, for the shopper.

        `reason`: the provider's own words (`error_description`), printable; empty without any. `cancelled`:
        the user has ended the login, and may log in with the same account.
        """
        super().__init__(message)
        self.words, self.reason, self.cancelled = words, reason, cancelled


class LoginInteractionNeeded(LoginError):
    """A silent login (`prompt=none`) needs the shopper after all."""


class LoginRejected(LoginError):
    """The provider's answer or its ID token failed a check."""


class LoginMisconfigured(LoginRejected):
    """No login can work until an operator changes a setting; the message names it."""


class ProviderUnavailable(LoginError):
    """The OpenID provider is unreachable, too slow or sends malformed answers."""


class DirectoryError(WebstoreError):
    """The user directory (the Auth0 Management API) did not answer as asked."""


class UserGone(DirectoryError):
    """The user does not exist any more."""


class DirectoryRefused(DirectoryError):
    """The directory refuses the store's credentials, scopes or request."""

    #: Whether it refuses this request alone (400, 404), so that the same about another user may do.
    only_this = False


class ClientRefused(DirectoryRefused):
    """Auth0 does not accept the application's client ID or its secret."""


class DirectoryUnavailable(DirectoryError):
    """No usable answer; nothing is proven."""


class UserBarred(WebstoreError):
    """The user may not go on with the session or access token that they come with."""


class UserBlocked(UserBarred):
    """An operator has blocked the user in Auth0."""


class LoginOutdated(UserBarred):
    """The login is older than the user's last password reset, or than the account that has the user's ID."""


class PaymentsError(WebstoreError):
    """The payment service (Stripe) did not answer as asked."""

    #: Whether the answer is the one stored under the idempotency key.
    replayed = False


class PaymentsRefused(PaymentsError):
    """Stripe refuses the key, its permissions or the request."""

    #: Whether it refuses this request alone (400, 404), so that the same about another customer may do.
    only_this = False


class SearchUnavailable(PaymentsRefused):
    """The Search API is not available to this account."""


class EmailRefused(PaymentsError):
    """Stripe does not accept this e-mail address."""

    def __init__(self, message: str, *, replayed: bool = False) -> None:
        """`replayed`: the answer is the one stored under the idempotency key."""
        super().__init__(message)
        self.replayed = replayed


class KeyInFlight(PaymentsError):
    """A request with the same idempotency key has not finished yet."""


class KeyReused(PaymentsError):
    """The idempotency key was used before with other parameters."""


class NoSuchCustomer(PaymentsError):
    """Stripe knows no such customer under this key's account and mode."""

    def __init__(self, message: str, *, other_mode: bool = False) -> None:
        """`other_mode`: Stripe says that the same ID exists in the other mode."""
        super().__init__(message)
        self.other_mode = other_mode


class NoSuchObject(PaymentsError):
    """Stripe knows no such Checkout Session, invoice or price under this key's account and mode."""


class AmountRefused(PaymentsError):
    """Stripe takes no payment of this amount: too small, or too large."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        """`too_large`: else it is too small."""
        super().__init__(message)
        self.too_large = too_large


class CurrencyRefused(PaymentsError):
    """The customer is bound to another currency, by a subscription for instance.

    Source: https://docs.stripe.com/billing/customer#currency
    """


class PaymentsUnavailable(PaymentsError):
    """No usable answer; nothing is proven."""


class AnswerTooLarge(PaymentsUnavailable):
    """The answer is larger than the store accepts; asking for fewer objects may help."""


class PaymentsFailed(PaymentsUnavailable):
    """Stripe answered 5xx: whether the request had its effect is unknown."""

    def __init__(self, message: str, *, replayed: bool = False) -> None:
        """`replayed`: the answer is the one stored under the idempotency key."""
        super().__init__(message)
        self.replayed = replayed


class WebhookRejected(WebstoreError):
    """A webhook that failed a check; nothing was done."""


class TokenRejected(WebstoreError):
    """An access token or a logout token that failed a check. The message has no part of the token in it."""

    def __init__(self, message: str, *, in_log: str | None = None) -> None:
        """`message`: for the caller. `in_log`: for the operator, printable; without it, the message."""
        super().__init__(message)
        self.in_log = in_log or message


class CannotBuy(WebstoreError):
    """Something cannot be bought as asked; the message says what and why, in the shopper's words."""


class WrongQuantity(CannotBuy):
    """The typed quantity is not a number, or is out of range."""


class StateUnavailable(WebstoreError):
    """The shared state cannot be read or written; callers go on without it."""


class OverBudget(WebstoreError):
    """The work took longer than its time limit, or every thread for it was busy."""
