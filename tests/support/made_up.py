"""Values that look like secrets and never were any, the same in every run."""

import base64
import json
import random
import string

LETTERS = string.ascii_letters
ALNUM = LETTERS + string.digits
WORD = ALNUM + "_-"
BASE64 = ALNUM + "+/"
HEX = "0123456789abcdef"
CAPITALS = string.ascii_uppercase + "234567"


class Dice:
    """Makes values from a seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def of(self, length: int, letters: str = ALNUM) -> str:
        value = "".join(self._random.choice(letters) for _ in range(length - 1))
        return value + self._random.choice([each for each in letters if each.isalnum()])

    def digits(self, length: int) -> str:
        return self._random.choice("123456789") + self.of(length - 1, string.digits)

    def uuid(self) -> str:
        return "-".join(self.of(length, HEX) for length in (8, 4, 4, 4, 12))

    def jwt(self, header: dict | None = None, payload: dict | None = None) -> str:
        parts = (header or {"alg": "HS256", "typ": "JWT"}, payload or {"sub": self.of(8), "iat": 1716239022})
        return f"{encoded(parts[0])}.{encoded(parts[1])}.{self.of(43, WORD)}"

    def pem(self, name: str = "RSA PRIVATE KEY", lines: int = 6, gap: str = "\n") -> str:
        body = gap.join([*(self.of(64, BASE64) for _ in range(lines)), self.of(21, BASE64) + "=="])
        return f"-----BEGIN {name}-----{gap}{body}{gap}-----END {name}-----"

    def pieces(self, text: str, longest: int) -> list[str]:
        """The text, cut anywhere."""
        cut = []
        while text:
            size = self._random.randint(1, longest)
            cut.append(text[:size])
            text = text[size:]
        return cut

    def pick(self, of: list[str], count: int) -> list[str]:
        return self._random.sample(of, count)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
