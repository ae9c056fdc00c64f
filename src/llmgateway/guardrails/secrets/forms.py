"""Tokens known by their own form: what each issuer puts in front, and what follows it."""

from typing import Final, NamedTuple

from llmgateway.guardrails.secrets.scan import Judge
from llmgateway.guardrails.secrets.strength import is_private_key, is_random, is_varied


class Form(NamedTuple):
    """One family's form. `gates` are in lower case; one of them is in every such token, at most `back` from its start.

    The pattern's group is the token, or all of it where it has none; `judge` sees it whole.
    """

    family: str
    gates: tuple[str, ...]
    pattern: bytes
    judge: Judge = is_varied
    rank: int = 0  # of two that begin at one place the lower is found


_HEX: Final = b"[0-9a-f]"
_AN: Final = b"[A-Za-z0-9]"
_W: Final = b"[A-Za-z0-9_-]"
_END: Final = b"(?:[^A-Za-z0-9]|$)"

# {"alg": {"typ": {"kid": {"enc": {"cty": {"jku": {"jwk": {"x5t" {"x5c" {"zip", and the first with a blank or a line
# break before it, in base64.
_HEADER: Final = b"(?:eyJ(?:hbGciO|0eXAiO|raWQiO|lbmMiO|jdHkiO|qa3UiO|qd2siO|4NXQ|4NWMi|6aXAiO)|eyAiYWxn|ewogICJ)" + _W

FORMS: Final = (
    Form("openai", ("sk-",), b"sk-" + _W + b"{20,}", is_random, 1),
    Form("anthropic", ("sk-ant-",), b"sk-ant-" + _W + b"{16,}"),
    Form("openrouter", ("sk-or-",), b"sk-or-" + _W + b"{20,}"),
    Form("google", ("aiza",), b"AIza" + _W + b"{30,}"),
    Form("google", ("gocspx-",), b"GOCSPX-" + _W + b"{20,}"),
    Form("google", ("ya29.",), b"ya29\\.[A-Za-z0-9._-]{20,}"),
    Form("google", ("1//0",), b"1//0" + _W + b"{40,}", is_random),
    Form("huggingface", ("hf_",), b"hf_" + _AN + b"{28,}"),
    Form("huggingface", ("api_org_",), b"api_org_" + _AN + b"{28,}"),
    Form("groq", ("gsk_",), b"gsk_" + _AN + b"{30,}"),
    Form("xai", ("xai-",), b"xai-" + _AN + b"{30,}"),
    Form("perplexity", ("pplx-",), b"pplx-" + _AN + b"{30,}"),
    Form("replicate", ("r8_",), b"r8_" + _AN + b"{30,}"),
    Form("nvidia", ("nvapi-",), b"nvapi-" + _W + b"{30,}"),
    Form("fireworks", ("fw_",), b"fw_" + _AN + b"{20,}", is_random),
    Form("cerebras", ("csk-",), b"csk-" + _AN + b"{30,}"),
    Form("langsmith", ("lsv2_",), b"lsv2_(?:pt|sk)_[0-9a-f_]{32,}"),
    Form("pinecone", ("pcsk_",), b"pcsk_[A-Za-z0-9_]{30,}"),
    Form("tavily", ("tvly-",), b"tvly-" + _W + b"{20,}", is_random),
    Form("elevenlabs", ("sk_",), b"sk_" + _HEX + b"{40,}"),
    Form("llmgateway", ("lgw_",), b"lgw_" + _AN + b"{30,}"),
    Form("aws", ("akia", "asia", "abia", "acca"), b"((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})" + _END),
    Form("aws", ("absk",), b"ABSK[A-Za-z0-9+/]{80,}=*"),
    Form("aws", ("x-amz-signature=",), b"(?i:x-amz-signature)=([0-9a-f]{64})", is_random),
    Form("google", ("x-goog-signature=",), b"(?i:x-goog-signature)=([0-9a-f]{128,})", is_random),
    Form("azure", ("accountkey=",), b"(?i:accountkey)=([A-Za-z0-9+/]{40,}={0,2})"),
    Form("azure", ("sharedaccesskey=",), b"(?i:sharedaccesskey)=([A-Za-z0-9+/]{40,}={0,2})"),
    Form("azure", ("sig=",), b"sig=([A-Za-z0-9%/+]{40,}={0,2})", is_random),
    Form("github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), b"gh[pousr]_" + _AN + b"{30,}"),
    Form("github", ("github_pat_",), b"github_pat_[A-Za-z0-9_]{30,}"),
    Form(
        "gitlab",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glagent-", "gloas-", "glimt-"),
        b"gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent|oas|imt)-[A-Za-z0-9_-]{18,}(?:\\.[A-Za-z0-9_-]{2,}){0,2}",
    ),
    Form("slack", ("xox",), b"xox[abeoprs](?:\\.xox[bp])?-[A-Za-z0-9-]{10,}", is_random),
    Form("slack", ("xapp-",), b"xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    Form(
        "slack",
        ("https://hooks.slack.com/",),
        b"https://hooks\\.slack\\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{24,}",
    ),
    Form(
        "discord",
        ("https://discord.com/api/webhooks/", "https://discordapp.com/api/webhooks/"),
        b"https://discord(?:app)?\\.com/api/webhooks/[0-9]{15,22}/" + _W + b"{40,}",
    ),
    Form(
        "microsoft",
        ("https://outlook.office.com/webhook",),
        b"https://outlook\\.office\\.com/webhook[A-Za-z0-9_./@-]{60,}",
    ),
    Form(
        "stripe",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"),
        b"[sr]k_(?:live|test|prod)_" + _AN + b"{14,}",
    ),
    Form("stripe", ("whsec_",), b"whsec_[A-Za-z0-9+/]{24,}=*"),
    Form("sendgrid", ("sg.",), b"SG\\." + _W + b"{16,}\\." + _W + b"{16,}"),
    Form("mailgun", ("key-",), b"(key-[0-9a-f]{32})" + _END),
    Form("npm", ("npm_",), b"npm_" + _AN + b"{30,}"),
    Form("pypi", ("pypi-",), b"pypi-" + _W + b"{50,}"),
    Form("docker", ("dckr_",), b"dckr_(?:pat|oat)_" + _W + b"{20,}"),
    Form("digitalocean", ("dop_v1_", "doo_v1_", "dor_v1_"), b"do[opr]_v1_[0-9a-f]{40,}"),
    Form("shopify", ("shpat_", "shpca_", "shppa_", "shpss_"), b"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32,}"),
    Form("linear", ("lin_",), b"lin_(?:api|oauth)_" + _AN + b"{30,}"),
    Form("notion", ("ntn_",), b"ntn_" + _AN + b"{40,}"),
    Form("notion", ("secret_",), b"(secret_" + _AN + b"{43})" + _END),
    Form("databricks", ("dapi",), b"(dapi[0-9a-f]{32}(?:-[0-9]{1,2})?)" + _END),
    Form("doppler", ("dp.",), b"dp\\.(?:pt|st|ct|sa|scim|audit)\\.[A-Za-z0-9_.-]{40,}"),
    Form("vault", ("hvs.", "hvb.", "hvr."), b"hv[sbr]\\." + _W + b"{20,}"),
    Form("square", ("sq0",), b"sq0(?:atp|csp|idp)-" + _W + b"{20,}"),
    Form("square", ("eaaa",), b"EAAA" + _W + b"{56,}"),
    Form("facebook", ("eaa",), b"EAA[A-Za-z0-9]{80,}"),
    Form("atlassian", ("atatt", "atctt", "atbb"), b"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{28,}"),
    Form("grafana", ("glsa_",), b"glsa_" + _AN + b"{32}_[0-9A-Fa-f]{8}"),
    Form("grafana", ("glc_",), b"glc_[A-Za-z0-9+/]{32,}=*"),
    Form("grafana", ("eyjrijoi",), b"eyJrIjoi[A-Za-z0-9]{60,}=*"),
    Form("newrelic", ("nrak-", "nrii-", "nrjs-"), b"NR(?:AK|II|JS)-[A-Za-z0-9_-]{19,}"),
    Form("sentry", ("sntrys_", "sntryu_"), b"sntry[su]_[A-Za-z0-9_=+/]{40,}"),
    Form("planetscale", ("pscale_",), b"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}"),
    Form("postman", ("pmak-",), b"PMAK-[0-9a-fA-F-]{50,}"),
    Form("figma", ("figd_",), b"figd_" + _W + b"{36,}"),
    Form("supabase", ("sbp_", "sb_secret_"), b"sbp_[0-9a-f]{40}|sb_secret_" + _W + b"{20,}"),
    Form("netlify", ("nfp_",), b"nfp_" + _AN + b"{36,}"),
    Form("flyio", ("fm2_", "fo1_"), b"fm2_[A-Za-z0-9+/=]{60,}|fo1_" + _W + b"{40,}"),
    Form("tailscale", ("tskey-",), b"tskey-[a-z]{2,12}-[A-Za-z0-9-]{20,}"),
    Form("heroku", ("hrku-",), b"HRKU-" + _W + b"{30,}"),
    Form("circleci", ("ccipat_",), b"CCIPAT_[A-Za-z0-9_]{40,}"),
    Form("contentful", ("cfpat-",), b"CFPAT-" + _W + b"{40,}"),
    Form("hubspot", ("pat-na", "pat-eu"), b"pat-(?:na|eu)[0-9]-[0-9a-fA-F-]{32,}"),
    Form("brevo", ("xkeysib-", "xsmtpsib-"), b"x(?:key|smtp)sib-[0-9a-f]{64}-" + _AN + b"{16}"),
    Form("rubygems", ("rubygems_",), b"rubygems_[0-9a-f]{40,}"),
    Form("age", ("age-secret-key-1",), b"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    Form("pulumi", ("pul-",), b"(pul-[0-9a-f]{40})" + _END),
    Form("dynatrace", ("dt0c01.",), b"dt0c01\\.[A-Z0-9]{24}\\.[A-Z0-9]{60,}"),
    Form("onepassword", ("ops_eyj",), b"ops_eyJ[A-Za-z0-9+/_-]{100,}=*"),
    Form(
        "plaid",
        ("access-sandbox-", "access-production-", "access-development-"),
        b"access-(?:sandbox|production|development)-[0-9a-f-]{32,}",
    ),
    Form("typeform", ("tfp_",), b"tfp_[A-Za-z0-9_.=-]{40,}"),
    Form("dropbox", ("sl.",), b"sl\\.(?:u\\.)?[A-Za-z0-9_-]{100,}"),
    Form("docker", ("eyjhdxrocyi6",), b"eyJhdXRocyI6[A-Za-z0-9+/]{24,}={0,2}"),  # {"auths":
    Form("encoded_key", ("ls0tls1crudjti",), b"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}={0,2}", is_private_key),
    Form("artifactory", ("akcp",), b"AKCp[A-Za-z0-9]{60,}"),
    Form("twilio", tuple(f"sk{each}" for each in "0123456789abcdef"), b"(SK[0-9a-f]{32})" + _END),
    Form(
        "jwt",
        ("eyj", "eyaiywxn", "ewogicj"),
        _HEADER + b"{6,}\\." + _W + b"{6,}[A-Za-z0-9_.-]*|" + _HEADER + b"{180,}[A-Za-z0-9_.-]*"
        b"|eyJ" + _W + b"{8,}\\.eyJ" + _W + b"{6,}[A-Za-z0-9_.-]*",
    ),
)
