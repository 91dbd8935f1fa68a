"""The files of export jobs, at addresses that are signed and expire.

At Auth0 they are at Amazon S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html
"""

from flask import Blueprint, Response, request

from webstore.sandbox.auth0.tenant import Tenant

_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>'


def downloads(tenant: Tenant) -> Blueprint:
    """The blueprint with the files of export jobs."""
    blueprint = Blueprint("downloads", __name__, url_prefix="/exports")

    @blueprint.get("/<job_id>/<name>")
    def file(job_id: str, name: str) -> Response:
        del name  # says what the file is, to people
        if "Authorization" in request.headers:
            return _refused(400, "InvalidArgument", "Only one auth mechanism allowed")
        date, signature = (request.args.get(name, "") for name in ("X-Amz-Date", "X-Amz-Signature"))
        content = tenant.exports.file(job_id, date, signature)
        if content is None:
            return _refused(403, "AccessDenied", "Request has expired")
        return Response(content, content_type="application/x-gzip")

    return blueprint


def _refused(status: int, code: str, message: str) -> Response:
    return Response(_ERROR.format(code, message), status, content_type="application/xml")
