"""The same for Terraform: HCL whose texts mean what they say, and no secret."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from tests.unit.provisioning.tenant import CODE, NEEDS, URL
from webstore.cli.auth0_action import claims_only_action
from webstore.provisioning.tenant.models import STORE_SCOPES, Code, WantedAction
from webstore.provisioning.tenant.terraform import heredoc, quoted, terraform

ODD = 'a "quote", a \\ and ${name} and %{ if x } and $${y}\nand é'


def read_quoted(written: str) -> str:
    """What Terraform reads: the escapes of HCL are those of JSON, and two of its own."""
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", written), "a template that is not escaped"
    read: str = json.loads(written.replace("$${", "${").replace("%%{", "%{"))
    return read


def read_heredoc(written: str) -> str:
    first, *lines, last = written.splitlines()
    assert first == f"<<{last}"
    assert last not in (line.strip() for line in lines)
    return "".join(f"{line}\n".replace("$${", "${").replace("%%{", "%{") for line in lines)


@pytest.mark.parametrize("value", ["plain", ODD, "", "$", "%", "${", "\t"])
def test_a_quoted_text_reads_as_it_was(value: str) -> None:
    assert read_quoted(quoted(value)) == value


@pytest.mark.parametrize("value", [CODE.text, claims_only_action(URL), "a\nEOT\n  EOT_\nb\n", f"{ODD}\n"])
def test_a_heredoc_reads_as_it_was(value: str) -> None:
    assert read_heredoc(heredoc(value)) == value


def test_templates_in_the_code_stay_javascript() -> None:
    printed = terraform(replace(NEEDS, action=WantedAction(Code("`${a}%{b}`\n"), URL)))
    assert "\n`$${a}%%{b}`\n" in printed


def test_every_object_has_its_resource_and_the_flow_is_never_replaced() -> None:
    key = {"STRIPE_SECRET_KEY": "rk_test_secret"}
    action = WantedAction(replace(CODE, dependencies={"stripe": "1.2.3"}), URL, key)
    printed = terraform(replace(NEEDS, audience="https://api.example.com", action=action))
    assert re.findall(r'^resource "(\w+)" "(\w+)" \{$', printed, re.MULTILINE) == [
        ("auth0_client", "webstore"),
        ("auth0_client_credentials", "webstore"),
        ("auth0_client_grant", "webstore_management"),
        ("auth0_resource_server", "webstore"),
        ("auth0_resource_server_scopes", "webstore"),
        ("auth0_action", "webstore"),
        ("auth0_trigger_action", "webstore"),
    ]
    assert "rk_test_secret" not in printed
    assert 'variable "stripe_secret_key" {' in printed
    assert "value = var.stripe_secret_key" in printed
    for scope in STORE_SCOPES:
        assert f'"{scope}"' in printed


def test_braces_are_balanced_and_lists_are_closed() -> None:
    """Outside of the code, which is JavaScript."""
    printed = terraform(replace(NEEDS, audience="https://api.example.com", client_id="own"))
    outside = re.sub(r"<<EOT\n.*?\nEOT\n", "", printed, flags=re.DOTALL)
    outside = re.sub(r'"(?:[^"\\]|\\.)*"|#.*', "", outside)
    for opening, closing in ("{}", "[]"):
        assert outside.count(opening) == outside.count(closing) > 0


def test_an_application_that_exists_is_imported_and_another_one_gets_the_grant() -> None:
    printed = terraform(replace(NEEDS, client_id="own", mgmt_client_id="m2m"))
    assert 'to = auth0_client.webstore\n  id = "own"' in printed
    assert '  client_id = "m2m"\n  audience  = "https://shop.eu.auth0.com/api/v2/"' in printed


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://localhost"])
def test_a_store_that_auth0_cannot_call_has_no_back_channel_logout(url: str) -> None:
    assert "backchannel" not in terraform(replace(NEEDS, base_url=url))
    assert "backchannel" in terraform(NEEDS)
