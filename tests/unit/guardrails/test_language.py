"""The judge `language`: which languages texts are in, coarsely, and which may pass."""

import pytest

from llmgateway.guardrails.language.judge import LanguageJudge
from llmgateway.guardrails.language.shares import KNOWN, UNKNOWN, latin, sampled, shares
from llmgateway.guardrails.language.words import BY_WORD, LANGUAGES
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import Piece

TEXTS = {
    "en": [
        "Please check whether the invoice that arrived yesterday has been paid by now.",
        "The ship left the harbour before dawn, and nobody on the pier knew when it would be back.",
    ],
    "de": [
        "Bitte prüfen Sie, ob die Rechnung, die gestern eingegangen ist, schon bezahlt wurde.",
        "Das Schiff verließ den Hafen vor der Dämmerung, und niemand wusste, wann es wieder da sein wird.",
    ],
    "fr": [
        "Merci de vérifier si la facture qui est arrivée hier a déjà été payée par nos services.",
        "Le bateau a quitté le port avant l'aube et personne sur le quai ne savait quand il serait de retour.",
    ],
    "es": [
        "Compruebe por favor si la factura que llegó ayer ya está pagada o si hay que enviar un aviso.",
        "El barco salió del puerto antes del alba y nadie en el muelle sabía cuándo iba a volver.",
    ],
    "it": [
        "Per favore controlla se la fattura che è arrivata ieri è già stata pagata dalla nostra banca.",
        "La nave ha lasciato il porto prima dell'alba e nessuno sul molo sapeva quando sarebbe tornata.",
    ],
    "pt": [
        "Por favor verifique se a fatura que chegou ontem já foi paga ou se é preciso enviar um aviso.",
        "O navio deixou o porto antes do amanhecer e ninguém no cais sabia quando ele voltaria.",
    ],
    "nl": [
        "Wilt u nagaan of de rekening die gisteren is aangekomen al betaald is door de afdeling?",
        "Het schip verliet de haven voor zonsopgang en niemand op de kade wist wanneer het terug zou zijn.",
    ],
    "pl": [
        "Proszę sprawdzić, czy faktura, która wczoraj przyszła, jest już zapłacona, bo nie ma jej na liście.",
        "Statek opuścił port przed świtem i nikt na nabrzeżu nie wiedział, kiedy to się skończy.",
    ],
    "sv": [
        "Kan du kontrollera om fakturan som kom i går har betalats, för den är inte med på listan.",
        "Fartyget lämnade hamnen före gryningen och ingen på kajen visste när det skulle komma tillbaka.",
    ],
    "tr": ["Dün gelen fatura için ödeme ve onay var mı, bunu bana daha sonra değil ama bugün bir mesaj olarak yaz."],
    "id": ["Tolong periksa apakah tagihan yang datang kemarin sudah dibayar atau belum oleh bagian keuangan ini."],
    "vi": ["Xin kiểm tra xem hóa đơn đến hôm qua đã được thanh toán hay chưa và gửi cho tôi một bản."],
    "ja": [
        "昨日届いた請求書の支払いが済んでいるかどうか、確認してもらえますか。",
        "カタカナノミノデンポウモニホンゴデアル、トイウレイ。",
    ],
    "zh": ["请确认昨天收到的发票是否已经付款，如果没有付款，请尽快联系财务部门处理，并把处理结果告诉我。"],
    "ko": ["어제 도착한 청구서가 이미 지불되었는지 확인해 주세요."],
    "ru": ["Проверьте, пожалуйста, оплачен ли счёт, который пришёл вчера."],
    "uk": ["Перевірте, будь ласка, чи оплачений рахунок, який надійшов учора, і повідомте її."],
    "el": ["Ελέγξτε αν το τιμολόγιο που ήρθε χθες έχει πληρωθεί."],
    "he": ["בדקו בבקשה אם החשבונית שהגיעה אתמול כבר שולמה."],
    "ar": ["يرجى التحقق مما إذا كانت الفاتورة التي وصلت أمس قد دفعت."],
    "fa": ["لطفاً بررسی کنید که آیا صورتحسابی که دیروز رسید پرداخت شده است یا چه."],
    "hi": ["कृपया जाँच करें कि कल आया हुआ बिल चुका दिया गया है या नहीं।"],
    "th": ["กรุณาตรวจสอบว่าใบแจ้งหนี้ที่มาถึงเมื่อวานชำระแล้วหรือยัง"],
}
EVERY = [(language, text) for language, texts in TEXTS.items() for text in texts]


def judged(text, allowed, source="user", **options):
    found = LanguageJudge({"allowed": allowed, **options}).judge([Piece(text, source)])
    return found[0].finding.kind.removeprefix("language.") if found else None


@pytest.mark.parametrize(("language", "text"), EVERY)
def test_a_language_is_told_and_passes_where_it_is_allowed(language, text):
    found, letters = shares(text)
    assert max(found, key=found.get) == language
    assert letters >= 20
    assert judged(text, [language]) is None
    assert judged(text, [language], refuse_unknown=True) is None


@pytest.mark.parametrize(("language", "text"), EVERY)
def test_it_is_named_where_it_is_not_allowed(language, text):
    allowed = "ja" if language in {"en", "ko"} else "en"
    if language != allowed:
        assert judged(text, [allowed]) == language


def test_every_known_language_has_an_example():
    assert set(TEXTS) == set(KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "import sys; print(sys.version_info[:2], file=sys.stderr)",
        "SELECT id, name FROM users WHERE id = 7;",
        "ACME GmbH, Hauptstrasse 7, 10115 Berlin",
        "1234567890 1234567890 --- +++ !!!",
        "https://example.com/a/b/c?d=e",
        "😀" * 50,
    ],
)
def test_what_is_in_no_language_passes_unless_the_operator_says_otherwise(text):
    assert judged(text, ["ja"]) is None


def test_unknown_words_can_be_refused():
    assert judged("Lorem ipsum dolor sit amet consectetur", ["en"], refuse_unknown=True) == UNKNOWN
    assert judged("1234567890 " * 9, ["en"], refuse_unknown=True) is None


def test_short_texts_pass():
    assert judged("Да, конечно", ["en"]) is None
    assert judged("Да, конечно", ["en"], min_letters=5) == "ru"
    assert judged("", ["en"]) is None


def test_a_few_ideographs_may_be_japanese():
    assert judged("四半期報告書要約件名", ["ja"]) is None
    assert judged("四半期報告書要約件名", ["en"]) == "zh"
    assert judged("四半期報告書要約件名" * 3, ["ja"]) is None
    assert judged("四半期報告書要約件名" * 3, ["ja", "zh"]) is None
    assert judged("四半期報告書要約件名" * 3, ["en", "zh"]) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("会員番号,氏名,郵便番号,住所,電話番号\n123456,渡辺太郎,100-0001,東京都渋谷区,090-1234-5678", "ja"),
        ("請求書 合計金額 12,000円 振込先 横浜銀行 本店営業部 普通預金", "ja"),
        ("会员编号,姓名,邮政编码,住址,电话号码\n123456,王小明,100-0001,北京市东城区", "zh"),
        ("會員編號,姓名,郵遞區號,地址,電話號碼\n123456,王小明,臺北市信義區,經理", "zh"),
    ],
)
def test_lists_without_kana_are_told_by_ideographs_of_one_country(text, language):
    other = {"ja": "zh", "zh": "ja"}[language]
    assert judged(text, [language]) is None
    assert judged(f"{text}\n{text}", [other]) == language


def test_the_share_of_a_mixed_text_decides():
    text = TEXTS["en"][0] + " " + TEXTS["ru"][0]
    assert judged(text, ["en"]) is None
    assert judged(text, ["en"], share=0.3) == "ru"
    assert judged(text, ["en", "ru"], share=0.05) is None


def test_terms_from_elsewhere_do_not_make_a_text_foreign():
    assert judged("このAPIはHTTP/2のstream機能を使い、JSONをWebSocketで送ります。", ["ja"]) is None
    assert judged("The word 東京 means the eastern capital, and 京都 is the capital city.", ["en"]) is None


def test_the_score_is_the_share():
    found = LanguageJudge({"allowed": ["en"]}).judge([Piece(TEXTS["ko"][0], "user")])
    assert found[0].finding == (0, len(TEXTS["ko"][0]), "language.ko", 1.0)


def test_only_texts_of_the_sources_are_judged():
    assert judged(TEXTS["ru"][0], ["en"], source="tool") is None
    assert judged(TEXTS["ru"][0], ["en"], source="tool", sources=["tool"]) == "ru"


def test_a_language_that_is_allowed_is_preferred_to_one_that_is_hardly_more_probable():
    text = "para que o que e como de no se a por"
    assert latin(text, ["pt"]) == "pt"
    assert latin(text, ["es"]) == "es"


def test_words_too_few_to_tell_are_in_no_language():
    assert latin("the of") == UNKNOWN
    assert latin("the of and " + "zzz " * 40) == UNKNOWN
    assert latin("") == UNKNOWN


def test_a_long_text_is_looked_at_all_over():
    text = "a" * 50_000 + "b" * 50_000
    assert sampled("short") == "short"
    assert len(sampled(text)) < 9_000
    assert sampled(text).count("b") > 3_000
    assert judged((TEXTS["ru"][0] + " ") * 5_000, ["en"]) == "ru"
    assert judged("x " * 30_000 + (TEXTS["ru"][0] + " ") * 2_000, ["en"]) == "ru"


def test_each_list_holds_words_that_no_other_one_holds():
    for language in LANGUAGES:
        assert sum(1 for languages in BY_WORD.values() if languages == (language,)) >= 10, language


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "allowed"),
        ({"allowed": []}, "allowed"),
        ({"allowed": ["english"]}, "allowed"),
        ({"allowed": ["en"], "share": 0}, "share"),
        ({"allowed": ["en"], "min_letters": 0}, "min_letters"),
        ({"allowed": ["en"], "refuse_unknown": "no"}, "refuse_unknown"),
        ({"allowed": ["en"], "sources": ["nobody"]}, "sources"),
        ({"languages": ["en"]}, "languages"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option):
    with pytest.raises(OptionError) as raised:
        LanguageJudge(options)
    assert raised.value.option == option
