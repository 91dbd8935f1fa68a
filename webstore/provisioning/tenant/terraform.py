"""What the store needs of its tenant, for Terraform's provider auth0/auth0.

Source: https://registry.terraform.io/providers/auth0/auth0/latest/docs
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from . import wanted
from .models import TRIGGER, Needs, WantedAction

_HEAD = """\
# What the web store at {base_url} needs of its tenant {domain}.
# Printed by `flask --app wsgi setup auth0 --print-terraform`. It has no secrets.

terraform {{
  required_providers {{
    auth0 = {{
      source  = "auth0/auth0"
      version = "~> 1.0"
    }}
  }}
}}
"""
_TAIL = """\
data "auth0_client" "webstore" {
  client_id = auth0_client.webstore.client_id
}

output "auth0_client_id" {
  value = auth0_client.webstore.client_id
}

output "auth0_client_secret" {
  value     = data.auth0_client.webstore.client_secret
  sensitive = true
}
"""


def terraform(needs: Needs) -> str:
    """The resources, and the client ID and secret as outputs. Secrets of the Action are variables."""
    return "\n".join(_blocks(needs))


def _blocks(needs: Needs) -> Iterator[str]:
    yield _HEAD.format(base_url=needs.base_url, domain=needs.domain)
    login = "auth0_client.webstore.client_id"
    yield from _application(needs)
    holder = quoted(needs.mgmt_client_id) if needs.mgmt_client_id else login
    grant = wanted.grant(needs, "", None)
    yield (
        'resource "auth0_client_grant" "webstore_management" {\n'
        f"  client_id = {holder}\n"
        f"  audience  = {quoted(grant.audience)}\n"
        f"  scopes    = {_list(grant.scopes)}\n"
        "}\n"
    )
    if needs.audience:
        yield from _api(needs, needs.audience)
    if needs.action:
        yield from _action(needs, needs.action)
    yield _TAIL


def _application(needs: Needs) -> Iterator[str]:
    to_be = wanted.application(needs, None)
    if needs.client_id:
        yield (
            "# The application is there already. Terraform sets the lists below as a whole: add what it has "
            "besides.\n"
            "import {\n"
            "  to = auth0_client.webstore\n"
            f"  id = {quoted(needs.client_id)}\n"
            "}\n"
        )
    logout = ""
    if needs.is_public:
        url = wanted.with_backchannel_logout(needs, to_be).backchannel_logout_urls
        logout = (
            "\n  # Only with an Enterprise plan; leave it out otherwise.\n"
            "  oidc_logout {\n"
            f"    backchannel_logout_urls = {_list(url)}\n\n"
            "    backchannel_logout_initiators {\n"
            '      mode = "all"\n'
            "    }\n"
            "  }\n"
        )
    yield (
        'resource "auth0_client" "webstore" {\n'
        f"  name                = {quoted(to_be.name)}\n"
        f"  app_type            = {quoted(to_be.app_type)}\n"
        f"  callbacks           = {_list(to_be.callbacks)}\n"
        f"  allowed_logout_urls = {_list(to_be.logout_urls)}\n"
        f"  grant_types         = {_list(to_be.grant_types)}\n"
        "  oidc_conformant     = true\n\n"
        "  client_metadata = {\n"
        f"    webstore = {quoted(to_be.store)}\n"
        "  }\n\n"
        "  jwt_configuration {\n"
        f"    alg = {quoted(to_be.algorithm)}\n"
        "  }\n"
        f"{logout}"
        "}\n"
    )
    yield (
        'resource "auth0_client_credentials" "webstore" {\n'
        "  client_id             = auth0_client.webstore.client_id\n"
        f"  authentication_method = {quoted(to_be.authentication)}\n"
        "}\n"
    )


def _api(needs: Needs, identifier: str) -> Iterator[str]:
    to_be = wanted.api(needs, identifier, None)
    yield (
        'resource "auth0_resource_server" "webstore" {\n'
        f"  name        = {quoted(to_be.name)}\n"
        f"  identifier  = {quoted(to_be.identifier)}\n"
        f"  signing_alg = {quoted(to_be.algorithm)}\n"
        "}\n"
    )
    permissions = "".join(
        f"\n  scopes {{\n    name        = {quoted(name)}\n    description = {quoted(words)}\n  }}\n"
        for name, words in to_be.permissions.items()
    )
    yield (
        'resource "auth0_resource_server_scopes" "webstore" {\n'
        "  resource_server_identifier = auth0_resource_server.webstore.identifier\n"
        f"{permissions}"
        "}\n"
    )


def _action(needs: Needs, action: WantedAction) -> Iterator[str]:
    for name in action.secrets:
        yield (
            f'variable "{name.lower()}" {{\n'
            f"  description = {quoted(f'The secret {name} of the Action')}\n"
            "  type        = string\n"
            "  sensitive   = true\n"
            "}\n"
        )
    packages = "".join(
        f"\n  dependencies {{\n    name    = {quoted(name)}\n    version = {quoted(version)}\n  }}\n"
        for name, version in action.code.dependencies.items()
    )
    secrets = "".join(
        f"\n  secrets {{\n    name  = {quoted(name)}\n    value = var.{name.lower()}\n  }}\n"
        for name in action.secrets
    )
    yield (
        'resource "auth0_action" "webstore" {\n'
        f"  name    = {quoted(needs.name)}\n"
        f"  runtime = {quoted(action.code.runtime)}\n"
        "  deploy  = true\n"
        f"  code    = {heredoc(action.code.text)}\n"
        "  supported_triggers {\n"
        f"    id      = {quoted(TRIGGER)}\n"
        '    version = "v3"\n'
        "  }\n"
        f"{packages}{secrets}"
        "}\n"
    )
    yield (
        "# This adds one place to the flow. (auth0_trigger_actions, in the plural, would replace the flow.)\n"
        'resource "auth0_trigger_action" "webstore" {\n'
        f"  trigger   = {quoted(TRIGGER)}\n"
        "  action_id = auth0_action.webstore.id\n"
        "}\n"
    )


def quoted(value: str) -> str:
    """A text as an HCL string.

    Source: https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences
    """
    return _without_templates(json.dumps(value, ensure_ascii=False))


def heredoc(value: str) -> str:
    """A text of several lines as an HCL heredoc; it ends with a line break.

    Source: https://developer.hashicorp.com/terraform/language/expressions/strings#heredoc-strings
    """
    lines, mark = value.splitlines(), "EOT"
    while any(line.strip() == mark for line in lines):
        mark += "_"
    return "\n".join((f"<<{mark}", *map(_without_templates, lines), mark))


def _without_templates(value: str) -> str:
    """The text with HCL's two template marks escaped."""
    return value.replace("${", "$${").replace("%{", "%%{")


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, values))}]"
