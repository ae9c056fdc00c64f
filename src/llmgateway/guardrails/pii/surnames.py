"""The commonest family names of Japan, which tell where a name begins: about half of the people have one of them."""

from typing import Final

_COMMON: Final = """
佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 渡邉 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本
井上 木村 林 斎藤 斉藤 齋藤 清水 山崎 阿部 森 池田 橋本 山下 石川 中島 前田 藤田
後藤 小川 岡田 村上 長谷川 近藤 石井 遠藤 坂本 青木 藤井 西村 福田 太田 三浦 藤原 松田
岡本 中川 中野 原田 小野 田村 竹内 金子 和田 中山 石田 上田 森田 柴田 酒井 工藤 横山
宮崎 宮本 内田 高木 谷口 安藤 丸山 今井 大野 高田 菅原 河野 武田 藤本 上野 杉山 千葉
村田 増田 小島 小山 大塚 平野 久保 渡部 松井 菊地 菊池 岩崎 松尾 佐野 木下 野口 野村
新井 古川 浜田 市川 小松 高野 水野 島田 吉川 山内 西田 西川 北村 五十嵐 安田 東 中田
川口 平田 川崎 本田 久保田 吉村 沢田 中西 岩田 服部 辻 関 樋口 福島 川上 永井 松岡
田口 須藤 矢野 荒木 大西 広瀬 星野 黒田 石原 大島 川村
"""
_WORDS: Final = frozenset("林森東関辻")  # of one character, and words of their own
SURNAMES: Final = tuple(sorted({*_COMMON.split()} - _WORDS, key=len, reverse=True))
