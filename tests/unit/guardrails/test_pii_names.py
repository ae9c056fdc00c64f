"""Names of persons in Japanese: found by what is around them, left alone in the flow of a sentence."""

import random

import pytest
from tests.unit.guardrails.pii_texts import found, only, people

from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.ports.guardrail import OptionError
from llmgateway.wire.view import SEPARATOR, View

NAMED = [
    ("氏名：山田太郎、", "山田太郎"),
    ("氏名：山田　太郎", "山田　太郎"),
    ("氏名　田中　太郎", "田中　太郎"),
    ("お名前（漢字）：高橋春香", "高橋春香"),
    ("担当者：佐藤です", "佐藤"),
    ("担当者：高橋さん", "高橋"),
    ("ご契約者様：小林 英樹様", "小林 英樹"),
    ("申込者：鈴木さゆり（本人）", "鈴木さゆり"),
    ("本日、佐藤さんが", "佐藤"),
    ("、田中様へ", "田中"),
    ("件名：渡辺様 お見積りの件", "渡辺"),
    ("林さんに確認してください", "林"),
    ("本日、渡辺部長が", "渡辺"),
    ("、加藤先生に", "加藤"),
    ("千葉さんは出張です", "千葉"),
    ("中川くん（8歳）が入院しました", "中川"),
    ("私の名前は田中　聡太郎です。", "田中　聡太郎"),
    ("私の名前は小林くみ子です。", "小林くみ子"),
    ("私は山田太郎と申します", "山田太郎"),
    ("営業の伊藤と申します", "伊藤"),
    ("わたくし吉田と申します。", "吉田"),
    ("お世話になっております。斉藤です。", "斉藤"),
    ("株式会社サンプルの小川です。", "小川"),
    ("担当の佐藤が伺います。", "佐藤"),
    ("総務部長の清水が承認しました。", "清水"),
    ("代表取締役社長　三浦裕太", "三浦裕太"),
    ("営業部長山田太郎が", "山田太郎"),
    ("夫の藤井幹も同席します。", "藤井幹"),
    ("次の顧客の要約：後藤千代、58歳、横浜市在住。", "後藤千代"),
    ("前田直樹という名前で", "前田直樹"),
    ("木村桃子の予約を", "木村桃子"),
    ("「坂本健一」", "坂本健一"),
    ("社内,山下稔,42", "山下稔"),
    ("| 藤原裕美子 | 総務部 |", "藤原裕美子"),
    ("1. 村上翔太\n", "村上翔太"),
    ("以上です。\n営業部 松本 直子\n", "松本 直子"),
    ("よろしくお願いいたします。\n\n小林", "小林"),
    ("[10:18] 後藤：ありがとうございます", "後藤"),
    ('{"name": "山口　舞"}', "山口　舞"),
    ('{"氏名":"橋本英樹","電話":""}', "橋本英樹"),
    ("<td>氏名</td><td>阿部直人</td>", "阿部直人"),
    ("From: 清水加奈 <k@example.com>", "清水加奈"),
    ("フリガナ：ヤマダ タロウ", "ヤマダ タロウ"),
    ("フリガナ：ﾔﾏﾀﾞ ﾀﾛｳ", "ﾔﾏﾀﾞ ﾀﾛｳ"),
    ("氏名（カナ）タカハシ ユミコ", "タカハシ ユミコ"),
    ("普通 1234567 ナカムラ モモコ", "ナカムラ モモコ"),
    ("次に山本副理事長より", "山本"),
    ("本日は中村洋介様宅を訪問", "中村洋介"),
    ("（長女携帯）。記録：福田", "福田"),
    ("山本  9:32\nおはよう", "山本"),
    ("経過は次のとおり。\n・後藤が調査し、", "後藤"),
    ("次は佐藤（総務）が、", "佐藤"),
    ("次は佐藤（第二営業部）が、", "佐藤"),
    ("鈴木CTOに確認", "鈴木"),
    ("合計3,120円　経理：吉田", "吉田"),
    ("引率 石井教諭 電話", "石井"),
    ("番号 12\n契約者　諸星　勇気（契約中）", "諸星　勇気"),
    ("氏名：佐々木勇気、電話", "佐々木勇気"),
    ("山本監事より", "山本"),
    ("緊急連絡は（山本携帯）まで", "山本"),
    ("10:05 伊藤がアカウントを解除", "伊藤"),
    ("代理人　弁護士　渡辺　聡太郎\n", "渡辺　聡太郎"),
    ("氏名：綾小路麗子", "綾小路麗子"),
    ("綾小路 麗子様より", "綾小路 麗子"),
    ("鯉淵さんからの連絡", "鯉淵"),
    ("ジョン・スミス様", "ジョン・スミス"),
    ("鯉淵と申します", "鯉淵"),
    ("娘の桃子さんは", "桃子"),
    ("翔太くんは", "翔太"),
    ("花子さんが", "花子"),
    ("ヤマダ　タロウ 様", "ヤマダ　タロウ"),
    ("スズキさんから", "スズキ"),
    ("【担当】田中", "田中"),
    ("@高橋 確認お願いします", "高橋"),
    ("弊社田中よりご連絡いたします", "田中"),
    ("この件、高橋が承ります。", "高橋"),
    ("加藤までご連絡ください", "加藤"),
    ("田中「了解です」", "田中"),
    ("患者ID 12345 鈴木一郎 65歳 男性", "鈴木一郎"),
    ("私の母、鈴木花子が", "鈴木花子"),
    ("昨日佐藤先輩と", "佐藤"),
    ("友達の鈴木愛と旅行に", "鈴木愛"),
    ("無職、高橋健一容疑者", "高橋健一"),
    ("売主　伊藤茂　買主", "伊藤茂"),
    ("喪主　佐藤香織", "佐藤香織"),
    ("借主：高橋隆", "高橋隆"),
    ("遺言者加藤次郎は", "加藤次郎"),
    ("優秀賞　遠藤浩（第三中学校）", "遠藤浩"),
    ("名義変更→鈴木一郎", "鈴木一郎"),
    ("[10:12] 佐藤太郎: 了解", "佐藤太郎"),
    ("佐藤 10:05\n資料です", "佐藤"),
    ("10:32 佐藤「今から」", "佐藤"),
    ("「え」佐藤「うん」", "佐藤"),
    ("鈴木愛・42歳・男性", "鈴木愛"),
    ("鈴木愛　携帯090", "鈴木愛"),
    ("// TODO(佐藤): あとで", "佐藤"),
    ("佐藤邸リフォーム工事", "佐藤"),
    ("佐藤コーチに教わる", "佐藤"),
    ("故佐藤一郎儀", "佐藤一郎"),
    ("佐藤一郎という男性が", "佐藤一郎"),
    ("林淳様", "林淳"),
    ("氏名：林淳", "林淳"),
    ("髙島さんへ", "髙島"),
    ("柴﨑さんへ", "柴﨑"),
    ("小鳥遊さんの", "小鳥遊"),
    ("比嘉さんの", "比嘉"),
    ("春蔵智也さんは", "春蔵智也"),
    ("保護者：貝蔵裕太", "貝蔵裕太"),
    ("春蔵拓海容疑者は", "春蔵拓海"),
    ("娘の美咲は小学生です", "美咲"),
    ("ふりがな　やまだ たろう", "やまだ たろう"),
    ("フリガナ：ヤマダタロウ", "ヤマダタロウ"),
    ("口座名義　ヤマダタロウ", "ヤマダタロウ"),
    ('"firstName":"明美"', "明美"),
    ("メイ：ハナコ", "ハナコ"),
    ("氏名山田太郎", "山田太郎"),
    ("弁護人近藤桃花", "近藤桃花"),
    ("春山浩さんに鍵を借りる", "春山浩"),
    ('"assignee":"佐藤"', "佐藤"),
    ("井上みなみさん", "井上みなみ"),
    ("結局山口太一さんが間に入り", "山口太一"),
    ("光くんは元気です", "光"),
    ("彼の弟、直樹さんが面会に", "直樹"),
    ("確認後、田中花子より受領の連絡", "田中花子"),
    ("参加者 ②佐藤真綾 ③", "佐藤真綾"),
    ("近藤委員から意見が出た", "近藤"),
    ("園では榊原保育士に", "榊原"),
    ("1. 髙橋が人事部に確認する", "髙橋"),
    ("問い合わせは渡辺（0120-444-444）へ", "渡辺"),
    ("橋本の携帯に", "橋本"),
    ("受けた人：小野寺", "小野寺"),
    ("お願いいたします。\n\n池田\n", "池田"),
    ("何ですか。\n田中　去年のものです", "田中"),
    ("当座 名義：アンドウリュウノスケ\n", "アンドウリュウノスケ"),
    ("名義 YAMADA TARO\n", "YAMADA TARO"),
    ("宿泊者名：Shota Fujii、", "Shota Fujii"),
    ("名義はYAMADA TAROです", "YAMADA TARO"),
    ("預金は、二男涼佑に相続させる", "涼佑"),
    ("姉の千尋が結婚した", "千尋"),
    ("村上ご夫妻", "村上"),
    ("担当→後藤\n", "後藤"),
    ("高橋直樹の母です。", "高橋直樹"),
    ("振込人名：サトウハナコ\n", "サトウハナコ"),
    ("五十嵐　大輝拝", "五十嵐　大輝"),
    ("普通 名義人 ムラカミ　レイ）に", "ムラカミ　レイ"),
    ('"kana": "マツモト ユイナ",', "マツモト ユイナ"),
    ('"operator": "金城"', "金城"),
    ("決定事項\n・橋本：来週まで延期", "橋本"),
    ("被告中島は", "中島"),
    ("私、小笠原結菜は、", "小笠原結菜"),
    ("議事録は悠真さんに", "悠真"),
    ("ヘルパー：小野寺", "小野寺"),
    ("ご同行者：SAITO SATOMI\n", "SAITO SATOMI"),
    ("遠藤より改めてご連絡いたします", "遠藤"),
    ("お客様：高橋ともひこ 様", "高橋ともひこ"),
    ("申請者　金谷タカヤ\n", "金谷タカヤ"),
    ("目撃者：松浦里抄さん（近隣）", "松浦里抄"),
    ("（前田 納生子）", "前田 納生子"),
    ("祖母の平澤阿沙陽さんが", "平澤阿沙陽"),
    ("当事者A：大垣紫都佳　免許", "大垣紫都佳"),
    ("担当：赤塚川（総務）\n担当：戸森　受付", "戸森"),
    ("朴さんに共有した", "朴"),
    ("担任の辻までご連絡ください", "辻"),
    ("サンライズ物流の乾です。", "乾"),
    ("技術員：黒田\n", "黒田"),
    ("松川Dr.に報告", "松川"),
    ("大滝新部長の着任", "大滝"),
    ("場所の詳細は渋谷に聞いてね", "渋谷"),
    ("弊社の成田が受領した", "成田"),
    ("鍵は塚原が保管。", "塚原"),
    ("\n松本：はい、去年からです", "松本"),
    ("承認 by 沖田 (00838)", "沖田"),
    ("<staff>秦</staff>", "秦"),
    ("原告山口は、", "山口"),
    ("部長に松尾久美子を任命", "松尾久美子"),
    ("・織田玲香は営業部へ異動", "織田玲香"),
    ("さて、私こと鹿野直美は、", "鹿野直美"),
    ("私は小柳悠佳といい、", "小柳悠佳"),
    ("事務局 広瀬 (092)311-6626", "広瀬"),
    ("氏 名  星 野   偉 伸\n", "星 野   偉 伸"),
    ("14:21\t直樹\t明日行けます", "直樹"),
    ("\n10:32 美咲 もう着いた", "美咲"),
    ("1. なりやすちゃん（6年）", "なりやす"),
    ("長男　和彦（平成27年生）", "和彦"),
    ("妻は裕子といいます", "裕子"),
    ("幹事：佐紀子・", "佐紀子"),
    ("スミス様はベジタリアン", "スミス"),
    ("表札は「百目鬼」", "百目鬼"),
    ("同級生だった村尾舞歌です", "村尾舞歌"),
    ('furigana: "ヨコヤマトシヒデ"', "ヨコヤマトシヒデ"),
    ("普通\t8451663\tﾊｷﾞﾜﾗ ｺﾅﾂ\t88884", "ﾊｷﾞﾜﾗ ｺﾅﾂ"),
    ("同行：鈴木（学生）", "鈴木"),
    ("改善提案賞　今西心春\n", "今西心春"),
    ("担当　秋田（090-1234-5678）", "秋田"),
    ("1号車寺内さん", "寺内"),
    ("鷹森主任が確認", "鷹森"),
    ('"nameKana": "わだ しげふみ"', "わだ しげふみ"),
    ("読み=ナガセサヤカ\n", "ナガセサヤカ"),
    ("ふりがな</th><td>にしざき たかやす</td>", "にしざき たかやす"),
]


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_names_where_what_is_around_them_says_so(text, name):
    assert people(text) == [name]


def test_names_in_japanese_are_looked_for_if_nobody_says_anything():
    assert only("担当は佐藤花子です。") == ("person", "佐藤花子")
    assert found("担当は佐藤花子です。", "email") == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("参加者：佐藤、鈴木 太一、高橋さん", ["佐藤", "鈴木 太一", "高橋"]),
        ("出席者は山田、橋本、加藤の三名", ["山田", "橋本", "加藤"]),
        ("小川さん、岡田さんが参加します", ["小川", "岡田"]),
        ("高橋桃子（たかはしももこ）", ["高橋桃子", "たかはしももこ"]),
        ("山田太郎（ヤマダ　タロウ）様", ["山田太郎", "ヤマダ　タロウ"]),
        ("1組　佐藤太郎　鈴木一郎", ["佐藤太郎", "鈴木一郎"]),
        ("A班：佐藤・加藤", ["佐藤", "加藤"]),
        ("姓：佐藤　名：花子", ["佐藤", "花子"]),
        ("セイ：ヤマダ　メイ：ハナコ", ["ヤマダ", "ハナコ"]),
        ("監督：佐藤遥　脚本：鈴木愛", ["佐藤遥", "鈴木愛"]),
        ("担任：鈴木　副担任：高橋", ["鈴木", "高橋"]),
        ("契約者：佐藤一郎　被保険者：佐藤花子", ["佐藤一郎", "佐藤花子"]),
        ("出席者：東海林みどり、森義男、石川蓮", ["東海林みどり", "森義男", "石川蓮"]),
        ("山口 莉子\tヤマグチ リコ\t03", ["山口 莉子", "ヤマグチ リコ"]),
        ('"佐藤一郎","イガラシハジメ",', ["佐藤一郎", "イガラシハジメ"]),
        ("佐藤一郎,プロジェクト マネージャ,", ["佐藤一郎"]),
        ("①佐藤直子（リーダー）②林　花子", ["佐藤直子", "林　花子"]),
        ("野口麗良 様（ノグチ ウララ）", ["野口麗良", "ノグチ ウララ"]),
        ("依頼人：今西紗英（YAYOI IMANISHI）\n", ["今西紗英", "YAYOI IMANISHI"]),
        ("花田香 / Shigehisa HANADA\n", ["花田香", "Shigehisa HANADA"]),
        ("reviewers: [齋藤, 井上, 堤]", ["齋藤", "井上", "堤"]),
        ("参加：堀之内、植松（M2）、涌井（B4）", ["堀之内", "植松", "涌井"]),
        ("担任　喜屋武・宮城\n", ["喜屋武", "宮城"]),
        ("江原先生の。\n工藤　江原先生が", ["江原", "工藤", "江原"]),
    ],
)
def test_several_names(text, names):
    assert people(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "お客様へ", "皆様", "同様に", "花模様の", "標準仕様", "会員様", "お母さん", "看護師さん", "魚屋さん", "取引先様", "旦那様", "源氏物語", "神殿",
        "名前は未登録です", "氏名は全角で入力", "氏名：全角20文字以内", "名前を変更する", "担当：未定", "担当部署：総務部", "申請者：本人", "申請者：法定代理人",
        "差出人：カスタマーサポート", "患者：男性、60歳", "参加者：社員、家族、友人", "小学校の先生", "営業部長の役割", "社長のあいさつ",
        "中村町3丁目", "川崎市は", "山口県の人口", "福島第一原発", "千葉大学", "上野公園", "東京都中央区", "弊社の川崎工場", "出身は山口です",
        "本田技研工業", "山田電機の株価", "鈴木商店", "小林製薬", "高橋農園のりんご", "前田道路", "伊藤忠商事", "松本城", "三浦半島", "武田信玄の城",
        "私は学生です。", "弊社の製品です。", "そうです。", "可能です。", '{"name": "東京支店"}', '"name": "検索"', "name: 本番環境", "<name>大阪城</name>",
        "フリガナ：カタカナ", "フリガナを入力してください。", "カテゴリ：キッチン", "よろしくお願いいたします。\n総務部", "1. 東京\n2. 大阪", "山本 料理",
        "東京都", "西東京市", "\t桃太郎\n", "|東海|", "北海道,東京都,京都府", "妹島和世", "カスタマー サポート様", "メーカーさん", "弊社青木工場", "高橋が優勝した", "カードの名義が異なります。", "株式会社青空と申します", "新宿店長候補", "\ud800佐",
        "長崎ちゃんぽん、佐賀牛", "大西洋ですが", "関東平野ですが", "『西郷隆盛像』", "宮殿は何宮殿でしょう", "ダウンタウン・松本人志の", '"city":"秦野市",', "大阪府,富田林市,とんだ", "長岡京市", "日本最北の島 花の島", "魅力あふれるまち海津 心の町",
        "田中貴金属の", "娘の友達と遊ぶ", "妻の実家に", "息子の成績が", "フリガナ：カタカナで", "フリガナ：なし", "名：必須", "読み仮名はひらがなで", "鈴木邸園",
        "田中税理士事務所の", "【推薦者】\n高橋税理士事務所", "弊社顧問の田中弁護士法人", "松井委員会", "名義 ACME COMPANY", "氏名：TEST USER", "赤ちゃん", "父の知恵を借りる", "母の実子です", "高橋直樹の母校", "次男誕生", "長女出産のため", "山本拝殿", "次男さんは", "・清水：きれいな水", "明治さんの", '"kana": "カテゴリ"',
        "福岡です。\n山口 ふぐ", "1. 清水が湧く", "問い合わせは山口（083-222-2222）へ", "口座 1234567 サービスカウンター",
        "運転手さん", "女子大生さん", "案内人さん", "消防士様", "保護者：母", "停車駅：目白、三ノ輪、大塚台", "| 大久保 | 86304 |", "祭りでは杉田が会場となる。", "工事区間は石原→赤田（延長199m）", "王様に話しかける", "明治さんの", "みなさんが使う",
        "三浦が有名です", "10:00 朝礼 全員", "届け先：広島", "大和信用金庫", "渋谷がいい", "読み：かな", "よみ：ひらがな入力", "山田 がチケットを", "三原市内の", "メーカー様",
        "佐藤 100円", "町田 12個", "々々々", "様", "さん",
    ],
)  # fmt: skip
def test_words_that_are_nobodys_name(text):
    assert people(text) == []


def test_nobody_is_named_in_the_flow_of_a_sentence():
    """Whom everybody talks about is no personal datum, and whoever asks about them needs the name."""
    assert people("松田優作が主演の映画と、山田洋次の作品を比べてください") == []


def test_a_text_beside_it_says_nothing_about_a_name():
    assert people(f"担当：{SEPARATOR}山口を") == []
    assert people(f"山田太郎{SEPARATOR}様、") == ["山田太郎"]  # it stands for itself
    assert people(f"山口{SEPARATOR}様") == []


@pytest.mark.parametrize(
    "text",
    [
        "<full_name>Michael Crosby</full_name>",
        "My name is Michael Crosby and",
        "Full name:      Michael Crosby",
        "Best regards,\nMichael Crosby",
        "Signed, Michael Crosby, director",
        "was signed by Mr. Michael Crosby on",
        "Contact person: Michael Crosby",
        "Professor Michael Crosby",
        "Dear Michael Crosby,",
        "From: Michael Crosby <crosby at work>",
        "see you then\n\nThanks,\nMichael Crosby",
        "see you then\nWith kind regards\n\nMichael Crosby\n",
        "**Site manager:** Michael Crosby",
        "Emergency contact .... : Michael Crosby",
        "Reported-by: Michael Crosby",
        "Passenger 2: Michael Crosby",
    ],
)
def test_names_in_english_are_found_if_one_asks(text):
    assert people(text, "en") == ["Michael Crosby"]
    assert found(text, "person") == [("person", "Michael Crosby")]
    assert people(text) == []
    assert found(text) == []


@pytest.mark.parametrize(
    "text", ["Dear Customer,", "Dear Sir", "signed by the customer", "name: Required", "Mr President", "from London"]
)
def test_who_is_saluted_without_a_name(text):
    assert people(text, "en") == []


def test_whoever_looks_for_english_names_only_finds_no_others():
    assert people("氏名：山田太郎", "en") == []
    assert people("氏名：山田太郎 Name: Ann Lee", "ja", "en") == ["山田太郎", "Ann Lee"]


@pytest.mark.parametrize("wrong", ["ja", [], ["fr"], [1], None])
def test_the_languages_of_names_are_a_list_of_known_ones(wrong):
    with pytest.raises(OptionError, match="names"):
        PiiGuardrail({"names": wrong})


def _streamed(text: str, cuts: list[int]) -> set[tuple[int, int]]:
    """What comes out where a text arrives in pieces, each look from what is settled on."""
    guardrail, done, told = PiiGuardrail({}), 0, set()
    for end in [*cuts, len(text)]:
        view = View(text[:end])
        settled = guardrail.settled(view, done) if end < len(text) else end
        assert settled >= done
        told |= {(each.start, each.end) for each in guardrail.find(view, done) if each.start < settled}
        done = settled
    return told


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_a_name_is_found_wherever_a_stream_is_cut(text, name):
    whole = {(each.start, each.end) for each in PiiGuardrail({}).find(View(text))}
    assert _streamed(text, list(range(1, len(text)))) == whole
    for cut in range(1, len(text)):
        assert _streamed(text, [cut]) == whole, (text[:cut], text[cut:])


@pytest.mark.parametrize(
    "text",
    [
        "長崎ちゃんぽんを",
        "売主　伊藤茂　買主　",
        "10:32 佐藤「今",
        "ふりがな：さとうはなこ、",
        "娘の美咲町へ",
        "佐藤邸宅の",
        "海林さん子",
        "佐藤税理士事務所の",
        "松井委員会の",
        "松本拝殿の",
        "長女美佳町の",
        "高橋直樹の母校",
        "岐阜県大垣市高屋町5-25-13　桜が台ハイツ305号室、",
        "岐阜県大垣市高屋町5-25-13パークコートが505号室、",
        "名義 ACME YAMATO",
        "花田 シゲヒサ / Shigehisa HANADA\n",
        "問い合わせ：事務局 濵田 +81-857-22-1111",
        "\n松本：はい、\n楠：はいくをよむ",
        "、みゆきちゃんと、みなさんと、かつおさんまで",
        "（松浦里抄さん）と松浦里抄展と松浦里美子",
        "長女美咲（12歳）と長男隆（平成",
        "カナ：ささき たかしまで",
        "氏 名  星 野   偉 伸 様 と",
        "10:32 美咲 もう\n10:33 美咲市",
        "妻は裕子といいます。娘は裕子と話す",
        "名義 YAMADA TARO2",
        "大西洋",
    ],
)
def test_what_more_of_a_text_takes_back_is_not_told_before(text):
    whole = {(each.start, each.end) for each in PiiGuardrail({}).find(View(text))}
    assert _streamed(text, list(range(1, len(text)))) == whole


@pytest.mark.parametrize("seed", range(40))
def test_random_texts_of_names_at_random_cuts(seed):
    dice = random.Random(seed)
    parts = [part for text, _ in NAMED for part in (text, text[: dice.randint(1, len(text))])]
    text = "".join(dice.choice(parts) + dice.choice("\n。、 ") for _ in range(5))
    text = "".join(each if dice.random() > 0.03 else dice.choice("様さんの（、：山田子12") for each in text)
    whole = {(each.start, each.end) for each in PiiGuardrail({}).find(View(text))}
    assert _streamed(text, sorted(dice.sample(range(1, len(text)), len(text) // 3))) == whole


def test_little_is_held_back_behind_a_name():
    """Until the next word tells whether it is one, and no longer."""
    guardrail = PiiGuardrail({"kinds": ["person"], "names": ["ja"]})
    assert guardrail.settled(View("佐藤")) == 0
    assert guardrail.settled(View("佐藤さんが今日")) >= len("佐藤さんが")
    assert guardrail.settled(View("今日は晴れています。")) == len("今日は晴れています。")


@pytest.mark.parametrize("way", ["{}さん、", "{}先生、", "氏名：{}、", "{}さんと", "担当の{}です。"])
def test_names_in_a_list_are_all_found(way):
    names = ["田中", "佐藤", "鈴木", "高橋"]
    assert [name for _, name in found("".join(map(way.format, names)), "person")] == names


@pytest.mark.parametrize(
    ("label", "name"), [("フリガナ：", "タカハシ"), ("名義 ", "ヤマダタロウ"), ("フリガナ", "：タカハシ")]
)
def test_a_label_of_readings_says_nothing_of_the_text_beside_its_own(label, name):
    assert people(label + name) == [name.lstrip("：")]
    assert people(label + SEPARATOR + name) == []
