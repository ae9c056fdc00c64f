"""What is Japanese: numbers by label and check digit, postal codes, addresses, names."""

import pytest
from tests.unit.guardrails.pii_texts import found, only

from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import View

MY_NUMBER = "123456789018"


@pytest.mark.parametrize("text", ["マイナンバーは{}です", "個人番号：{}", '"my_number":"{}"', "個人番号（{}）"])
@pytest.mark.parametrize("number", [MY_NUMBER, "1234 5678 9018", "1234-5678-9018", "１２３４５６７８９０１８"])
def test_a_personal_number_after_its_label(text, number):
    assert only(text.format(number)) == ("jp_my_number", number)


@pytest.mark.parametrize(
    "text",
    [
        "見かけた方は{}まで",
        "コードが{}に届きません",
        "店舗（{}）",
        "連絡は{}へ",
        "お問い合わせ先：解約受付センター　{}",
        "林様\n{}",
    ],
)
@pytest.mark.parametrize("number", ["0312345678", "０６６２７１２１９９"])
def test_ten_digits_are_a_telephone_number_in_japanese(text, number):
    assert ("phone", number) in found(text.format(number))


def test_a_telephone_number_is_no_house_s():
    assert found("連絡先：西村加奈　03-4106-4923") == [("person", "西村加奈"), ("phone", "03-4106-4923")]
    assert found("管理人の山本（0351954185）") == [("person", "山本"), ("phone", "0351954185")]


@pytest.mark.parametrize("text", ["検収番号{}", "管理コードは{}です", "お荷物{}", "社員番号：{}", "No.{}の資料"])
def test_but_not_where_they_are_called_a_number(text):
    assert found(text.format("0312345678")) == []


@pytest.mark.parametrize("code", ["500 8033", "500 - 8033", "５００　８０３３"])
def test_a_postal_code_may_be_written_with_blanks_behind_its_sign(code):
    assert found(f"〒{code}に変わりました") == [("jp_postal_code", code)]
    assert found(f"全部で{code}個") == []


@pytest.mark.parametrize(
    "text", ["渋谷区在住2-3人", "大阪市本店3-4-5", "千代田区自宅1-2-3", "住所市1-2", "東京都住所1-2"]
)
def test_a_label_between_a_city_and_a_number_makes_no_address_and_no_error(text):
    assert "jp_address" not in [kind for kind, _ in found(text)]
    assert found(text + "、住所：東京都千代田区丸の内1-2-3")[-1] == ("jp_address", "東京都千代田区丸の内1-2-3")


def test_a_personal_number_in_groups_needs_japanese_around_it_and_its_check_digit():
    assert only("番号は1234-5678-9018です") == ("jp_my_number", "1234-5678-9018")
    assert found("see 1234-5678-9018") == []
    assert found("番号は1234-5678-9019です") == []
    assert found("追跡番号 1234-5678-9018") == []
    assert found("マイナンバー123456789019") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("法人番号：7000012050002", ("jp_corporate_number", "7000012050002")),
        ("法人番号 7-0000-1205-0002", ("jp_corporate_number", "7-0000-1205-0002")),
        ("法人番号＝7 000012050002", ("jp_corporate_number", "7 000012050002")),
        ('"houjin_bangou": "7000012050002"', ("jp_corporate_number", "7000012050002")),
        ("取引先の一覧\n青空商事,7000012050002", ("jp_corporate_number", "7000012050002")),
        ("登録番号T7000012050002", ("jp_corporate_number", "T7000012050002")),
        ("免許証番号は301234567890です", ("jp_driving_licence", "301234567890")),
        ("運転免許証 第３０１２３４５６７８９０号", ("jp_driving_licence", "３０１２３４５６７８９０")),
        ("口座番号：1234567", ("jp_bank_account", "1234567")),
        ("渋谷支店 普通 1234567", ("jp_bank_account", "1234567")),
        ("パスポート番号TK1234567", ("jp_passport", "TK1234567")),
        ("旅券番号はMZ7654321", ("jp_passport", "MZ7654321")),
        ("Japanese passport TK1234567", ("jp_passport", "TK1234567")),
        ("郵便番号は1000001", ("jp_postal_code", "1000001")),
        ("〒100-0001", ("jp_postal_code", "100-0001")),
        ("〒１００－０００１", ("jp_postal_code", "１００－０００１")),
        ("100-0001 東京都", ("jp_postal_code", "100-0001")),
    ],
)
def test_plain_digits_are_what_the_label_says(text, expected):
    assert only(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "普通は1234567円です",
        "参加者1234567人",
        "商品コード4901234567894",
        "会員301234567890",
        "123-4567",
        "100-0001、大きい",
        "口座を1234567件開設",
        "法人番号：7000012050003",
        "会社法人等番号：000012050002",
        "取引先の商品コード 7000012050002",
        "TK1234567",
    ],
)
def test_without_it_they_are_nothing(text):
    assert found(text) == []


ADDRESSES = [
    "東京都千代田区丸の内1-9-2",
    "東京都千代田区丸の内１丁目９番２号",
    "大阪府大阪市北区梅田三丁目一番三号",
    "京都市中京区烏丸通御池上る二条殿町552",
    "福岡市博多区博多駅前2の1の1",
    "神奈川県横浜市青葉区美しが丘22番地34",
    "北海道札幌市中央区北1条西2丁目3-4",
    "京都府京都市中京区寺町通御池上る上本能寺前町488番地",
    "茨城県つくば市吾妻2-2-34",
    "さいたま市大宮区桜木町2-3",
    "那覇市おもろまち2番地35",
    "東京都千代田区丸の内1-9-2 グランドハイツ501号室",
    "長野県北佐久郡軽井沢町軽井沢1178-12",
    "港区日吉本町六丁目一番二十三号-318",
    "港区赤坂1-2-3 Park Tower 38F",
    "愛知県瀬戸市高根町7-33-17　ハイツ東山#306",
    "夕張郡長沼町2801番地 コーポソレイユ－703",
    "北海道旭川市2条通6丁目106番地1",
    "横浜市西区高島1-2-3 丸の内ビルディング 29階",
    "千葉県長生郡長柄町小入33丁目24番19号",
    "鹿児島県狛江市長畑10-1-3",
    "北海道三宅村長畑18-10-19",
    "京都市上京区今出川通烏丸東入玄武町206",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("around", ["{}", "住所は{}です。", "「{}」", "本社：{}、電話"])
def test_an_address_up_to_its_last_number(address, around):
    assert only(around.format(address)) == ("jp_address", address)


@pytest.mark.parametrize(
    "text",
    [
        "東京都で一番高い",
        "東京都と大阪府で30人",
        "横浜市内の3-4-5組",
        "京都市で2番目に大きい",
        "中央区1番人気の店",
        "大阪市から3-5日で届く",
        "市場の1-2割",
        "北区の人口は約35万人",
        "東京都渋谷区では2026年",
    ],
)
def test_a_place_with_a_count_is_no_address(text):
    assert found(text) == []


def test_an_address_does_not_take_a_telephone_number_with_it():
    kinds = [kind for kind, _ in found("東京都千代田区丸の内1-9-2 テスト株式会社 03-1234-5678")]
    assert kinds == ["jp_address", "phone"]


@pytest.mark.parametrize("bar", ["ー", "ｰ", "－", "‐", "−"])  # noqa: RUF001 - the marks that keyboards write for a hyphen
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("電話は{}です", "090-1234-5678", "phone"),
        ("TEL:{}", "03-1234-5678", "phone"),
        ("〒{}", "100-0001", "jp_postal_code"),
        ("カードは{}", "4111-1111-1111-1111", "payment_card"),
        ("マイナンバー {}", "1234-5678-9018", "jp_my_number"),
    ],
)
def test_whatever_mark_stands_for_the_hyphen(text, value, kind, bar, wide):
    written = "".join(chr(ord(each) + 0xFEE0) if wide and each.isdigit() else each for each in value).replace("-", bar)
    assert found(text.format(written)) == [(kind, written)]


@pytest.mark.parametrize("text", ["サーバー1とデーター2", "ー1234567890ー", "第3ー5章", "タイヤー１２ー３"])
def test_a_long_mark_is_a_hyphen_between_digits_only(text):
    assert found(text) == []


@pytest.mark.parametrize("end", ["090ー", "090ー1234ー", "０９０ｰ"])
def test_a_number_may_go_on_behind_a_long_mark(end):
    assert PiiGuardrail({}).settled(View(f"電話は{end}")) == 3
    assert PiiGuardrail({"kinds": ["phone"]}).settled(View("サーバー")) == 4


@pytest.mark.parametrize(
    "text", ["第301234567890号（運転免許証）", "第3012-3456-7890号", "第３０１２３４５６７８９０号"]
)
def test_a_licence_is_written_as_a_number_of_its_own(text):
    assert only(text)[0] == "jp_driving_licence"


@pytest.mark.parametrize("text", ["第301234567890回", "301234567890号", "第30123456789号", "令和6年第12号"])
def test_other_numbers_are_not(text):
    assert found(text) == []


@pytest.mark.parametrize("between", ["", " ", "　", "\n", '", "'])
@pytest.mark.parametrize("city", ["渋谷区", "東大阪市", "三浦郡", "神奈川県横浜市"])
def test_a_postal_code_stands_before_a_city(between, city):
    assert ("jp_postal_code", "150-0001") in found(f"150-0001{between}{city}では")


@pytest.mark.parametrize("text", ["555-1234の市区町村", "150-0001     渋谷区", "150-0001 という長い名前の市"])
def test_or_is_none(text):
    assert found(text) == []


@pytest.mark.parametrize("text", ["住所：三鷹市御幸町208です", '"address": "新宿区東町666"', "転居先　藤沢市本町12に"])
def test_a_label_tells_of_an_address_with_a_single_number(text):
    assert only(text)[0] == "jp_address"


@pytest.mark.parametrize(
    "text", ["三鷹市御幸町208です", "住所：三鷹市の人口104人", "神戸市灘区 2024年", "東京都港区芝5つの"]
)
def test_or_a_count_it_is(text):
    assert found(text) == []


def test_an_account_may_stand_on_a_line_of_its_own():
    assert only("種別: 普通預金\n番号: 0959234")[0] == "jp_bank_account"


def test_a_number_in_brackets_of_its_own_is_nobodys():
    assert found("普通の。【受付番号】35441446") == []


@pytest.mark.parametrize("text", ["これは1234 5678 9018、2件", "3。1234 5678 9018です", "氏名1234-5678-9018"])
def test_what_stands_beside_its_groups_is_no_part_of_a_personal_number(text):
    assert only(text)[0] == "jp_my_number"


@pytest.mark.parametrize("text", ["これは1234 5678 9018 2222です", "これは2222-1234-5678-9018です"])
def test_a_number_of_more_groups_is_no_personal_one(text):
    assert "jp_my_number" not in [kind for kind, _ in found(text)]


@pytest.mark.parametrize("text", ["75-0896-7109に電話してください", "緊急の場合は96-3151-3818まで"])
def test_a_telephone_number_may_lack_its_zero(text):
    assert only(text)[0] == "phone"


@pytest.mark.parametrize("text", ["伝票は12-3456-7890です", "part 12-3456-7890 of it", "大阪市長選2-1", "横浜市長3-2"])
def test_but_not_that_of_a_parcel_or_a_vote(text):
    assert found(text) == []
