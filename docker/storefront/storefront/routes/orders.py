"""An order's page, and how to find it again."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, request

from storefront import seo
from storefront.address import is_email
from storefront.answers import page, surroundings, to
from storefront.orders import order_number
from storefront.present_cart import order_view
from storefront.services import client_address, services, visitor
from storefront.views_cart import FormView

blueprint = Blueprint("orders", __name__)

PURPOSE = "order"
UNKNOWN = "We have no order with this number and this e-mail address. Please compare both with your confirmation."


@blueprint.get("/orders")
def look_up() -> Response:
    return _form(FormView())


@blueprint.post("/orders")
def find() -> Response:
    values = {"number": request.form.get("number", "").strip()[:20], "email": request.form.get("email", "").strip()[:254]}
    faults: dict[str, str] = {}
    number = order_number(values["number"])
    if not number:
        faults["number"] = "Please enter the order number, such as 1024."
    if not is_email(values["email"]):
        faults["email"] = "Please enter the e-mail address you ordered with."
    if faults:
        return _form(FormView(values, faults), status=422)
    order = services().orders.find(number, values["email"], client_address())
    if order is None:
        return _form(FormView(values, {"number": UNKNOWN}), status=422)
    visitor().may_see(order)
    return to(f"/orders/{order}")


def _form(form: FormView, status: int = 200) -> Response:
    _, _, shop = surroundings()
    return page("lookup.html", shop, seo.plain(shop, "Find your order", "/orders"), status=status, path="/orders", lookup=form)


@blueprint.get("/orders/<order_id>")
def show(order_id: str) -> Response:
    """For whoever placed or found it in this browser, or has its signed link."""
    current, who = services(), visitor()
    if order_id not in who.orders and current.visitors.signed(PURPOSE, request.args.get("key", "")) != order_id:
        who.say("info", "Please tell us the number and e-mail address of the order you would like to see.")
        return to("/orders")
    frame, _, shop = surroundings()
    order = current.orders.read(order_id)
    countries = {code: name for region in frame.regions for code, name in region.countries}
    link = f"{shop.url}/orders/{order_id}?{urlencode({'key': current.visitors.sign(PURPOSE, order_id)})}"
    view = order_view(order, countries=countries, picture=current.catalogue.picture, link=link)
    return page("order.html", shop, seo.order(shop, view), path="/", order=view, just_placed=request.args.get("placed") == "1")
