"""The shop's own pages."""

from __future__ import annotations

from flask import Blueprint, render_template

blueprint = Blueprint("shop", __name__)


@blueprint.get("/")
def home() -> str:
    """The front page."""
    return render_template("shop/home.html")
