"""More tokens known by their own form: of platforms that programs are built, hosted, measured and paid with."""

from typing import Final

from llmgateway.guardrails.secrets.forms import Form
from llmgateway.guardrails.secrets.strength import is_random

_HEX: Final = b"[0-9a-f]"
_AN: Final = b"[A-Za-z0-9]"
_LOW: Final = b"[a-z0-9]"
_CAPITAL: Final = b"[A-Z0-9]"
_W: Final = b"[A-Za-z0-9_-]"
_END: Final = b"(?:[^A-Za-z0-9]|$)"

PLATFORMS: Final = (
    Form("adobe", ("p8e-",), b"(p8e-" + _LOW + b"{32})" + _END),
    Form("alibaba", ("ltai",), b"(LTAI" + _AN + b"{12,26})" + _END, is_random),
    Form("artifactory", ("cmvmd",), b"(cmVmd" + _AN + b"{55,})"),
    Form("atlassian", ("bbdc-",), b"(BBDC-[A-Za-z0-9+/@_-]{40,})"),
    Form("aws", ("bedrock-api-key-",), b"(bedrock-api-key-[A-Za-z0-9+/]{40,}=*)"),
    Form(
        "braintree",
        ("access_token$",),
        b"(access_token\\$(?:production|sandbox)\\$" + _LOW + b"{16}\\$" + _HEX + b"{32})",
    ),
    Form("buildkite", ("bkua_", "bkaa_", "bkag_"), b"(bk(?:ua|aa|ag)_" + _HEX + b"{40})"),
    Form("clickhouse", ("4b1d",), b"(4b1d" + _AN + b"{38})" + _END, is_random),
    Form("clojars", ("clojars_",), b"(CLOJARS_" + _LOW + b"{60})"),
    Form("cloudflare", ("v1.0-",), b"(v1\\.0-" + _HEX + b"{24}-" + _HEX + b"{100,})"),
    Form("cursor", ("key_",), b"(key_" + _HEX + b"{64})" + _END),
    Form("duffel", ("duffel_",), b"(duffel_(?:live|test)_[A-Za-z0-9_=-]{40,})"),
    Form("dynatrace", ("dt0s",), b"(dt0s[0-9]{2}\\." + _CAPITAL + b"{8,24}\\." + _CAPITAL + b"{60,})"),
    Form("e2b", ("e2b_",), b"(e2b_" + _HEX + b"{40})"),
    Form("easypost", ("ezak", "eztk"), b"(EZ[AT]K" + _AN + b"{50,})"),
    Form("firecrawl", ("fc-",), b"(fc-" + _HEX + b"{32})" + _END),
    Form("flutterwave", ("flwseck",), b"(FLWSECK(?:_TEST)?-[0-9A-Za-z-]{12,})", is_random),
    Form("flyio", ("fm1r_", "fm1a_"), b"(fm1[ar]_[A-Za-z0-9+/=_-]{40,})"),
    Form("frameio", ("fio-u-",), b"(fio-u-" + _W + b"{60,})"),
    Form("gitlab", ("gr1348941",), b"(GR1348941" + _W + b"{20,})"),
    Form("gitlab", ("glffct-", "glpats-"), b"(gl(?:ffct|pats)-" + _W + b"{18,})"),
    Form("harness", ("pat.", "sat."), b"((?:pat|sat)\\." + _W + b"{22}\\." + _AN + b"{24}\\." + _AN + b"{20})"),
    Form("infracost", ("ico-",), b"(ico-" + _AN + b"{32})" + _END, is_random),
    Form("intercom", ("dg9roj",), b"(dG9rOj[A-Za-z0-9+/_-]{30,}=*)"),
    Form("intra42", ("s-s4t2",), b"(s-s4t2(?:ud|af)-" + _HEX + b"{64})"),
    Form("jina", ("jina_",), b"(jina_" + _W + b"{50,})"),
    Form("mapbox", ("sk.eyj",), b"(sk\\.eyJ" + _W + b"{20,}\\." + _W + b"{20,})"),
    Form(
        "microsoft",
        ("webhookb2/",),
        b"(webhookb2/[0-9a-z-]{36}@[0-9a-z-]{36}/IncomingWebhook/" + _AN + b"{32}/[0-9a-z-]{36})",
    ),
    Form("modal", ("ak-", "as-"), b"(a[ks]-" + _AN + b"{22})" + _END, is_random),
    Form("neon", ("napi_",), b"(napi_" + _LOW + b"{40,})", is_random),
    Form("nuget", ("oy2",), b"(oy2" + _LOW + b"{43})" + _END, is_random),
    Form(
        "onepassword",
        ("a3-",),
        b"(A3-" + _CAPITAL + b"{6}-(?:" + _CAPITAL + b"{11}|" + _CAPITAL + b"{6}-" + _CAPITAL + b"{5})"
        b"(?:-" + _CAPITAL + b"{5}){3})" + _END,
    ),
    Form("openshift", ("sha256~",), b"(sha256~" + _W + b"{43})"),
    Form("posthog", ("phx_",), b"(phx_" + _AN + b"{40,})"),
    Form("prefect", ("pnu_", "pnb_"), b"(pn[bu]_" + _AN + b"{36,})"),
    Form("readme", ("rdme_",), b"(rdme_" + _LOW + b"{60,})"),
    Form("render", ("rnd_",), b"(rnd_" + _AN + b"{26,})", is_random),
    Form("resend", ("re_",), b"(re_" + _AN + b"{7,9}_" + _AN + b"{20,})", is_random),
    Form("runpod", ("rpa_",), b"(rpa_" + _CAPITAL + b"{36,}" + _LOW + b"{0,8})"),
    Form("scalingo", ("tk-us-",), b"(tk-us-" + _W + b"{40,})"),
    Form("settlemint", ("sm_pat_", "sm_aat_", "sm_sat_"), b"(sm_[pas]at_" + _AN + b"{16,})"),
    Form("shippo", ("shippo_",), b"(shippo_(?:live|test)_[0-9a-fA-F]{40})"),
    Form("slack", ("xoxc-", "xoxd-"), b"(xox[cd]-[A-Za-z0-9%+/=-]{10,})", is_random),
    Form("sonar", ("sqp_", "squ_", "sqa_"), b"(sq[pua]_" + _HEX + b"{40})"),
    Form("sourcegraph", ("sgp_",), b"(sgp_(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40})"),
    Form("tencent", ("akid",), b"(AKID" + _AN + b"{32})" + _END),
    Form("together", ("tgp_v1_",), b"(tgp_v1_" + _W + b"{40,})"),
    Form("vercel", ("vcp_", "vci_", "vca_", "vcr_", "vck_"), b"(vc[piark]_" + _AN + b"{24,})", is_random),
    Form("voyage", ("pa-",), b"(pa-" + _W + b"{43})" + _END, is_random),
    Form("wandb", ("wandb_v1_",), b"(wandb_v1_" + _W + b"{40,})"),
    Form("yandex", ("aqvn",), b"(AQVN" + _W + b"{35,38})" + _END, is_random),
)
