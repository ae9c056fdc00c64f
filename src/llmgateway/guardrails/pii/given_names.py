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
)
_ALONE: Final = (
    "浩学充淳稔晃幹翼舞翔健誠実豊隆進勇勝清茂弘修剛徹聡薫忍渚瞳愛望梓恵梢香蘭葵蓮湊樹悠陽仁涼亮亨亘亙仁丈司哲博宏寛寿崇敏"
    "智暁朗朋朔正歩毅治洋洸渉潤潔猛環理瑛瑞直真睦瞬祐秀稜穣紘純結絢綾繁義翠聖肇航良茜萌葉蒼蓮薫裕護豪貢賢輝透遥達遼郁都"
    "鈴鋭鏡陸雄雅零雪静響順颯馨駿魁鷹麗凛凜彩心恒恭悟惇愁慎慧慶憲拓挙捷操敦斉旭明昇昌春昭晋晴晶景暢栞桃桜桐楓櫂武汐"
    "泉泰海潮澄澪灯煌燈玄玲琴瑠百皐皓眞瞭碧磨祥禅竜章節紗紫絵緑緋縁羽耀舜芽花茉莉菫華蕾藍蛍衛要誉諒譲貴賀輔迅遊鑑"
    "陣隼雫霞靖響顕颯駆鳳鴻麟守保強敬昂学弥和幸孝厚優亨文治篤卓孟匡了務勉勲均尚巌律徳志恵愛慈成映晟悦功克忠謙貞俊栄美光覚央伸満彰征規勤努督威滋寅拓猛琢耕知智秀好紬凪絆匠渚"
)
_KANA: Final = """
みなみ まひろ まほ まお まゆこ みすず みちる みれい みゆ みづき すずか すずね せいこ せな そうた
はると ゆうと ゆうま ゆいな ゆうな ゆずき りおな るか るな れな あみ あやか あやの あやめ ありさ
いおり いちか うらら えいた おとは かいと かなえ かなこ かなで かれん きらら くるみ けいた けんた
こうた こはる さえ さき さとみ さな さほ しほ しょうた だいき たくみ たける ちなつ ちさと ちづる
つばき てるみ なおき なつこ のあ ひろと ふみえ ほなみ まりあ まりな みう みこと みさと みつこ みわ
むつみ もえか やよい ゆうすけ ゆみ ゆみこ よしえ りょうこ りょうた トモコ ヨシコ カズコ フミコ ハナコ
タロウ ミサキ ユウキ エマ ルナ マユミ ヒロシ アヤカ
あすか さゆり くみこ みゆき ひろみ かおり あゆみ まゆみ ゆかり えり えりか えみ めぐみ のぞみ ひかる ひかり
みどり さくら ひなた あかり はるか はるな みか みき みほ まい まき まり まりこ なおみ なおこ ともみ ともこ
けいこ ようこ ひろこ あきこ さちこ かずこ きょうこ じゅんこ せつこ としこ のりこ はなこ ひさこ ふみこ まさこ
みちこ やすこ ゆうこ ゆきこ よしこ りえ りか りさ れいこ あおい あいり あんな いずみ かえで かすみ かな かほ
かりん きよみ ここみ こころ さつき さやか さゆみ しおり しずか しのぶ すみれ そら ちあき ちえ ちか ちはる ちひろ
つばさ つむぎ なつみ なつき ななこ ななみ なぎさ はづき ひとみ ひな ひなの ひより ふうか ほのか まこと まどか
まなみ まゆ みお みく みさき みずき みつき みのり みはる みらい もえ もも ももか ゆい ゆうか ゆうき ゆき ゆきな
ゆな ゆめ ゆり ゆりこ りお りこ りな りの りん るい わかな わたる つとむ ひろし たかし さとし きよし あきら
いさむ おさむ かおる けんじ こうじ しげる すすむ ただし たけし たろう つよし とおる のぼる ひでき まさる まもる
みのる やすし ゆたか アキ エミ エリ エミリ カオリ カナ サクラ ナオミ マリ マリア マリコ ミカ ミキ ユキ ユリ リカ
リサ レイ レナ ジュン ケン アンナ ハナ ハルカ メグミ ユミ エリカ ミナ ミユキ カヨ キヨ キク トメ ヨシ ハル フミ
タマ イネ ミツ スミ チヨ ハツ ツネ マサ サト ノブ ヒサ シズ ウメ コト ミヨ カズ サチ
"""
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
金玉 公益 公式 公安 公開 安定 保有 保留 保証 保険 保管 保安 海保
"""
KANJI: Final = frozenset(_KANJI)
"""What is written in a name of two or three characters."""
ALONE: Final = frozenset(_ALONE)
"""What is a name by itself."""
KANA: Final = frozenset(_KANA.split())
NO_NAMES: Final = frozenset(_WORDS.split())
BEGINNINGS: Final = KANJI | ALONE | {name[0] for name in KANA}
"""What a given name may begin with."""
_NEVER_FIRST: Final = frozenset("子郎")
_NEVER_LAST: Final = frozenset("園台通岳道研学法政教令市村野像")
_BEGUN: Final = frozenset(name[:size] for name in KANA for size in range(1, len(name)))
_WRITTEN: Final = KANJI | ALONE
LONGEST: Final = 3
_LONGEST_KANA: Final = max(map(len, KANA))
_MIXED: Final = 3


def is_given(word: str) -> bool:
    """Whether it can be a given name, by the characters it is written with."""
    if word in KANA:
        return True
    if len(word) <= 1:
        return word in ALONE
    if len(word) > LONGEST or not _is_written(word):
        return _is_mixed(word)
    return word[0] not in _NEVER_FIRST


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
    elif first in BEGINNINGS:
        for size in range(min(_LONGEST_KANA, len(text) - at), 0, -1):
            if is_given(text[at : at + size]):
                yield size


def may_begin(word: str) -> bool:
    """Whether more characters may make it a given name, or nothing of one is there yet."""
    if len(word) > LONGEST:
        return False
    return not word or word in _BEGUN or _WRITTEN.issuperset(word) or (len(word) < _MIXED and _is_hiragana(word))


def _is_written(word: str) -> bool:
    """Whether kanji of names are all that two or three characters are, and none that ends no name at their end."""
    return KANJI.issuperset(word) and word[-1] not in _NEVER_LAST and word not in NO_NAMES


def _is_mixed(word: str) -> bool:
    """Whether it is written as `くみ子` is."""
    return len(word) == _MIXED and word[-1] in "子代美恵江香奈" and _is_hiragana(word[:-1])


def _is_hiragana(word: str) -> bool:
    return all("ぁ" <= each <= "ん" for each in word)
