"""Given names of Japan: the characters they are written with, and words of such characters that are no names."""

from collections.abc import Iterator
from typing import Final

_KANJI: Final = (
    "愛藍蒼碧葵茜明朗彰晃章昭秋暁朝旭飛鳥梓敦篤厚綾彩文史郁育一壱市樹伊衣依維以生勇雄祐佑侑裕優悠由有友夕結唯雪行幸之"
    "志至詩史司士思四二次治慈滋静茂重繁成盛鎮紫織栞汐潮翔昌庄正政将匠祥省章照昇勝捷尚純順淳準潤隼俊春峻駿瞬舜旬"
    "潔清聖星晴誠征千仙泉扇創爽想奏聡颯壮荘蒼宗総草操早三賛太多大代台泰汰高孝貴隆崇尭敬喬啓恵慶桂圭京恭享亨響教匡鏡"
    "強郷協喬暁玉琴勤欣芳吟空久玖九邦国葉羽花華夏佳加香歌可嘉果茄果霞介快海絵江恵悦英栄永衛瑛詠越円媛園延燕央桜凰"
    "音温穏織賀我雅芽覚楽岳学寛幹莞完勘貫環喜希季紀輝基規貴己来久毅義宜誼吉桔菊絹砂沙紗早咲作朔桜里莉理璃梨李利律立"
    "陸龍竜琉流留瑠令伶玲礼麗怜鈴蓮恋連良涼亮諒遼凌稜崚倫凛凜林琳輪類蕾路露朗郎浪楼和輪若湧沸渉航弥矢也野耶哉八椰靖"
    "康泰保安琥柚絃鞠稀毬羚苺蕗彗惺巴凪渚椿榛眸皐莱侃倖叡結寧珀湖颯睦馬恭穂歩帆浩弘宏広博洋裕寛大紘比日陽妃飛美未実海魅心三密蜜稔峰嶺雅真麻摩磨舞茉万満松麿円守護衛萌望百桃杜"
    "森盛元源元基素求紋優祐結夢武睦宗宙無紫夢向務村叶奏要兼金包奈那菜七南波直尚猶仁尋迅仁新慎真伸信進晋紳心深辰達竜辰"
    "樹建健剣憲賢謙拳研絢顕厳堅健鉄哲徹轍典展天纏登斗都杜音十冬灯東桃透道瞳徳俊敏利寿年歳鳳朋法豊峰冨富風楓福芙房扶"
    "楓文平兵並碧辺凡梵節摂雪説刹則紀範憲徳宜法典子寧音峯伯白拍博隼初肇一元始源光充三満貢閃耀輝暉煌瑛洸晄晶昂虹紅鴻幸"
    "公功孝康晃浩紘航高剛豪郷吾悟伍護冴彩紗才斎采財祭宰菜蔵造像三参司詞枝糸資視鷹虎熊亀鶴彦男夫雄郎助輔丞甫典倫子代"
    "世恵江枝絵依津都鶴摘積紬月槻継嗣次爾秀忠智知佐人貞五好善克定乃恒六巳惠通修眞綱榮緒澄卓廣珠亜丸逸瑞淑耕丈拓弓玄朱杏苗猛琢"
    "央伸勤努督威廉惟映臣頼宣民益胤景周暢穏栄美功滋俊謙光彰征満覚寅研是壱悦慧弥百合太瑠唯乙萬與与"
    "允尊斉將庸薫嵩皓宇亘亙興巧孔彌岐偉馨揮矩普就青幾紹曜抄遥滉奉甫勲祈暖譲柊藍翼磨彪瑚琶瑳瑶朔怜茅菖菫萩"
    "葦蓉笙篤綜緋胡苑衿諄頌駒鮎鳩芙茱萠杷枇楠栄壽彬誉冶碩尭堯澪祐禎祉遙晏昊昱旺晟曙柾桔梅梧梛楽榮檀"
)
_ALONE: Final = (
    "浩学充淳稔晃幹翼舞翔健誠実豊隆進勇勝清茂弘修剛徹聡薫忍渚瞳愛望梓恵梢香蘭葵蓮湊樹悠陽仁涼亮亨亘亙仁丈司哲博宏寛寿崇敏"
    "智暁朗朋朔正歩毅治洋洸渉潤潔猛環理瑛瑞直真睦瞬祐秀稜穣紘純結絢綾繁義翠聖肇航良茜萌葉蒼蓮薫裕護豪貢賢輝透遥達遼郁都"
    "鈴鋭鏡陸雄雅零雪静響順颯馨駿魁鷹麗凛凜彩心恒恭悟惇愁慎慧慶憲拓挙捷操敦斉旭明昇昌春昭晋晴晶景暢栞桃桜桐楓櫂武汐"
    "泉泰海潮澄澪灯煌燈玄玲琴瑠百皐皓眞瞭碧磨祥禅竜章節紗紫絵緑緋縁羽耀舜芽花茉莉菫華蕾藍蛍衛要誉諒譲貴賀輔迅遊鑑"
    "陣隼雫霞靖響顕颯駆鳳鴻麟守保強敬昂学弥和幸孝厚優亨文治篤卓孟匡了務勉勲均尚巌律徳志恵愛慈成映晟悦功克忠謙貞俊栄美光覚央伸満彰征規勤努督威滋寅拓猛琢耕知智秀好紬凪絆匠渚"
)
_KANA: Final = """
まひろ まほ まお みすず みちる みれい みゆ みづき せな ゆいな ゆうな ゆずき りおな るか るな れな あみ
あやの ありさ いおり いちか うらら おとは かいと かなで かれん きらら くるみ こはる さえ さき さな さほ
しほ たける ちなつ ちづる つばき のあ ほなみ まりあ まりな みう みこと みわ やよい ゆみ たろう えま
あすか さゆり ゆかり えり えみ めぐみ ひかる ひかり みどり あかり はるな みか みき みほ まい まき まり
りえ りか りさ あおい あんな いずみ かえで かすみ かな かほ かりん ここみ こころ さつき さゆみ しのぶ
そら ちあき ちえ ちか ちはる ちひろ つばさ つむぎ なぎさ はづき ひとみ ひな ひなの ひより まこと まどか
まゆ みお みく みずき みのり みはる みらい もえ もも ゆい ゆき ゆきな ゆな ゆめ ゆり りお りこ りな
りの りん るい わかな わたる つとむ いさむ おさむ かおる しげる すすむ つよし とおる のぼる まさる まもる
みのる ゆたか あき れい じゅん けん はな みな かよ きよ きく はる ふみ たま いね すみ ちよ つね まさ
のぶ ひさ しず うめ みよ かず さち あさひ あゆむ あらた いちろう いっき いっせい だいち たいち たいき
たいし たいすけ たいせい たいよう たいぞう せいこう さとる みつる ひろむ えな えりな けんしん いってつ
いっぺい いぶき えいご きいち きたろう きっぺい きんいち きんじ げんき こたろう こてつ ごうき ごろう
さぶろう しおん しゅう しゅん しょう しろう しんご じょうじ じろう すぐる すばる たいが たくむ
たすく たもつ てっぺい のぞむ はじめ はやお はやた はやと ひとし ひびき ひゅうが ほくと まなぶ まんぞう
まんぺい むさし やたろう やまと ゆずる りきや りくと りゅう りょう れおん あい あいの あかね あきの いすず
うらん えなみ えれな かいり かおるこ かずは かづき かの きえ きらり きりこ くらら くりす くれは けい
ここあ ことは こなつ このは こゆき さいこ さおり さくらこ さなえ しの すずの つかさ にいな ねね はるの
はんな ひみか ほたる ほまれ まあさ まあや みえ めぐ もか ゆか りあん りほ れおな わかば わこ すえ つる
なつ やす りつ ゆう ゆきの みくる らん らら りら るみ ゆうひ こはく こずえ なぎ うみ かんな じゅり せら
ちい なお なみ にこ ぼたん コト ヨシ トメ ハツ ミツ サト トラ マツ ミネ メイ ノン
"""
_FIRST_PARTS: Final = """
あい あき あさ あず あつ あや あゆ いく いさ うた えい えつ えみ えり おと かえ かお かず かつ かね かな かよ かん
きみ きよ きょう くに くみ けい けん こう こと さえ さき さく さだ さち さと さや しお しげ しず しの しほ しゅう
しゅん しょう しん じゅん すけ すず すみ せい せつ そう たえ たか たく たけ ただ たつ たま だい ちえ ちか ちさ ちな
ちは つき つぐ つね てつ てる とう とし とみ とも とよ とら なお なが なつ なな なほ なみ なり なる のぞ のぶ のり
はな はる ひさ ひで ひな ひろ ふう ふさ ふじ ふみ ほの まい まき まさ ます まち まな まゆ まり みお みか みき みさ
みち みつ みな みね みほ みゆ みよ むつ むね めい もえ もと もも もり やす ゆい ゆう ゆき ゆみ ゆめ ゆり よう よし
より りえ りか りつ りゅう りょう りん れい れん わか
"""
_LAST_PARTS: Final = """
あき いち いちろう え お か かず かつ き きち きよ く くに けい げん こ ご ごろう さく さぶろう し しげ じ じろう すけ
すみ せ ぞう た たか たけ ただ たつ たろう ちか つぐ てつ てる と とし とも なお なが なり ね のしん のすけ のぶ のり
はる ひこ ひさ ひで ひと ひろ ふみ へい ぺい ほ ま まさ み みち みつ むね め もと や やす ゆき よ よし ら り れ ろう
わ だい たい せい よう
"""
_NO_KANA: Final = """
すずき ひろせ さとう あきた もりた とみた よしだ さかい やすだ かねこ ふじた まさき
まさか かなり ことし おとし おとこ おとめ おとな はなみ はなお もともと さきさき わかり わかれ わかめ わかた
わかよ わかし えいご けんか けんお こうご こうか こうわ そうか そうご そうわ そうよ そうり とうか とうわ
たまご たまか りょうり りょうか きょうみ きょうか きょうわ きょうし しょうみ しょうわ
しょうか せいか せいり せいよう せいと せいわ せいせい せいき だいじ だいわ だいたい ゆうり ゆうよ かんき
かんし かんり かんわ かんたい かんよう かんせい かんご けんり けんこ けんせい けんよう しんせい
しんき しんよう しんり しんご れいわ れいせい ようか ようし ようき ようよう ようせい こうよう こうえ たいわ おとよ
もとより やすみ やすめ やすく ひろく ふうせい ふうき なかみ まいく まいわ まいよ ちかく ちかよ ちかみ
あいわ えいよう えいせい えいわ もりた よしあし みつめ いくら
いさご さきよ かれら もえる とおる すけと よりみち よりか ようい
"""
"""Words that such parts make, too."""
_WORDS: Final = """
夫人 保健師 介護士 保育士 博士 知恵 実子 一人子 拍子 里子
東京 京都 西京 東海 北海 大学 学園 公園 中央 大和 平和 公平 平成 安心 安全 大事 大切 天使 実行 実家 実験 直通
千人 二人 三人 一人 七人 十人 百人 千代田 高級 高等 国立 市立 正式 一部 一課 二課 三課 一万 二万 十万 百万 千万
一千 三千 一月 二月 三月 四月 七月 八月 九月 十月 十二月 一日 二日 三日 十日 天文 天理 文化 文学 文明 法学 学士
史学 教育 育成 有利 有力 有志 有能 由来 以来 理由 理想 道理 料理 真理 心理 管理 代理 処理 整理 経理 総理 物理
原理 無理 修理 倫理 正直 直接 優勝 光学 音楽 学生 先生 人生 衛生 再生 新生 平均 平日 平野 平等 水平 太平 太陽
大陽 大将 大正 昭和 元気 元年 天下 天平 国家 国道 国宝 国際 高知 三重 千歳 八千代 大吉 大宮 新宿 永久 永遠 希望
志望 要望 有望 展望 行政 政治 明治 自治 次第 明日 明年 光明 一文 作文 論文 英文 英国 英和 和英 和風 和歌 和菓子
花火 花見 桃園 結果 成果 効果 青果 美化 強化 理科 行進 前進 推進 新規 規則 法則 原則 道徳 公立 設立 独立 成立
確立 国公立 一覧 展覧 高校 基金 五輪 保護 連合 都市 来年 一流 市民 初日 一連 法人 一緒 総合 一律 合作 順次 一定
四季 大国 義務 一円 公文 研修 依頼 舞台 来日 通学 平行 志向 金利 江東 航行 治安 合理 結合 保育 進行 国民 一新
年始 保守 無視 通達 新人 勘定 一向 賛成 説明 通知 生成 求人 一環 義理 合成 文通 照合 協定 要求 新年 重要 恋愛
摘要 代行 野生 総代 操作 結成 憲法 想定 周知 充実 直流 造成 進展 創作 季節 規定 作成 作詞 信頼 勤務 資金 公認
温泉 道路 大通 八景 七里 新保 富士 朝日 洋行 照明 財政 年金 法律 司法 立法 台風 台東 来月 来秋 連日 年代 年次
年度 次元 次代 次男 三男 二男 長男 未来 未定 未完 完成 完結 定年 定義 正規 正月 大作 大志 大蔵 大臣 助成 厚生
紀元 和洋 和文 洋風 和食 洋食 海洋 海外 温泉郷 代理人 保護司 大学生 研修生 留学生 通行人 大都市 保育園 無一文
光学園 教育大 総研 研究 県道 市道 鉄道 歩道 参道 街道 海道 公道 男子 女子 男優 利益 利子 利用 礼金 資料 健康
健保 参加 実施 実績 実務 実習 良好 優良 有料 無料 無人 流通 広範 広大 都心 都内 都民 都立 音源 音声 音響 金文
金玉 夜勤 日勤 早番 遅番 公休 公益 公式 公安 公開 安定 保有 保留 保証 保険 保管 保安 海保
"""
KANJI: Final = frozenset(_KANJI)
"""What is written in a name of two or three characters."""
ALONE: Final = frozenset(_ALONE)
"""What is a name by itself."""
KANA: Final = frozenset(_KANA.split())
"""Names in kana which no two parts make."""
_FIRSTS: Final = frozenset(_FIRST_PARTS.split())
_LASTS: Final = frozenset(_LAST_PARTS.split())
_NO_PARTS: Final = frozenset(_NO_KANA.split())
_IN_HIRAGANA: Final = {code + 0x60: code for code in range(ord("ぁ"), ord("ゖ") + 1)}
NO_NAMES: Final = frozenset(_WORDS.split())
_KANA_BEGINNINGS: Final = frozenset(name[0] for name in KANA | _FIRSTS)
BEGINNINGS: Final = (
    KANJI | ALONE | _KANA_BEGINNINGS | {chr(ord(each) + 0x60) for each in _KANA_BEGINNINGS if each < "ァ"}
)
"""What a given name may begin with."""
_NEVER_FIRST: Final = frozenset("子郎")
_NEVER_LAST: Final = frozenset("園台通岳道研学法政教令市村野像")
_NEVER_LAST_RARE: Final = frozenset(
    "部課係室支社店会局院校県区市町村所者員様団体組合家屋園館場署号庫料金費率量値額表書票欄類用品番休退張宅業科械機工設商産農運"
    "輸電織器材寺舎荘亭軒堂舗房楼庁民長隊務属線駅港側内外前後間中上下宛邸氏殿君先生達台令像省課件名日月年時分済車便"
)
"""What ends the names of things, behind a family name."""
_BEGUN: Final = frozenset(name[:size] for name in KANA | _FIRSTS for size in range(1, len(name) + 1))
_IN_KATAKANA: Final = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_PAIRS: Final = frozenset(pair for name in KANA | _FIRSTS for pair in (name[:2], name[:2].translate(_IN_KATAKANA)))
"""What each name in kana begins with: one look tells that there is none."""
_LAST_BEGUN: Final = frozenset(part[:size] for part in _LASTS for size in range(len(part)))
_WRITTEN: Final = KANJI | ALONE
LONGEST: Final = 3
_LONGEST_KANA: Final = max(map(len, _FIRSTS)) + max(map(len, _LASTS))
_OF_FIRST: Final = (2, 3, 4)  # characters of a first part
_MIXED: Final = 3
_OF_MIXED: Final = frozenset("子代美恵江香奈")


def is_given(word: str) -> bool:
    """Whether it can be a given name, by the characters it is written with."""
    if word[:1] in BEGINNINGS and word[:1] not in _WRITTEN:
        return is_in_kana(word) or _is_mixed(word)
    if len(word) <= 1:
        return word in ALONE
    if len(word) > LONGEST or not _is_written(word):
        return _is_mixed(word)
    return word[0] not in _NEVER_FIRST


def is_in_kana(word: str) -> bool:
    """Whether it is a given name in kana, of either script: one that is known, or one of two parts as most are."""
    if word in KANA:
        return True
    if word[:1] >= "ァ":
        word = word.translate(_IN_HIRAGANA)
        if word in KANA:
            return True
    if not "ぁ" <= word[:1] <= "ん" or word in _NO_PARTS:
        return False
    for size in _OF_FIRST:  # noqa: SIM110  any() costs twice as much
        if word[size:] in _LASTS and word[:size] in _FIRSTS:
            return True
    return False


def is_rare(word: str) -> bool:
    """Whether half of some kanji are those of names: where what is around says that it is one."""
    if not word or word[-1] in _NEVER_LAST_RARE or word in NO_NAMES:
        return False
    return 2 * len(_WRITTEN.intersection(word)) >= len(word)


def sizes(text: str, at: int) -> Iterator[int]:
    """How many characters of a given name there may be at a place of a text, the longest first."""
    first = text[at : at + 1]
    if first in _WRITTEN:
        for size in (LONGEST, 2):
            word = text[at : at + size]
            if len(word) == size and first not in _NEVER_FIRST and _is_written(word):
                yield size
        if first in ALONE:
            yield 1
    elif "ぁ" <= first <= "ヺ":
        if text[at : at + 2] in _PAIRS:
            for size in range(min(_LONGEST_KANA, len(text) - at), 1, -1):
                if is_in_kana(text[at : at + size]):
                    yield size
        if text[at + 2 : at + 3] in _OF_MIXED and _is_mixed(text[at : at + _MIXED]):
            yield _MIXED


def may_begin(word: str) -> bool:
    """Whether more characters may make it a given name, or nothing of one is there yet."""
    if word[:1] > "\u3040" and word[:1] < "ー":
        return (len(word) < _LONGEST_KANA and _may_be_kana(word)) or (len(word) < _MIXED and _is_hiragana(word))
    if len(word) > LONGEST:
        return False
    return not word or _WRITTEN.issuperset(word) or (len(word) < _MIXED and _is_hiragana(word))


def _may_be_kana(word: str) -> bool:
    """Whether more characters may make it a name in kana."""
    word = word.translate(_IN_HIRAGANA)
    if word in _BEGUN:
        return True
    return any(word[:size] in _FIRSTS and word[size:] in _LAST_BEGUN for size in _OF_FIRST)


def _is_written(word: str) -> bool:
    """Whether kanji of names are all that two or three characters are, and none that ends no name at their end."""
    return KANJI.issuperset(word) and word[-1] not in _NEVER_LAST and word not in NO_NAMES


def _is_mixed(word: str) -> bool:
    """Whether it is written as `くみ子` is."""
    return len(word) == _MIXED and word[-1] in _OF_MIXED and _is_hiragana(word[:-1])


def _is_hiragana(word: str) -> bool:
    return all("ぁ" <= each <= "ん" for each in word)
