"""What the sandbox implements of the Management API: a line for each endpoint, with its scopes.

Auth0's page of each endpoint names its scopes: https://auth0.com/docs/api/management/v2
"""

from webstore.sandbox.auth0.management import (
    actions,
    bindings,
    client_grants,
    clients,
    jobs,
    logs,
    resource_servers,
    tenants,
    users,
)
from webstore.sandbox.auth0.management.call import FIELDS, PAGES, Route

_SEE_CLIENTS = ("read:clients", "read:client_keys", "read:client_credentials", "read:client_summary")
_CHECKPOINT = ("from", "take")
_ACTIONS_PAGES = ("page", "per_page")

ROUTES = (
    # users
    Route("GET", "users", ("read:users",), users.list_users, None),
    Route("GET", "users-by-email", ("read:users",), users.by_email, None),
    Route("GET", "users/{}", ("read:users",), users.get_user, None),
    Route("PATCH", "users/{}", ("update:users", "update:users_app_metadata"), users.update_user, None),
    Route("DELETE", "users/{}", ("delete:users",), users.delete_user, None),
    Route("POST", "users/{}/identities", ("update:users",), users.link_identity, None),
    Route("DELETE", "users/{}/identities/{}/{}", ("update:users",), users.unlink_identity, None),
    # clients
    Route(
        "GET",
        "clients",
        _SEE_CLIENTS,
        clients.list_clients,
        (*PAGES, *FIELDS, "app_type", "is_global", "is_first_party"),
        (*_CHECKPOINT, "q", "external_client_id"),
    ),
    Route("POST", "clients", ("create:clients",), clients.create_client),
    Route("GET", "clients/{}", _SEE_CLIENTS, clients.get_client, FIELDS),
    Route("PATCH", "clients/{}", ("update:clients", "update:client_keys"), clients.update_client),
    Route("DELETE", "clients/{}", ("delete:clients",), clients.delete_client),
    # client grants
    Route(
        "GET",
        "client-grants",
        ("read:client_grants",),
        client_grants.list_grants,
        (*PAGES, *_CHECKPOINT, "audience", "client_id", "subject_type"),
        ("allow_any_organization", "default_for"),
    ),
    Route("POST", "client-grants", ("create:client_grants",), client_grants.create_grant),
    Route("GET", "client-grants/{}", ("read:client_grants",), client_grants.get_grant),
    Route("PATCH", "client-grants/{}", ("update:client_grants",), client_grants.update_grant),
    Route("DELETE", "client-grants/{}", ("delete:client_grants",), client_grants.delete_grant),
    # resource servers
    Route(
        "GET",
        "resource-servers",
        ("read:resource_servers",),
        resource_servers.list_apis,
        (*PAGES, "identifiers", "include_fields"),
    ),
    Route("POST", "resource-servers", ("create:resource_servers",), resource_servers.create_api),
    Route(
        "GET",
        "resource-servers/{}",
        ("read:resource_servers",),
        resource_servers.get_api,
        ("include_fields",),
    ),
    Route("PATCH", "resource-servers/{}", ("update:resource_servers",), resource_servers.update_api),
    Route("DELETE", "resource-servers/{}", ("delete:resource_servers",), resource_servers.delete_api),
    # Actions
    Route(
        "GET",
        "actions/actions",
        ("read:actions",),
        actions.list_actions,
        ("page", "per_page", "triggerId", "actionName", "deployed", "installed"),
    ),
    Route("POST", "actions/actions", ("create:actions",), actions.create_action),
    Route("GET", "actions/actions/{}", ("read:actions",), actions.get_action),
    Route("PATCH", "actions/actions/{}", ("update:actions",), actions.update_action),
    Route("DELETE", "actions/actions/{}", ("delete:actions",), actions.delete_action, ("force",)),
    Route("POST", "actions/actions/{}/deploy", ("create:actions",), actions.deploy_action),
    Route("GET", "actions/actions/{}/versions", ("read:actions",), actions.list_versions, _ACTIONS_PAGES),
    Route("GET", "actions/actions/{}/versions/{}", ("read:actions",), actions.get_version),
    Route("POST", "actions/actions/{}/versions/{}/deploy", ("create:actions",), actions.deploy_version),
    Route("GET", "actions/triggers", ("read:actions",), bindings.list_triggers),
    Route("GET", "actions/triggers/{}/bindings", ("read:actions",), bindings.list_bindings, _ACTIONS_PAGES),
    Route("PATCH", "actions/triggers/{}/bindings", ("update:actions",), bindings.replace_bindings),
    # jobs
    Route("POST", "jobs/users-exports", ("read:users",), jobs.export_users),
    Route("GET", "jobs/{}", ("create:users", "read:users", "create:passwords_checking_job"), jobs.get_job),
    # the tenant
    Route("GET", "tenants/settings", ("read:tenant_settings",), tenants.get_settings, FIELDS),
    Route("PATCH", "tenants/settings", ("update:tenant_settings",), tenants.update_settings),
    Route(
        "GET",
        "custom-domains",
        ("read:custom_domains",),
        tenants.list_custom_domains,
        (*_CHECKPOINT, *FIELDS),
        ("q", "sort"),
    ),
    Route(
        "GET",
        "connections",
        ("read:connections",),
        tenants.list_connections,
        (*PAGES, *FIELDS, *_CHECKPOINT, "name", "strategy"),
    ),
    Route("GET", "connections/{}/clients", ("read:connections",), tenants.connection_clients, _CHECKPOINT),
    Route(
        "GET",
        "logs",
        ("read:logs", "read:logs_users"),
        logs.list_logs,
        (*PAGES, *FIELDS, *_CHECKPOINT, "q", "sort"),
        ("search",),
    ),
    Route("GET", "logs/{}", ("read:logs", "read:logs_users"), logs.get_log),
)
