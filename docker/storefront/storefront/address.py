"""The form for contact and address: what is asked, and what is wrong with an answer, as sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping

from storefront.client import Body

ADDRESS = ("first_name", "last_name", "address_1", "address_2", "postal_code", "city", "province", "country_code", "phone")
FIELDS = ("email", *ADDRESS)
LONGEST = 120
REQUIRED = {
    "email": "Please enter your e-mail address.",
    "first_name": "Please enter your first name.",
    "last_name": "Please enter your last name.",
    "address_1": "Please enter street and number.",
    "city": "Please enter the town.",
    "country_code": "Please choose a country.",
}
WITHOUT_POSTAL_CODE = frozenset(
    {
        "ae", "ag", "ao", "aw", "bf", "bi", "bj", "bo", "bs", "bw", "bz", "cd", "cf", "cg", "ci", "cm", "dj", "dm", "er", "fj",
        "gd", "gh", "gm", "gn", "gq", "gy", "hk", "ie", "jm", "ke", "ki", "km", "kn", "kp", "lc", "ly", "ml", "mo", "mr", "ms",
        "mw", "na", "nr", "nu", "pa", "qa", "rw", "sb", "sc", "sl", "sr", "st", "sy", "tf", "tg", "tk", "tl", "to", "tt", "tv",
        "tz", "ug", "vu", "ws", "ye", "zw",
    }
)  # fmt: skip
# where a wrong one is certain to be wrong; others are only asked to be there
POSTAL_CODES = {
    "at": r"\d{4}", "be": r"\d{4}", "ca": r"[A-Z]\d[A-Z] ?\d[A-Z]\d", "ch": r"\d{4}", "de": r"\d{5}", "dk": r"\d{4}", "es": r"\d{5}",
    "fi": r"\d{5}", "fr": r"\d{5}", "gb": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", "it": r"\d{5}", "lu": r"\d{4}", "nl": r"\d{4} ?[A-Z]{2}",
    "no": r"\d{4}", "pl": r"\d{2}-\d{3}", "pt": r"\d{4}-\d{3}", "se": r"\d{3} ?\d{2}", "us": r"\d{5}(-\d{4})?",
}  # fmt: skip
EMAIL = re.compile(r"[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]+\.[^\s@<>,;\".]{2,}")


def is_email(text: str) -> bool:
    return len(text) <= 254 and EMAIL.fullmatch(text) is not None


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """The values of the form, with blanks put right and control characters gone."""
    return {name: " ".join("".join(char for char in form.get(name, "") if char.isprintable() or char.isspace()).split()) for name in FIELDS}


def faults(values: Mapping[str, str], countries: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """What is wrong, by field; empty when all is well."""
    found = {name: sentence for name, sentence in REQUIRED.items() if not values[name]}
    found |= {name: f"Please use at most {LONGEST} characters." for name in ADDRESS if len(values[name]) > LONGEST}
    if "email" not in found and not is_email(values["email"]):
        found["email"] = "This doesn't look like an e-mail address."
    country, code = values["country_code"].lower(), values["postal_code"].upper()
    names = dict(countries)
    if "country_code" not in found and country not in names:
        found["country_code"] = "We don't deliver to this country from here. Please choose one of the list."
    if not code and country not in WITHOUT_POSTAL_CODE:
        found.setdefault("postal_code", "Please enter the postal code.")
    elif code and not re.fullmatch(POSTAL_CODES.get(country, r".*"), code):
        found.setdefault("postal_code", f"This is not a postal code of {names.get(country, 'that country')}.")
    if values["phone"] and not re.fullmatch(r"\+?[\d\s()/.-]{5,25}", values["phone"]):
        found["phone"] = "Please enter a telephone number, or nothing."
    return {name: found[name] for name in FIELDS if name in found}


def as_medusa(values: Mapping[str, str]) -> Body:
    """The change of a cart: the goods and the invoice go to the same address."""
    address = {name: values[name] for name in ADDRESS} | {"country_code": values["country_code"].lower()}
    return {"email": values["email"], "shipping_address": address, "billing_address": address}


def from_medusa(cart: Body) -> dict[str, str]:
    address = cart.get("shipping_address") or {}
    return {"email": str(cart.get("email") or "")} | {name: str(address.get(name) or "") for name in ADDRESS}
