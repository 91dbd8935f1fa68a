"""The safeguards of linking, one by one: which line holds which row of the table, and which test says so.

Each entry removes one safeguard. `test_mutations.py` does so in a copy and expects the named test to fail.
"""

from __future__ import annotations

from dataclasses import dataclass

_LINKING = "webstore/linking"
PROTOCOL, WORLDS, ATTEMPT = (f"{_LINKING}/{name}.py" for name in ("protocol", "worlds", "attempt"))
MODELS, UNLINK = f"{_LINKING}/models.py", f"{_LINKING}/unlink.py"
CUSTOMERS = "webstore/gateways/stripe/customers.py"
PROFILES = "webstore/gateways/profiles.py"


@dataclass(frozen=True)
class Mutation:
    """A safeguard, taken out: `old` becomes `new` in `file`, and `test` fails."""

    what: str
    file: str
    old: str
    new: str
    test: str


def _at(folder: str, module: str, name: str) -> str:
    return f"tests/{folder}/test_{module}.py::test_{name}"


def _http(module: str, name: str) -> str:
    return _at("linking", module, name)


def _unit(module: str, name: str) -> str:
    return _at("unit/linking", module, name)


_KEY = 'return idempotency_key("link", policy.tenant, user.user_id, replaces, generation, variant)'
_NO_KEY = 'return idempotency_key("link", str(id(user)), user.user_id, replaces, generation, variant)'
_REPLAY = """            customer = yield from _replayed(creation.customer, policy)
            if names(customer, user, policy):"""
_CHANGED = """    if fresh.customer_id != user.customer_id:
        if fresh.customer_id is None:"""
_OWNER = "customer.owner in user.owners and customer.tenant in tenants"

MUTATIONS = [
    # Creates
    Mutation(
        "every worker derives the same key",
        PROTOCOL,
        _KEY,
        _NO_KEY,
        _http("workers", "concurrent_first_logins_in_several_processes_make_one_customer"),
    ),
    Mutation(
        "an account older than the key is looked up",
        PROTOCOL,
        "or now - user.created_at >= policy.key_window_s",
        "or False",
        _http("at_login", "customer_of_a_worker_killed_before_recording_is_found_again"),
    ),
    Mutation(
        "a failure that Stripe has forgotten does not settle a later one",
        PROTOCOL,
        "return noted if age < policy.key_window_s else -1",
        "return noted",
        _unit("protocol_creates", "a_note_older_than_the_keys_says_nothing_about_a_replayed_failure"),
    ),
    Mutation(
        "a generation that failed for good is not run again",
        PROTOCOL,
        "    generation = max(_noted_generation(user, replaces, policy, now), 0)\n    for",
        "    generation = 0\n    for",
        _unit("protocol_creates", "a_forgotten_generation_before_the_noted_one_is_not_tried_again"),
    ),
    Mutation(
        "two workers never begin at different generations",
        PROTOCOL,
        "if noted > 0 and policy.key_window_s <= age < policy.key_window_s + policy.settle_s:",
        "if False:",
        _unit("protocol_creates", "two_workers_never_begin_at_different_generations"),
    ),
    Mutation(
        "a create that timed out is met again under its key",
        PROTOCOL,
        _KEY,
        _NO_KEY,
        _http("at_login", "create_that_times_out_leads_to_one_customer"),
    ),
    Mutation(
        "the next generation waits for the settling time",
        PROTOCOL,
        "failed_for_good = looked_up and now - (user.link_failed_at or now) >= policy.settle_s",
        "failed_for_good = looked_up",
        _http("at_login", "create_that_failed_stays_pending_until_its_effect_appears"),
    ),
    Mutation(
        "a replayed create is recorded",
        PROTOCOL,
        _REPLAY,
        _REPLAY.replace("names(customer, user, policy)", "customer.deleted"),
        _http("at_login", "next_login_records_what_this_one_could_not_record"),
    ),
    Mutation(
        "the e-mail address is not part of the key",
        PROTOCOL,
        _KEY,
        _KEY.replace("user.user_id,", "user.user_id, user.email,"),
        _http("lookup", "email_changed_at_once_leaves_the_link_pending_until_search_shows_the_first_attempt"),
    ),
    Mutation(
        "a refused address is left out",
        PROTOCOL,
        "bare = replace(given, email=None)",
        "bare = given",
        _http("lookup", "address_that_stripe_refuses_gives_one_customer_without_email"),
    ),
    Mutation(
        "a user without an address is searched for by the ID",
        PROTOCOL,
        "if not any(customer.owner == user.user_id for customer in own):",
        "if user.email and not any(customer.owner == user.user_id for customer in own):",
        _http("lookup", "address_added_or_removed_between_the_attempts_makes_no_second_customer"),
    ),
    # Time
    Mutation(
        "a caller waits no longer than the budget",
        ATTEMPT,
        "outcome = linker.executor.run(attempt, linker.budget_s)",
        "outcome = attempt()",
        _http("budget", "login_is_answered_while_many_calls_are_slow_one_by_one"),
    ),
    Mutation(
        "a suspended attempt makes no further call",
        ATTEMPT,
        "if linker.now() - started > MAX_ATTEMPT_S:",
        "if False:",
        _http("budget", "attempt_that_was_suspended_for_a_minute_makes_no_further_call"),
    ),
    # Use
    Mutation(
        "a deleted customer is healed",
        PROTOCOL,
        "    if customer.deleted:\n        return (yield from _replace(",
        "    if False:\n        return (yield from _replace(",
        _http("use", "customer_deleted_on_the_dashboard_is_healed_on_use"),
    ),
    Mutation(
        "predecessors are remembered",
        PROTOCOL,
        "return replace(user, replaced=(*user.replaced, customer_id)[-MAX_REPLACED:])",
        "return user",
        _at("shop", "order_pages", "orders_of_two_deleted_customers_are_still_shown"),
    ),
    Mutation(
        "two workers that heal share a key",
        PROTOCOL,
        _KEY,
        _NO_KEY,
        _http("use", "two_workers_that_heal_at_once_come_to_one_customer"),
    ),
    Mutation(
        "a value that changed meanwhile is not replaced",
        PROTOCOL,
        _CHANGED,
        _CHANGED.replace("if fresh.customer_id != user.customer_id:", "if False:"),
        _http("use", "worker_that_replaces_while_another_adopts_comes_to_the_adopted_one"),
    ),
    Mutation(
        "the record decides, not the session",
        PROTOCOL,
        "    if user.customer_id != remembered:\n        customer = None",
        "    if remembered:\n        user = replace(user, customer_id=remembered)",
        _http("use", "phone_whose_session_shows_the_old_customer_uses_the_one_that_was_relinked"),
    ),
    Mutation(
        "garbage is neither used nor overwritten",
        PROTOCOL,
        'if not CUSTOMER_ID.fullmatch(user.customer_id or ""):',
        "if False:",
        _http("trust", "garbage_is_neither_used_nor_overwritten"),
    ),
    Mutation(
        "only a customer that names the user counts",
        PROTOCOL,
        _OWNER,
        "customer.owner is not None and customer.tenant in tenants",
        _http("use", "recorded_customer_of_another_user_is_never_used"),
    ),
    Mutation(
        "a replayed customer that names somebody else by now is left alone",
        PROTOCOL,
        _REPLAY,
        _REPLAY.replace("names(customer, user, policy)", "not customer.deleted"),
        _http("use", "account_that_was_linked_and_split_again_within_a_day_gets_its_own_customer"),
    ),
    Mutation(
        "an unlinked customer is not taken again",
        PROTOCOL,
        _REPLAY,
        _REPLAY.replace("names(customer, user, policy)", "not customer.deleted"),
        _http("use", "unlinked_customer_is_not_taken_again_by_the_next_login"),
    ),
    Mutation(
        "an unlinked customer is not adopted again by its address",
        PROTOCOL,
        "        and hit.id not in user.replaced\n",
        "",
        _unit("unlink", "the_next_login_makes_a_new_customer_whose_predecessor_stays"),
    ),
    Mutation(
        "an attempt that found a customer before it was unlinked does not record it",
        PROTOCOL,
        "if fresh.customer_id is None and customer.id in set(fresh.replaced) - set(user.replaced):",
        "if False:",
        _unit("unlink", "a_login_that_found_the_customer_before_does_not_record_it_again"),
    ),
    Mutation(
        "an unlink looks whether a page has taken the customer back",
        UNLINK,
        "if not _restored(now, shown):",
        "if True:",
        _unit("unlink", "a_page_that_takes_the_customer_back_in_the_middle_does_not_keep_it"),
    ),
    Mutation(
        "an unlink removes no other customer than the one that was seen",
        UNLINK,
        "if user.customer_id not in (None, shown.recorded, *shown.left):",
        "if False:",
        _unit("unlink", "another_customer_that_is_recorded_in_the_middle_stays"),
    ),
    Mutation(
        "of two claimants one wins",
        PROTOCOL,
        'idempotency_key("claim", customer.id, customer.owner, *tenant)',
        'idempotency_key("claim", customer.id, user.user_id, *tenant)',
        _unit("protocol_before_use", "claim_is_made_under_a_key_of_the_customer_alone"),
    ),
    Mutation(
        "a claim whose failure Stripe keeps is made under the next key",
        PROTOCOL,
        "if not exc.replayed or number == MAX_CLAIMS:",
        "if exc:",
        _unit("protocol_before_use", "claim_whose_failure_stripe_keeps_succeeds_under_the_next_key"),
    ),
    Mutation(
        "the next key of a claim changes no customer that was given away",
        PROTOCOL,
        "if not failed or (fresh.owner, fresh.tenant) != (customer.owner, customer.tenant):",
        "if not failed:",
        _unit("protocol_before_use", "next_key_is_not_used_on_a_customer_that_was_given_away"),
    ),
    Mutation(
        "only what is read back counts as claimed",
        PROTOCOL,
        "return fresh if names(fresh, user, policy) else None",
        "return fresh",
        _http("lookup", "of_two_users_who_claim_an_existing_customer_at_once_one_gets_it"),
    ),
    Mutation(
        "a claim for the tenant alone does not use up the key of one for the user",
        PROTOCOL,
        "tenant = (customer.tenant,) if customer.owner == user.user_id else ()",
        "tenant = ()",
        _unit("merged", "a_customer_claimed_for_a_tenant_that_moved_is_claimed_by_the_primary_the_same_day"),
    ),
    # Worlds
    Mutation(
        "live before test",
        WORLDS,
        'if _mode(plain.account) == "test":',
        "if False:",
        _http("trust", "each_world_has_its_own_customer_and_keeps_it"),
    ),
    Mutation(
        "the test world's values move when the live link is recorded",
        WORLDS,
        "moved = (*own.moved, *_moved(user, plain.account, own.suffix))",
        "moved = own.moved",
        _unit("worlds", "a_switch_from_the_test_key_to_the_live_key_refuses_nobody"),
    ),
    Mutation(
        "both at once: the one that is overwritten takes its own keys",
        WORLDS,
        "    if not account.livemode:\n        return own\n",
        "    if not account.livemode:\n        return plain\n",
        _http("trust", "a_test_and_a_live_store_that_link_one_user_at_once_settle"),
    ),
    Mutation(
        "a second live account is refused",
        WORLDS,
        "if not second_account:",
        "if False:",
        _http("trust", "a_second_live_account_is_refused_and_nothing_is_written"),
    ),
    Mutation(
        "an ID without an account that belongs to the other mode is left alone",
        PROTOCOL,
        "if not user.suffix and user.account is None and (exc.other_mode or not policy.livemode):",
        "if False:",
        _http("trust", "link_of_the_other_mode_without_a_pin_is_left_alone_and_this_one_gets_its_own"),
    ),
    Mutation(
        "a failure note counts in its own world alone",
        WORLDS,
        "if at is None or not bar or foreign == own.suffix:",
        "if True:",
        _unit("worlds", "the_failure_note_of_one_world_does_not_count_in_another"),
    ),
    Mutation(
        "another world's failure note is kept",
        WORLDS,
        "moved=((FAILED_AT + foreign, int(at)), (FAILED_TRY + foreign, which)),",
        "",
        _unit("worlds", "the_failure_note_of_one_world_does_not_count_in_another"),
    ),
    Mutation(
        "a live world's note beside a test link is found again",
        PROTOCOL,
        "NoteFailure(user.user_id, now, which, user.note_suffix)",
        "NoteFailure(user.user_id, now, which, user.suffix)",
        _unit(
            "worlds",
            "a_live_create_that_fails_for_good_beside_a_test_link_is_replaced_after_the_settling_time",
        ),
    ),
    Mutation(
        "noting a merge does not overwrite another world's link",
        PROTOCOL,
        "moved=user.moved,",
        "moved=(),",
        _unit("worlds", "noting_a_merge_moves_the_test_worlds_link_instead_of_losing_it"),
    ),
    Mutation(
        "pinning does not overwrite another world's link",
        PROTOCOL,
        "moved=user.moved,",
        "moved=(),",
        _unit("worlds", "pinning_a_live_link_moves_the_test_worlds_link_instead_of_losing_it"),
    ),
    Mutation(
        "a live link moves to the plain keys on use",
        PROTOCOL,
        "settled = user.account is not None and not user.moved",
        "settled = user.account is not None",
        _unit("worlds", "using_a_live_link_moves_it_to_the_plain_keys_once"),
    ),
    Mutation(
        "a link without an account does not keep another world's",
        WORLDS,
        "    written[PIN + suffix] = link.account\n",
        "    if link.account is not None:\n        written[PIN + suffix] = link.account\n",
        _unit("worlds", "a_link_recorded_without_an_account_never_stands_beside_another_worlds"),
    ),
    # Whose customer it is
    Mutation(
        "a merged account's customer is this user's",
        MODELS,
        "return (self.user_id, *self.identities)",
        "return (self.user_id,)",
        _unit("merged", "the_secondarys_customer_is_adopted_and_names_the_primary_from_then_on"),
    ),
    Mutation(
        "the primary's own customer stays",
        PROTOCOL,
        "key=lambda c: (c.owner != user.user_id, -c.generation, c.created, c.id)",
        "key=lambda c: (c.owner == user.user_id, -c.generation, c.created, c.id)",
        _unit("merged", "both_have_one_and_nothing_is_recorded"),
    ),
    Mutation(
        "an identity that was never merged is a stranger",
        PROTOCOL,
        _OWNER,
        "customer.owner is not None and customer.tenant in tenants",
        _unit("merged", "an_identity_that_was_never_merged_is_a_stranger"),
    ),
    Mutation(
        "the age of a user whose ID comes again proves nothing",
        PROTOCOL,
        "or not RANDOM_USER_ID.fullmatch(user.user_id)",
        "or False",
        _http("identity", "social_user_made_again_gets_the_old_customer_whose_subscription_runs"),
    ),
    Mutation(
        "a living customer of another tenant is refused",
        PROTOCOL,
        "    if customer.owner in user.owners:\n        raise WrongTenant(",
        "    if False:\n        raise WrongTenant(",
        _http("identity", "a_moved_tenant_that_names_no_former_domain_is_refused_and_nothing_is_written"),
    ),
    Mutation(
        "a former domain counts as this tenant",
        PROTOCOL,
        "tenants = (None, policy.tenant, *policy.former_tenants)",
        "tenants = (None, policy.tenant)",
        _http("identity", "a_moved_tenant_that_names_its_former_domain_keeps_every_customer"),
    ),
    Mutation(
        "users of a tenant that moved are looked up",
        PROTOCOL,
        "return self.lookup_always or self.adopt_by_email or bool(self.former_tenants)",
        "return self.lookup_always or self.adopt_by_email",
        _unit("protocol_identity", "a_user_moved_without_metadata_finds_the_former_tenants_customer"),
    ),
    Mutation(
        "the user is read again after a slow create",
        PROTOCOL,
        "if first and not looked_up and creation.took_s <= SLOW_CREATE_S:",
        "if first and not looked_up:",
        _http("identity", "an_import_during_the_create_of_a_young_user_is_not_overwritten"),
    ),
    Mutation(
        "the user is read again after a look-up",
        PROTOCOL,
        "if first and not looked_up and creation.took_s <= SLOW_CREATE_S:",
        "if first and creation.took_s <= SLOW_CREATE_S:",
        _unit("protocol_identity", "a_customer_that_another_login_finds_during_a_look_up_is_kept"),
    ),
    Mutation(
        "capitals do not count",
        PROTOCOL,
        "hits.update({hit.id: hit for hit in (yield from ask(SearchByEmail(email)))})",
        "pass",
        _http("identity", "an_address_in_capitals_at_stripe_is_adopted_and_not_doubled"),
    ),
    Mutation(
        "a field of another type counts as absent",
        PROFILES,
        "return without_surrogates(value) if isinstance(value, str) and value else None",
        "return without_surrogates(value) if value else None",
        _http("identity", "a_profile_with_fields_of_other_types_is_linked_all_the_same"),
    ),
    Mutation(
        "half of a surrogate pair is replaced",
        PROFILES,
        "return without_surrogates(value) if isinstance(value, str) and value else None",
        "return value if isinstance(value, str) and value else None",
        _http("identity", "a_profile_with_fields_of_other_types_is_linked_all_the_same"),
    ),
    Mutation(
        "the Action leaves an account older than the key to the store",
        "tests/unit/linking/action_model.py",
        "young = now - user.created_at < policy.key_window_s",
        "young = True",
        "tests/unit/linking/test_protocol_machine.py::TestLinking",
    ),
    # Search
    Mutation(
        "a user ID is quoted in the query",
        CUSTOMERS,
        """escaped = value.replace("\\\\", "\\\\\\\\").replace('"', '\\\\"')""",
        "escaped = value",
        _http("lookup", "search_for_an_awkward_user_id_finds_this_user_alone"),
    ),
    Mutation(
        "a list that was cut off proves no absence",
        PROTOCOL,
        "if not own and not by_name and not page.complete:",
        "if False:",
        _http("lookup", "without_search_and_too_many_customers_to_list_nothing_is_created"),
    ),
    Mutation(
        "every hit is read again",
        PROTOCOL,
        "            customer = yield from ask(GetCustomer(hit.id))\n        except NoSuchCustomer:",
        "            customer = hit\n        except NoSuchCustomer:",
        _http("lookup", "deleted_customer_that_search_still_answers_is_not_adopted"),
    ),
    Mutation(
        "other keys of app_metadata are left alone",
        WORLDS,
        "written: dict[str, object] = dict(link.moved)",
        'written: dict[str, object] = {**dict(link.moved), "plan": None}',
        _http("at_login", "other_keys_of_app_metadata_are_kept"),
    ),
    Mutation(
        "without the shared state the account is read from Stripe",
        CUSTOMERS,
        "        with suppress(StateUnavailable):\n            stored =",
        "        with suppress():\n            stored =",
        _http("at_login", "shared_state_that_cannot_be_used_at_all_changes_nothing"),
    ),
]
