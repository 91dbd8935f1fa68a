"""Worlds: one Stripe account in one mode. A link of one world says nothing about another.

The plain keys in a user's `app_metadata` belong to the world that `stripe_account` names. Every other world
keeps its own under the same names with its suffix, such as `_acct_1A_test`. Everything here is a pure
function of a user as the directory gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from .calls import RecordLink
from .models import FAILED_AT, FAILED_TRY, ID, KEYS, MAX_REPLACED, MERGED, PIN, REPLACED, Account, User


class SecondAccount(Exception):
    """The plain keys belong to another live account; that is more often a wrong key than intended."""


def are_named(user: User) -> bool:
    """Whether any key names a world; otherwise the account of the store's key does not matter."""
    return bool(user.records.keys() - {ID, REPLACED, FAILED_AT, FAILED_TRY, MERGED})


def in_world(user: User, account: Account, *, second_account: bool) -> User:
    """The user with this world's link, and with the place where it is to be recorded.

    `second_account`: another live account may have links of its own. Raises `SecondAccount` otherwise.
    """
    plain = user.with_keys("")
    own = beside(user, account)
    if plain.account is None:
        # A world's own keys beat those that name no world. After an unlinking they still name the world, with
        # its predecessors. Where nothing is recorded, the first come takes the plain keys.
        if own.customer_id is None and own.account is not None and account.livemode:
            return _unlinked_live(plain, own)
        return own if own.account is not None or own.customer_id is not None else _with_own_note(plain, own)
    if plain.account == account.pin or (account.id is None and _mode(plain.account) == account.mode):
        return plain
    if not account.livemode:
        return own
    if _mode(plain.account) == "test":
        # Live before test: recording the live link moves the test world's values to keys of their own.
        moved = (*own.moved, *_moved(user, plain.account, own.suffix))
        return replace(own, suffix="", moved=moved)
    if not second_account:
        key = account.pin or account.mode
        raise SecondAccount(f"recorded for {plain.account}, the store's key is of {key}")
    return own


def beside(user: User, account: Account) -> User:
    """The user with this world's link in the suffixed keys, even if another world owns the plain ones."""
    found = [user.with_keys(suffix) for suffix in suffixes(user, account)]
    own = next((it for it in found if it.customer_id is not None), found[0])
    if own.suffix == found[0].suffix:
        return own
    # It was recorded while the key could not read its account. The next record moves it.
    return replace(own, suffix=found[0].suffix, moved=tuple((key + own.suffix, None) for key in KEYS))


def note_of(world: Account, replaces: str | None, generation: int) -> str:
    """What a failure note says about the create that failed."""
    return f"{replaces or ''} {generation}_{(world.pin or world.mode).replace(' ', '_')}".strip()


def _with_own_note(plain: User, own: User) -> User:
    """The user with this world's failure note; another world's moves from the plain keys to its own."""
    which, at = plain.link_failed_try or "", plain.link_failed_at
    _, bar, world = which.rpartition(" ")[2].partition("_")
    foreign = f"_{world}"
    if at is None or not bar or foreign == own.suffix:
        return plain
    return replace(
        plain,
        link_failed_at=own.link_failed_at,
        link_failed_try=own.link_failed_try,
        note_suffix=own.suffix,
        moved=((FAILED_AT + foreign, int(at)), (FAILED_TRY + foreign, which)),
    )


def _unlinked_live(plain: User, own: User) -> User:
    """The user with the plain keys, where a live link belongs.

    What an unlinking left in keys with a suffix is added; the next record moves it.
    """
    noted = _with_own_note(plain, own)
    if (own.link_failed_at or 0) > (noted.link_failed_at or 0):
        noted = replace(
            noted,
            link_failed_at=own.link_failed_at,
            link_failed_try=own.link_failed_try,
            note_suffix=own.suffix,
        )
    gone = tuple((key + own.suffix, None) for key in KEYS if key + own.suffix in own.records)
    return replace(
        noted,
        replaced=tuple(dict.fromkeys((*plain.replaced, *own.replaced)))[-MAX_REPLACED:],
        merged=plain.merged or own.merged,
        moved=(*noted.moved, *own.moved, *gone),
    )


def links(user: User) -> dict[str, User]:
    """The link of every world that is recorded for the user, by the suffix of its keys."""
    found = {name.removeprefix(ID) for name in user.records if name.startswith(ID)}
    return {suffix: user.with_keys(suffix) for suffix in sorted(found)}


def suffixes(user: User, account: Account) -> Iterable[str]:
    """The suffixes that this world's keys may have, its own one first."""
    by_mode = f"_{account.mode}"
    if account.id is not None:
        return (f"_{account.id}{by_mode}", by_mode)
    # The key may not read its account: the mode alone decides. A single link of this mode is ours.
    known = [it for it in links(user) if it.endswith(by_mode) and it != by_mode]
    return (by_mode, *known) if len(known) == 1 else (by_mode,)


def _moved(user: User, pin: str, own_suffix: str) -> Iterable[tuple[str, object]]:
    """The keys beside the live link: the test world's values under its suffix, ours removed."""
    foreign = f"_{pin.replace(' ', '_')}"
    for key in KEYS:
        value = user.records.get(key)
        if value is not None:
            yield key + foreign, value
        yield key, None
        if key + own_suffix in user.records:
            yield key + own_suffix, None


def _mode(pin: str) -> str:
    return pin.rpartition(" ")[2]


def metadata_of(link: RecordLink) -> Mapping[str, object]:
    """What one PATCH of `app_metadata` writes to record a link; None removes a key."""
    suffix = link.suffix
    written: dict[str, object] = dict(link.moved)
    written[ID + suffix] = link.customer_id
    for noted in {suffix, link.note_suffix}:
        written |= {FAILED_AT + noted: None, FAILED_TRY + noted: None}
    # Without one, nothing stays there: it would be another world's, recorded a moment ago.
    written[PIN + suffix] = link.account
    if link.replaced:
        written[REPLACED + suffix] = " ".join(link.replaced)
    if link.merged is not None:
        written[MERGED + suffix] = " ".join(quote(it, safe="|") for it in link.merged) or None
    return written
