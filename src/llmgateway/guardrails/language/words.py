"""The commonest small words of languages in Latin letters: those that hardly any text does without."""

from collections.abc import Mapping
from typing import Final

_LISTS: Final[Mapping[str, str]] = {
    "en": "the of and to in is that it for was with as on are this be by at from have not or which but you they were "
    "their what would there can all your will has been its i we he she if about do how when where please",
    "de": "der die das und ist nicht ein eine einen zu den dem mit von sich des auf für im es auch werden aus dass "
    "bei nach wir ich sie er wird oder aber wie noch nur über kann sind war haben hat zum zur mir bitte",
    "fr": "le la les et des est un une du dans que qui pour pas sur avec ce il ne au par sont je vous nous plus cette "
    "mais ou ont être fait aux elle tout comme leur été se c'est y on elles donc sans",
    "es": "el la los las de que y en un una es por con para no se del lo como más pero sus le ya o este sí porque "
    "esta entre cuando muy sin sobre también me hasta hay donde desde todo nos fue son está qué cómo su al",
    "it": "il lo la i gli le di che e è un una per non in con si da del della dei nel alla sono come più ma anche "
    "questo ha ho al delle dalla nella quando se molto perché essere cosa mi ci dove tutto",
    "pt": "o a os as de que e do da em um uma para não com por no na mais como mas foi ao ele das tem à seu sua ou "
    "ser quando muito há nos já está eu também só pelo pela até isso ela entre era você são dos",
    "nl": "de het een en van is dat in op te niet zijn voor met die aan er ook als maar om dan bij nog uit door wat "
    "naar ik je we hij zij deze wordt heeft kan hebben worden over geen was meer of",
    "pl": "i w nie na się z do to że jest o jak a po co tak za od ale czy przez dla jego już tylko był być może przy "
    "które który ich jej oraz są ze tym gdy bardzo proszę",
    "sv": "och i att det som en på är av för med den till inte har de om ett han var jag från men vi kan hade eller "
    "så när vid under också efter än nu man där skulle blir",
    "tr": "bir ve bu da de için ile çok ne o gibi daha olarak var ama en kadar olan sonra ben mi değil ya her şey biz "
    "olduğu bunu veya nas\u0131l",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena ada mereka sudah atau bisa "
    "oleh kami adalah sebagai telah dapat anda seperti kita",
    "vi": "là của và có không được cho một những này người với các trong đã để khi tôi đến như về cũng rất bạn hay từ "
    "vào nhưng thì ở nếu sẽ đó",
}

LANGUAGES: Final = tuple(_LISTS)


def _by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language, words in _LISTS.items():
        for word in words.split():
            found[word] = (*found.get(word, ()), language)
    return found


BY_WORD: Final[Mapping[str, tuple[str, ...]]] = _by_word()
"""Which languages a word is one of the commonest of."""
