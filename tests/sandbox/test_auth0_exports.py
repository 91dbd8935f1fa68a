"""Export jobs, called with Auth0's SDK, and the files that they make."""

import csv
import gzip
import io
import json
import time
from typing import Any

import httpx
import pytest
from auth0.management.client import Auth0 as ManagementClient
from auth0.management.errors import NotFoundError

from tests.sandbox.auth0 import ADA, GRACE, Browser, Tenant, sdk_with, undeclared

# Auth0 names the connection beside its ID; the SDK's models lack it.
BESIDE = "connection"


def exported(tenant: Tenant, admin: ManagementClient, **spec: Any) -> httpx.Response:
    """Export users, wait for the file and download it."""
    job = admin.jobs.users_exports.create(**spec)
    assert undeclared(job, BESIDE) == []
    assert (job.type, job.status) == ("users_export", "pending")
    tenant.advance(1)
    deadline = time.monotonic() + 60
    while (found := admin.jobs.get(job.id)).status != "completed" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert undeclared(found, BESIDE, "fields", "limit") == []
    return tenant.http.get(str(found.location))


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    return [json.loads(line) for line in gzip.decompress(answer.content).decode().splitlines()]


def test_an_export_has_a_line_with_the_fields_of_each_user(tenant: Tenant, admin: ManagementClient) -> None:
    admin.users.update(ADA, app_metadata={"stripe_customer_id": "cus_1", "plan": {"name": "gold"}})
    fields: Any = [
        {"name": "user_id"},
        {"name": "app_metadata"},
        {"name": "app_metadata.plan.name", "export_as": "plan"},
        {"name": "identities[0].connection"},
    ]
    assert lines(exported(tenant, admin, fields=fields)) == [
        {
            "user_id": ADA,
            "app_metadata": {"stripe_customer_id": "cus_1", "plan": {"name": "gold"}},
            "plan": "gold",
            "identities[0].connection": "Username-Password-Authentication",
        },
        {"user_id": GRACE, "identities[0].connection": "Username-Password-Authentication"},
    ]
    (first, _) = lines(exported(tenant, admin))
    assert (first["Id"], first["Email"], first["Email Verified"]) == (ADA, "ada@example.com", True)


def test_a_job_is_pending_first_its_address_expires_and_it_is_gone_after_a_day(
    tenant: Tenant, admin: ManagementClient
) -> None:
    tenant.settings(export_s=60)
    job = admin.jobs.users_exports.create()
    pending = admin.jobs.get(job.id)
    assert (pending.status, pending.location) == ("pending", None)
    tenant.settings(export_s=0)
    answer = exported(tenant, admin)
    location = str(answer.request.url)
    assert tenant.http.get(location, headers={"Authorization": "Bearer x"}).status_code == 400
    assert tenant.http.get(f"{location}0").status_code == 403
    tenant.advance(61)
    assert tenant.http.get(location).status_code == 403
    job_id = location.split("/")[-2]
    with sdk_with(tenant, tenant.explorer_token()) as later:
        again = str(later.jobs.get(job_id).location)
    assert tenant.http.get(again).status_code == 200
    tenant.advance(86_401)
    assert tenant.http.get(again).status_code == 403
    with sdk_with(tenant, tenant.explorer_token()) as later, pytest.raises(NotFoundError):
        later.jobs.get(job.id)


def test_the_limit_the_connection_and_csv(tenant: Tenant, admin: ManagementClient) -> None:
    tenant.http.post("/_sandbox/seed", json={"users": 5000, "linked": 10}).raise_for_status()
    with Browser(tenant) as browser:
        browser.submit(browser.authorize(connection="google-oauth2"), email="s@example.com")
    assert len(lines(exported(tenant, admin, fields=[{"name": "user_id"}]))) == 5003
    assert len(lines(exported(tenant, admin, limit=7))) == 7
    social = next(it.id for it in admin.connections.list() if it.name == "google-oauth2")
    fields: Any = [{"name": "email"}, {"name": "identities", "export_as": "accounts"}]
    answer = exported(tenant, admin, connection_id=social, format="csv", fields=fields)
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(answer.content).decode())))
    assert [row["email"] for row in rows] == ["s@example.com"]
    assert json.loads(rows[0]["accounts"])[0]["provider"] == "google-oauth2"
    headers = {"Authorization": f"Bearer {tenant.explorer_token('read:users')}"}
    sent = {"connection_id": "con_0000000000000000"}
    assert tenant.management("POST", "/jobs/users-exports", json=sent, headers=headers).status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        {"format": "xml"},
        {"limit": 0},
        {"fields": [{"field": "email"}]},
        {"fields": ["email"]},
        {"columns": []},
    ],
)
def test_an_export_that_is_refused(tenant: Tenant, sent: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {tenant.explorer_token('read:users')}"}
    answer = tenant.management("POST", "/jobs/users-exports", json=sent, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")
