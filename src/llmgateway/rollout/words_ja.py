"""What is said of a rollout, in Japanese. `words_en` has the same keys and the same figures."""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "and": "、",
    "time.days": "{days} 日 {hours} 時間",
    "time.hours": "{hours} 時間 {minutes} 分",
    "time.minutes": "{minutes} 分 {seconds} 秒",
    "time.seconds": "{seconds} 秒",
    "state.draft": "下書きです。候補版はまだ誰にも使われていません。",
    "state.pending_start": "開始待ちです。候補版はまだ誰にも使われていません。",
    "state.shadow": "候補版はリクエストの写しに答えています。その答えは利用者には届きません。",
    "state.canary": "{steps} 段階中の {step} 段階目です。割り当ての {weight} が候補版に向かいます。",
    "state.paused": "{steps} 段階中の {step} 段階目で一時停止中です(候補版は引き続き {weight})。理由: {pause}。",
    "state.awaiting_approval": "害がないことが示され、人の承認を待っています。候補版は {weight} で、検定は続いています。",
    "state.promoting": "昇格しました。各ワーカーに伝えています。",
    "state.bake": "昇格しました。{weight} が候補版に向かい、残りは比較のため旧版に残しています。",
    "state.inconclusive": "期限までに、害があるともないとも示されませんでした。この状態から自動で昇格することはありません。",
    "state.rolling_back": "切り戻し中です。各ワーカーに伝えています。",
    "state.succeeded": "完了しました。候補版が安定版になりました。",
    "state.rolled_back": "切り戻しました。候補版は誰にも使われていません。",
    "state.aborted": "人の判断で取りやめました。候補版は誰にも使われていません。",
    "state.superseded": "別のロールアウトに置き換えられました。この候補は誰にも配信されません。",
    "pause.manual": "人が一時停止しました",
    "pause.signal_metric": "注意指標が悪化しました",
    "pause.no_data": "ある指標の判定が長く途絶えています",
    "pause.srm": "割り当ての比率が重みと合わず、版どうしを比較できません",
    "pause.controller_lost": "しばらく監視する者がいませんでした",
    "pause.andon": "レビュー担当者が停止を求めました",
    "pause.feedback": "利用者の声が片方の版に偏っており、その評価を比較できません",
    "lack.edge": "{state} の状態からは {event} できません。",
    "lack.over": "すでに終わっています。{how}",
    "lack.preflight": "事前の確認が通っておらず、省く理由も書かれていません。",
    "lack.reason": "理由を書く必要があります。",
    "lack.rationale": "昇格させる人が、その根拠を書く必要があります。",
    "lack.approvals": "この版とこの証拠に対する承認: {needed} 件中 {approvals} 件。",
    "lack.approvals_by": "この版とこの証拠に対する承認: {needed} 件中 {approvals} 件。承認できる人: {by}。",
    "lack.concerns": "未解決の懸念: {concerns} 件。それぞれ解決するか、名前と理由を添えて受け入れる必要があります。",
    "lack.unseen": "昇格させる人は、先に候補版の答えを無作為に {needed} 件読みます: `llmgateway rollout promote` が表示し、確認します。",
    "lack.unseen_some": "昇格させる人は、先に候補版の答えを無作為に {needed} 件読みます。表示されたのはまだ {seen} 件です:"
    " `llmgateway rollout promote` が表示し、確認します。",
    "lack.time": "時間: あと {time}。",
    "lack.units": "この段階で判定された候補版の単位: {needed} 件中 {units} 件。",
    "lack.pairs": "版の差が出た組: {needed} 組中 {pairs} 組、またはあと {time}。",
    "lack.proof": "害がないとまだ示されていない指標: {metrics}。",
    "lack.missing": "最近の判定がない指標: {metrics}。",
    "lack.alarm": "出ている警報: {alarms}。",
    "lack.step": "今はその段階ではありません。",
    "lack.shadow": "計画では別の始め方になっています。",
    "lack.cause": "この一時停止は人が解除する必要があります。",
    "lack.halts": "人による停止はすでに {halts} 回で、これ以上は記録できません。切り戻すか、検定に任せてください。",
    "lack.epochs": "数え直しはすでに {epochs} 回で、これ以上はできません。切り戻して、割り当てが偏る原因を調べてください。",
    "alarm.harm": "害",
    "alarm.signal": "注意指標",
    "alarm.feedback": "利用者の声が片方の版に偏っていること",
    "alarm.srm": "重みと合わない割り当て",
    "missing.nothing": "次に進むために足りないものはありません。",
    "missing.some": "まだ足りないもの:",
    "metric.counts": "{metric}: 候補版は {candidate_units} 件中 {candidate_bad} 件、安定版は {stable_units} 件中 {stable_bad} 件が"
    "悪い結果でした。",
    "metric.range": "{metric}: 悪い結果の率は、候補版が安定版の {low} 倍から {high} 倍です(下端の確かさ {alpha}、上端の確かさ {beta}。"
    "何度見ても変わりません)。",
    "metric.harm": "{metric}: 害の証拠は {e}、単独なら {needed} で十分です。候補版が安定版の {r0} 倍より悪くないのなら、"
    "これほどの証拠が出るのは、多くても {e_at_least} 回のロールアウトに 1 回です。",
    "metric.no_harm_seen": "{metric}: 害の証拠は {e}、単独なら {needed} で十分です。1 以下は何も示しません。",
    "metric.safe": "{metric}: 害がない証拠は {e}。{needed} に達すると、候補版が {r_m} 倍も悪くはないと示されます。",
    "metric.safe_ceiling": "{metric}: 害がない証拠は {e}。{needed} に達すると、候補版が {r_m} 倍悪くかつ {ceiling} を超えることは"
    "ないと示されます。",
    "metric.said": "{metric}: 利用者の声が片方の版に偏っている証拠は {e} です。{needed} で一時停止します。",
    "trust.advisory": "{metric}: モデルによる判定です。表示されるだけで、何も動かしません。人の評価は必要な {enough} 件中 {labels} 件、"
    "人との一致は kappa {kappa} です。{pauses} 以上で一時停止、{rolls_back} 以上で切り戻しができるようになります。",
    "trust.may_pause": "{metric}: モデルによる判定です。人が評価した {labels} 件での一致は kappa {kappa} で、一時停止はできます。"
    "切り戻しができるのは {rolls_back} 以上からです。",
    "trust.may_roll_back": "{metric}: モデルによる判定です。人が評価した {labels} 件での一致は kappa {kappa} で、計画どおりに働きます。",
    "trust.no_kappa": "不明",
    "trust.changed": "{metric}: 判定者（基準・設定・モデル）が開始時と別のものになりました。いまの判定はここでは数えず、人との一致も"
    "まだ確かめられていません。元に戻すか、始め直してください。",
    "corrected.candidate": "{metric}: 無作為に選んだ {labelled} 件への人の判定で補正すると、候補の判定済み {judged} 件のうち悪いものは {rate}（{low}〜{high}）です。"
    "これは表示だけで、何も決めません。",
    "corrected.stable": "{metric}: 無作為に選んだ {labelled} 件への人の判定で補正すると、安定版の判定済み {judged} 件のうち悪いものは {rate}（{low}〜{high}）です。",
    "all.harm": "重大な指標を合わせた害の証拠: {e}。{needed} で切り戻します。",
    "all.srm": "割り当てが重みと合わない証拠: {e}。{needed} で一時停止します。",
    "all.broken": "候補版はほとんど失敗しています。検定するまでもありません。",
    "zone": "{r0} 倍と {r_m} 倍の間は無差別域です。ここでは検定はどちらにも転びうるし、決着しないこともあります。これは意図した"
    "ことです。どちらかの答えにこだわるには小さすぎる差だからです。",
    "assumptions": "以上が成り立つのは、割り当てが示された重みどおりの偶然によること、各単位を一度だけ数えること、両版を同じ規則で"
    "同じだけ待って判定すること、標本の抽出が答えに左右されないことが前提です。わかるのは悪い結果の頻度であり、"
    "その深刻さではありません。",
}  # fmt: skip
