"""The words around a name in Japanese: what says that it is one."""

from typing import Final

from llmgateway.guardrails.pii.wordset import WordSet

_SURE = """
氏名 姓名 お名前 御名前 ご芳名 御芳名 芳名 フルネーム 患者名 お客様名 お客さま名 顧客名 契約者名 申込者名 申請者名
担当者名 代表者名 予約名 予約者名 利用者名 会員名 受取人名 名義人名 登録者名 社員名 従業員名 生徒名 児童名 園児名
保護者名 受験者名 応募者名 参加者名 責任者名 届出人名 被保険者名 加入者名 本人名 記入者名 依頼者名 依頼主名 送り主名
発送者名 宛名 被験者名 受診者名
"""
_OF_MANY = """
名前 名義 名義人 担当 担当者 ご担当 代表者 代表 受取人 受取 宛先 宛 契約者 申込者 申請者 差出人 送信者 送り主 発送者
発信者 受信者 患者 被保険者 利用者 会員 予約者 参加者 出席者 欠席者 同席者 出席 欠席 参加 同席 登壇者 講演者 司会
書記 発表者 作成者 作成 承認者 承認 確認者 確認 報告者 記入者 署名 署名者 届出人 届出者 世帯主 保証人 連帯保証人
緊急連絡先 連絡先 主治医 担当医 執刀医 届け先 お届け先 届先 送付先 配送先 依頼主 依頼人 依頼者 顧客 お客様 お客さま
応募者 候補者 受験者 受講者 講師 教員 担任 生徒 児童 園児 学生 保護者 親権者 後見人 社員 従業員 職員 スタッフ 責任者
管理者 上司 部下 同僚 メンバー 出演 出演者 監督 著者 執筆者 編集者 翻訳者 原告 被告 被告人 被害者 加害者 容疑者 証人
相談者 通報者 訪問者 来訪者 面接官 面接者 対象者 本人 ご本人 配偶者 夫 妻 父 母 長男 次男 長女 次女 相続人 被相続人
株主 取締役 理事 監事 会計 起案者 決裁者 回答者 発注者 受注者 請求者 支払人 振込人 振込先 振込元 口座名 議長 委員長
幹事 当番 後任 前任 指名 サイン 受領者 検品者 点検者 記録者 撮影者 発言者 評価者 紹介者 推薦者 所有者 運転者 目撃者
喪主 施主 貸主 借主 売主 買主 賃貸人 賃借人 請負人 譲渡人 譲受人 遺言者 受遺者 委任者 受任者 代理人 債権者 債務者 甲
乙 丙 ゲスト 同伴者 宿泊者 旅行者 搭乗者 内定者 入居者 要介護者 キーパーソン 相手方 看護師 ケアマネ ケアマネジャー
ケアマネージャー 司会者 者 議事録 ドライバー 副担任 作曲 作詞 編曲 主将 申立人 弔電 発言 メンター 脚本 文責 窓口 班
ユーザー 控訴人 被控訴人 上告人 弁護人 管理人 ユーザ 登録者 投稿者 筆者 人物 姓 名字 苗字 家族 経理 総務 人事 法務 広報
記録 記入 起票 起票者 対応者 受電者 入力者 更新者 変更者 受けた人 検印 承認印 聞き手 話し手 語り手 インタビュアー
ヘルパー 同行者 ご同行者 付添人 添乗員 オペレーター 薬剤師 栄養士 相談員 店長 院長 校長 園長
"""
_PERSONS = """
友人 知人 息子 娘 兄 弟 姉 妹 祖父 祖母 叔父 叔母 孫 同級生 先輩 後輩 隣人 窓口 受付 営業 人事 総務 経理 広報 法務
開発 代表取締役 代表取締役社長 友達 彼氏 彼女 元夫 元妻 婚約者 隣 大家 遺族 新郎 新婦 エンジニア デザイナー
プログラマー ディレクター カウンセラー 美容師 保育士 介護士 社労士 弁理士 配達員 運転手 店主
"""
_TRADES = """
無職 農業 漁業 林業 自営業 会社員 団体職員 公務員 主婦 大学生 高校生 中学生 アルバイト 休職中 故 者
"""
_ORGANISATIONS = """
部 課 係 室 店 会社 支店 営業所 弊社 当社 御社 貴社 同社 事務所 研究所 病院 大学 株式会社 有限会社 合同会社 うち
"""
_NO_ROLES = """
作成 承認 確認 宛 宛て 連絡先 緊急連絡先 宛先 届け先 お届け先 届先 送付先 配送先 受取 姓 名前 名義 両名 本人 指名
サイン 甲 乙 丙 者 議事録 弔電 発言 作曲 作詞 編曲 文責 脚本 窓口 班
"""
_ONLY_READINGS = """
ローマ字 ローマ字氏名 ﾌﾘｶﾞﾅ フリガナ ふりがな カナ氏名 氏名カナ セイメイ 口座名義 口座名義人 名義人
読み仮名 よみがな ヨミガナ
"""
_READINGS = f"""
{_ONLY_READINGS} カナ 名義 読み ヨミ 氏名 お名前 名前 受取人 振込人 依頼人
振込依頼人 予約者 宿泊者 宿泊者名 旅行者 搭乗者 契約者
"""
_TITLES = """
先生 教授 准教授 部長 課長 係長 次長 室長 社長 会長 副社長 専務 常務 主任 主査 本部長 弁護士 税理士 司法書士 行政書士
会計士 医師 看護師 薬剤師 容疑者 被告 受刑者 夫妻 夫婦 博士 主治医 マネージャー 刑事 検事 判事 警部 警視 巡査 秘書
教諭 助教 名誉教授 副部長 副課長 部長代理 課長代理 支配人 住職 牧師 参事 主事 主幹
女史 社労士 先輩 後輩 委員長 副委員長 夫人 師長 三段 四段 五段 六段 七段 八段
保育士 介護士 弁理士 栄養士 助産師 保健師 准看護師 裁判官 裁判長 棋士 騎手 課長補佐 ご夫妻 ご夫婦 ご一家 ご一同 御一同
拝
"""
_OFFICES = """
講師 所長 店長 院長 校長 園長 支店長 理事 理事長 取締役 顧問 選手 監督 議員 知事 両名 宛 宛て 本人 名義 担当 記者
チーフ CEO CTO COO CFO CIO 直通 副理事長 副会長 監事 監査役 執行役員 副院長 副校長 教頭
副店長 副支店長 班長 組長 団長 工場長 事務長
委員 局長 事務局長 編集長 座長 助手 支援員 相談員 指導員 研究員
代表 リーダー コーチ 投手 捕手 一家 兄弟 姉妹 邸 宅 儀
"""
_OF_PERSONS = """
という名前 という社員 という人 という者 という方 という顧客 という患者 という学生 で予約 の予約 の携帯 の電話 の住所
の連絡先 の生年月日 の誕生日 のメール の口座 のカルテ の診断 の病歴 の履歴 の給与 の給料 の評価 の保険 の自宅 の実家
の家族 の契約 のアカウント のパスワード の個人情報 の担当 と面談 と面会 と打ち合わせ に電話 に連絡 から電話 から連絡
から申 携帯 を代理人 が退職 が登壇 が入社 が欠席 が入院 について調べ っていう という男性 という女性 という男 という女
という子 名義の の母です の父です の妻です の夫です の娘です の息子です の家族です の姉です の兄です の妹です の弟です
"""
_DOING = """
が承 がご が伺 が対応 が担当 が不在 が出張 が参り が退職 が入社 がお休み までご連絡 まで連絡 までお に代わ に引き継
が確認 が作成 が説明 が集計 が手配 が司会 が応対 が同席 が回答 が立ち会 が迎え の奥さん の奥様 の誕生日 の後任 の携帯
に転送 に交代 携帯) 携帯まで が務め が参加 が出席 より改めて より追って より折り返し から改めて から追って から折り返し
より受領 より連絡 より返信 より報告 から返信 から報告 から説明 からご よりご からお よりお
"""
_THINGS = """
日本 窓口 入口 出口 登山 樹木 材木 見本 台本 脚本 絵本 手本 基本 資本 植木 庭木 並木 高原 草原 海原 病原 半島 列島
諸島 離島 大根 屋根 垣根 会津 沖縄 山林 森林 植林 農林 火口 人口 河口 利口 悪口 陰口 裏口 表口 西口 東口 南口 北口
改札口 宝石 磁石 化石 岩石 江戸 神戸 井戸 瀬戸 下戸 鉱山 火山 遠山 急坂 全巻 一丸 弾丸 砲丸 電池 古城 落城 温泉 源泉
大吉 豊富 祝賀 年賀 参賀 金庫 山川 河川 谷川 小川 水田 油田 炭田 塩田 棚田 田村 農村 漁村 市町村 山村 御中 続柄
副担任 役職 部署 住所 電話 年齢 性別 所属 職業 携帯 備考 買主 貸主 車両 生年月日
国語 算数 数学 理科 社会 英語 音楽 美術 体育 図工 合計 平均 順位 評定 点数
"""
_TIMES = """
昨日 今日 本日 明日 先日 今朝 今夜 昨夜 昨年 今年 先週 今週 来週 先月 今月 来月 当時 現在 午前 午後 結局 最近
毎日 毎週 実際 先程 今回 前回 次回 今度 普段 以前 今後 昨晩 今晩 翌日 翌朝 当日 同日 後日
"""
_FIRMS = "税理士 弁護士 司法書士 行政書士 会計士 社労士 弁理士"
_SAID = "と申し と申す といいま と言いま という者 という名 と名乗 です でございます でした"
_PARTICLES = """
の は が を に と も や へ で から より まで だ な です でし でご さん さま くん ちゃん か よ ね って という 宛
あて ご夫妻 ご夫婦 ご一家 ご一同
"""
_KIN = "妻 夫 息子 娘 長男 長女 次男 次女 二男 二女 三男 三女 父 母 兄 姉 彼氏 彼女 弟 妹"
_LATIN = "name attn from to cc bcc patient customer user author contact assignee reviewer approver requester reporter"
_LATIN_STAFF = "operator agent staff doctor"
_NOT_LATIN = "filename hostname classname tablename dirname basename pathname"

SURE: Final = WordSet(f"{each}{end}" for each in _SURE.split() for end in ("", "様"))
"""Labels of nothing but names of persons: what is written like one behind them, is one."""
LABELS: Final = WordSet(
    f"{each}{end}" for each in f"{_SURE}{_OF_MANY}".split() for end in ("", "様", "名", "氏名", "者名")
)
"""Labels that names of persons stand behind, and others do, too."""
LATIN_LABELS: Final = WordSet(f"{_LATIN} {_LATIN_STAFF}".split())
NOT_LATIN_LABELS: Final = WordSet(_NOT_LATIN.split())
READINGS: Final = WordSet(_READINGS.split())
"""Labels of the reading of a name."""
ONLY_READINGS: Final = WordSet(_ONLY_READINGS.split())
"""Of these, the ones behind which there is nothing else."""
HONORIFICS: Final = WordSet(("様", "さま", "さん", "氏", "殿", "くん", "君", "ちゃん"))
SUFFIXES: Final = WordSet(HONORIFICS.words | {*_TITLES.split()})
ALL_SUFFIXES: Final = WordSet(SUFFIXES.words | {*_OFFICES.split()})
"""With those that stand behind the names of places, too."""
AFTER_HAN: Final = WordSet({each for each in ALL_SUFFIXES.words if "ァ" <= each[0] <= "鿿"} | {"行き", "携帯"})
"""What a name may be followed by without anything between."""
PERSONAL: Final = WordSet({*f"{_TITLES}{_OFFICES}{_OF_MANY}{_PERSONS}".split()} - {*_NO_ROLES.split()})
"""Who a person is: stands right before a name."""
ROLES: Final = WordSet(PERSONAL.words | {*_ORGANISATIONS.split(), *_TRADES.split()})
"""With what a person belongs to, or lives on: places do, too."""
BEGUN_BEFORE: Final = WordSet(ROLES.words | SURE.words | {*_TIMES.split()})
"""What a name may follow with nothing between."""
MINE: Final = ("弊社", "当社", "担当", "被告", "原告", "証人", "申立人", "遺言者", "賃借人", "賃貸人")
"""Stands right before a family name, with nothing between."""
CHILDREN: Final = ("長男", "長女", "次男", "次女", "二男", "二女", "三男", "三女")
"""Whose given name may follow with nothing between."""
KIN: Final = tuple(f"{each}の" for each in _KIN.split())
"""Whose given name may follow."""
DISH: Final = "ちゃんぽん"
"""Of Nagasaki: begins like an honorific."""
OFFICES: Final = WordSet({"委員会", *(f"{each}{end}" for each in _FIRMS.split() for end in ("事務所", "法人", "会"))})
"""What begins as a title does, behind a name, and is no person's."""
TITLED: Final = ("容疑者", "先生", "教授", "選手")
"""Titles behind full names that are in no list."""
ATLAS: Final = frozenset(("大西洋", "北大西洋", "南大西洋"))
"""What looks like a full name and is none."""
SAID: Final = WordSet(_SAID.split())
SAID_OF_NAMES: Final = WordSet(("と申し", "と申す", "と名乗"))
OF_PERSONS: Final = WordSet(_OF_PERSONS.split())
DOING: Final = WordSet(_DOING.split())
"""What somebody does, behind a family name."""
DEPARTMENTS: Final = frozenset(("総務", "営業", "経理", "人事", "開発", "広報", "法務", "企画", "購買", "担当"))
"""What stands in brackets behind a family name, and may end as one of PARTS does."""
PARTS: Final = frozenset("部課室係")
PARTICLES: Final = WordSet(_PARTICLES.split())
NOBODY: Final = frozenset("何模仕多同有異両各御貴")
"""What begins no name, before an honorific."""
THINGS: Final = frozenset(_THINGS.split())
"""What ends like a family name and is none."""
