"""What the pages of both vendors have in common."""

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from webstore.sandbox.filters import FILTERS


def install(app: Flask, page: str) -> None:
    """Give the application the filters, and a page for addresses that it does not have.

    `page`: the template of its pages.
    """
    app.jinja_env.filters.update(FILTERS)
    app.config["SANDBOX_PAGE"] = page

    @app.errorhandler(NotFound)
    def not_found(problem: NotFound) -> ResponseReturnValue:
        # The APIs answer themselves; what is left is for browsers, and for programs that do not care.
        if "text/html" not in request.headers.get("Accept", ""):
            return problem
        return render_template("not_found.html"), 404


def lead_to(app: Flask, store_url: str) -> None:
    """Have each page link the store."""
    app.config["STORE_URL"] = store_url
