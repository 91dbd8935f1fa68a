"""The people of a population: who number n is, and which number an ID or an e-mail address belongs to."""

import re
from typing import NamedTuple

from webstore.sandbox.population.numbers import Scramble, from_letters, to_letters

_GIVEN = (
    "Ada",
    "Amir",
    "Carla",
    "Chen",
    "Elif",
    "Finn",
    "Ines",
    "Kofi",
    "Mia",
    "Noah",
    "Olga",
    "Raul",
    "Yuki",
)
_FAMILY = ("Adler", "Costa", "Dubois", "Garcia", "Ito", "Kaya", "Moreau", "Novak", "Okafor", "Singh", "Weber")
_DOMAINS = ("example.com", "example.org", "example.net")
_EMAIL = re.compile(r"[a-z]+\.[a-z]+([0-9]{1,9})@example\.(?:com|net|org)")
_DATABASE, _SOCIAL = "auth0|", "google-oauth2|"
_CUSTOMER = "cus_"
# One in five logs in with Google, and one in fifty of those has no e-mail address.
_SOCIAL_EACH, _NO_EMAIL_EACH = 5, 250


class Person(NamedTuple):
    """One person. `name` is what Auth0 has as the user's name; a database user's is the e-mail address."""

    number: int
    user_id: str
    customer_id: str
    email: str | None
    email_verified: bool
    given_name: str
    family_name: str
    name: str
    social: bool


class People:
    """`size` people, counted from 0. `salt` decides their IDs."""

    def __init__(self, size: int, salt: str) -> None:
        self.size = size
        # 24 hexadecimal digits, the digits of a Google account, and 14 letters and digits.
        self._database = Scramble(96, f"{salt} auth0")
        self._social = Scramble(66, f"{salt} google")
        self._customer = Scramble(82, f"{salt} stripe")

    def person(self, number: int) -> Person:
        """The person with this number."""
        social = number % _SOCIAL_EACH == _SOCIAL_EACH - 1
        given, family = _GIVEN[number * 7 % len(_GIVEN)], _FAMILY[number * 11 % len(_FAMILY)]
        email = None if number % _NO_EMAIL_EACH == _NO_EMAIL_EACH - 1 else self.email(number)
        return Person(
            number=number,
            user_id=self.user_id(number),
            customer_id=self.customer_id(number),
            email=email,
            email_verified=email is not None and (social or number % 10 != 0),
            given_name=given,
            family_name=family,
            name=f"{given} {family}" if social else str(email),
            social=social,
        )

    def user_id(self, number: int) -> str:
        """The user ID of the person with this number."""
        if number % _SOCIAL_EACH == _SOCIAL_EACH - 1:
            return f"{_SOCIAL}1{self._social.hide(number):020d}"
        return f"{_DATABASE}{self._database.hide(number):024x}"

    def customer_id(self, number: int) -> str:
        """The customer ID of the person with this number."""
        return _CUSTOMER + to_letters(self._customer.hide(number), 7)

    def email(self, number: int) -> str:
        """The address of the person with this number, also for those who have not told Auth0."""
        given, family = _GIVEN[number * 7 % len(_GIVEN)], _FAMILY[number * 11 % len(_FAMILY)]
        return f"{given}.{family}{number}@{_DOMAINS[number % 3]}".lower()

    def number_of_user(self, user_id: str) -> int | None:
        """The number of the person with this user ID, or None. Letters may be of the other case."""
        text = user_id.lower()
        if re.fullmatch(r"auth0\|[0-9a-f]{24}", text):
            number = self._database.reveal(int(text.removeprefix(_DATABASE), 16))
        elif re.fullmatch(r"google-oauth2\|1[0-9]{20}", text):
            number = self._social.reveal(int(text.removeprefix(f"{_SOCIAL}1")) & (2**66 - 1))
        else:
            return None
        return number if number < self.size and self.user_id(number) == text else None

    def number_of_customer(self, customer_id: str) -> int | None:
        """The number of the person with this customer ID, or None."""
        value = from_letters(customer_id.removeprefix(_CUSTOMER))
        if value is None or value >= 1 << 82:
            return None
        number = self._customer.reveal(value)
        return number if number < self.size and self.customer_id(number) == customer_id else None

    def number_of_email(self, email: str) -> int | None:
        """The number of the person with this e-mail address in any case, or None."""
        match = _EMAIL.fullmatch(email.lower())
        if match is None or (number := int(match[1])) >= self.size:
            return None
        return number if self.person(number).email == email.lower() else None
