"""The words that say what a number is. Of those before a number, the nearest one decides."""

from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Final, NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind

from llmgateway.wire.lexicon import hits
from llmgateway.wire.view import View

BESIDE: Final = 14  # characters between a label and the number right behind it
_LINE_END: Final = 4  # characters between a label on a line of its own and its number
_HEADING: Final = 16  # the same, where there is nothing but what leads to a number
_ASKED: Final = 30  # characters of a question behind the label
_SPEAKERS: Final = (
    *("caller", "customer", "client", "user", "visitor", "patient", "guest", "member", "human", "me"),
    *("客", "客様", "客さま", "顧客", "利用者", "患者", "相談者", "本人", "様", "さん", "ユーザー", "ユーザ"),
    *("母", "父", "私", "僕", "俺", "妻", "夫"),
)
_OF_HOSTS: Final = f"{ascii_letters}{digits}.-"
_FEWEST: Final = 7  # digits of a value in a list
_YEAR: Final = 4  # digits of one
_CENTURIES: Final = ("in 19", "in 20", "of 19", "of 20", "from 19", "from 20")
_FEW: Final = 2  # digits that belong to a label, as in ISBN-13


class Label(NamedTuple):
    """A family of labels, how far before the number it stands, and what is between."""

    family: str
    gap: int
    between: str

    @property
    def beside(self) -> bool:
        """Whether it stands right before the number."""
        return self.names(BESIDE)

    def names(self, reach: int, digits: int = _FEW) -> bool:
        """Whether it is near enough to mean the number, and no other number is between."""
        if self.gap > reach:
            return False
        between = sum(map(str.isdigit, self.between))
        return between <= digits or (between == _YEAR and _is_dated(self.between)) or _lists(self.between)


NONE: Final = Label("", 64, "")
OTHER: Final = "other"  # a number that is nobody's: an order, a version, an article
_WORDS: Final[Mapping[str, str]] = {
    "phone": "phone tel telephone mobile cell call fax whatsapp sms dial hotline msisdn 電話 携帯 連絡先"
    " contact_number contact_no emergency_contact my_number_is reach_me reach_us text_me text_us"
    " will_text can_text or_text"
    " or_ring ring_us reached_on reached_at reach_him reach_her reach_them"
    " contact telephones available_at good_number rings text_from hold_of gave_number rang_from called_from appelez-moi"
    " ring_me callback callback_number ph mob landline daytime_number evening_number telefon handynummer mobil"
    " rufnummer téléphone teléfono telefono móvil cellulare celular"
    " ファックス ファクス 連絡は 緊急連絡 欠席連絡 でんわ けいたい ケータイ ダイヤル 内線 直通 ℡ ☎",
    "payment_card": "card cc# visa mastercard amex credit debit pan paid_with 決済 支払 カード クレジット クレカ jcb",
    "us_ssn": "ssn ss# ss_number ss_no social_security social-security socialsecurity my_social the_social your_social"
    " his_social her_social social_is social_number soc_sec soc._sec 社会保障番号",
    "passport": "passport passports travel_document reisepass passeport pasaporte passaporto パスポート 旅券",
    "jp_my_number": "マイナンバー 個人番号 mynumber my_number my-number individual_number",
    "jp_corporate_number": "法人 法人番号 事業者番号 適格請求書 適格請求書発行事業者"
    " 登録番号 インボイス番号 corporate_number corporate_no corporation_number corporate_id company_number"
    " houjin houjin_bangou hojin hojin_bango 会社番号 企業番号 法人no t番号",
    "jp_driving_licence": "免許 免許証 運転免許 免許証番号 driving_licence driving_license"
    " driver_license drivers_license driver_licence drivers_licence licence_number license_number licence_no license_no"
    " driver's_licence driver's_license",
    "jp_bank_account": "口座 口座番号 普通 当座 貯蓄 預金 記号 記号番号 ゆうちょ"
    " 銀行 支店 信用金庫 信金 農協 振込 振り込み 送金先 返金先 店番 店番号"
    " (普) (当) 振込先 account_number account_no acct_no bank_account",
    "jp_postal_code": "〒 郵便番号 postal postal_code postcode zip zipcode zip_code 郵便",
    "id.gb": "nhs",
    "id.ca": "sin s.i.n social_insurance",
    "id.in": "aadhaar aadhar uidai",
    "uid": "uid",
    "id.br": "cpf",
    "id.de": "steuer steuerliche identifikationsnummer steueridentifikationsnummer steuer-id idnr steuerid",
    "tax": "tax_id tax_identification tax_no tax_number tin itin taxpayer",
    "id.nl": "bsn burgerservicenummer",
    "id.pl": "pesel",
    "id.fr": "nir sécurité sociale sécu insee french_social_security",
    "id.kr": "주민등록번호 rrn resident_registration",
    "id.cn": "身份证 身份證 resident_identity chinese_id",
    OTHER: "order invoice tracking ticket ref reference case isbn issn sku version ver serial part item build release"
    " timestamp epoch price total amount id uuid hash commit port model batch lot doi patent issue pull quantity"
    " qty claim policy consignment ndc jan ean upc gtin barcode 商品コード タイムスタンプ"
    " 注文 伝票 追跡 問い合わせ番号 問合せ番号 問合番号 受付番号 管理番号"
    " 商品 型番 品番 会員番号 請求書 契約番号 予約番号 製造番号 整理番号"
    " 社員番号 学籍番号 顧客番号 シリアル バージョン 金額 合計 価格",
}
_CARDS: Final = ("card", "カード")  # which states give, too
_FAMILIES: Final = {
    form: family
    for family, words in _WORDS.items()
    for word in words.split()
    for form in (word, word.replace("_", " "), word.replace("_", ""))
}
_LINKS: Final = ("numbers", "number", "num", "code", "is", "was", "no", "id", "key", "番号", "コード", "は", "が", "の")
_LINKS_TO_VALUES: Final = ("value", "answer", "content", "text", "値", "内容", "回答")
_LINK_SIGNS: Final = " \n:#.,()+=\"'-_/0123456789「『」【】〔〕[]<>*|桁"
_FAMILY_OF: Final = tuple(_FAMILIES.values())
_CARD: Final = frozenset(at for at, word in enumerate(_FAMILIES) if word in _CARDS)
_AUTOMATON: Final = AhoCorasick(tuple(_FAMILIES), matchkind=MatchKind.LeftmostLongest)


def says_other(named: Label) -> bool:
    """Whether the number is called something that is nobody's, and is the first one after that word."""
    return named.family == OTHER and named.beside


def label(view: View, at: int) -> Label:
    """What the nearest word before `at` calls a number that begins there."""
    before = view.before(at)
    words = _words(before)
    while words:
        index, begin, end = words.pop()
        if not _is_word(before, begin, end):
            continue
        family = _FAMILY_OF[index]
        end += before.startswith("s", end)  # it is more than one
        if index in _CARD:
            return _gone_on(before, words, begin) or _named(family, before[end:])
        if family != OTHER:
            return _named(family, before[end:])
        if _links(before[end:]):
            return _gone_on(before, words, begin) or _named(family, before[end:])
    return NONE


def _words(text: str) -> list[tuple[int, int, int]]:
    """What may be the labels of a text: which of them, from where to where."""
    lowered = text.lower()
    return hits(_AUTOMATON, lowered if len(lowered) == len(text) else text)  # a few letters grow


def _gone_on(text: str, words: list[tuple[int, int, int]], begin: int) -> Label | None:
    """The label that only goes on with a word that says little, as in `口座ID` or `Aadhaar card`."""
    while words:
        index, first, end = words.pop()
        if _is_word(text, first, end):
            goes_on = begin - end <= 1 and _FAMILY_OF[index] != OTHER
            return _named(_FAMILY_OF[index], text[end:]) if goes_on else None
    return None


def _named(family: str, between: str) -> Label:
    if "\n" in between and family != OTHER and (answer := _answer(between)) is not None:
        return Label(family, len(answer), answer)
    if "\n" in between and (family == OTHER or not (len(between) <= _LINE_END or _heads(between))):
        return NONE
    return Label(family, len(between), between)


def _answer(between: str) -> str | None:
    """What stands before a number in the answer to whoever asked for it on the line before; None if this is none."""
    asked, _, turn = between.rpartition("\n")
    speaker, _, answer = turn.rpartition(":")
    if len(asked) > _ASKED or "\n" in asked or not speaker.rstrip(" ").lower().endswith(_SPEAKERS):
        return None
    return answer if len(answer) <= BESIDE and not any(map(str.isdigit, asked + answer)) else None


def _is_dated(between: str) -> bool:
    """Whether the digits are those of a year: `the passport she renewed in 2022 is`."""
    return any(century in between for century in _CENTURIES)


def _lists(between: str) -> bool:
    """Whether there is nothing but other values of a list that the label stands before."""
    *others, last = between.replace("、", ",").split(",")
    if not others or any(map(str.isdigit, last)):
        return False
    return all(sum(map(str.isdigit, each)) >= _FEWEST for each in others) and _links("".join(others) + last)


def _heads(between: str) -> bool:
    """Whether what is between leads over to the next line and says nothing else: `Passport No.` above its number."""
    between = _without_tags(between)
    return len(between) <= _HEADING and between.count("\n") == 1 and _links(between, (*_LINKS_TO_VALUES, *_LINKS))


def _without_tags(between: str) -> str:
    """What is between without tags, as those in `<dt>口座番号</dt>`."""
    if "<" not in between:
        return between
    pieces = between.split("<")
    return pieces[0] + "".join(piece.partition(">")[2] for piece in pieces[1:])


def _links(between: str, links: tuple[str, ...] = _LINKS) -> bool:
    """Whether a word is followed by nothing but what leads to its number: `order number is`, `注文番号`."""
    left = between.lower().strip(_LINK_SIGNS)
    if not left:
        return True
    for word in links:
        left = left.replace(word, "")
    return not left.strip(_LINK_SIGNS)


def _is_word(text: str, begin: int, end: int) -> bool:
    """Whether a Latin word begins and ends there, or a part of a name such as `phoneNumber` or `userPhone`."""
    if not text[begin].isascii():
        return True
    if begin and text[begin - 1].isascii() and text[begin - 1].isalpha() and not _humps(text, begin):
        return False
    if text[:begin].rstrip(_OF_HOSTS).endswith("@"):  # in an address
        return False
    after = text[end : end + 2]
    return not (after[:1].isascii() and after[:1].islower()) or (after[:1] == "s" and not after[1:].isalpha())


def _humps(text: str, begin: int) -> bool:
    return text[begin].isupper() and text[begin - 1].islower()
