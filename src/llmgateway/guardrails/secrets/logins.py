"""Passwords that stand beside the name of who logs in with them: commands, statements, calls, and what people write."""

from typing import Final

from llmgateway.guardrails.secrets.context import GENERIC, PASSWORD
from llmgateway.guardrails.secrets.made_up import shows_by_itself
from llmgateway.guardrails.secrets.scan import FOREIGN, RUN, SIGN, Candidate, Detector, Judge, Scan, compiled, of_class
from llmgateway.guardrails.secrets.strength import is_password, is_password_in_prose, is_token
from llmgateway.guardrails.secrets.structures import CONNECTION
from llmgateway.wire.view import CONTEXT

SESSION: Final = "secret.session"
_NAME: Final = rb"[A-Za-z0-9._@+-]{2,40}"
_PART: Final = of_class("".join(each for each in RUN if each.encode() not in {FOREIGN, b"/", b"@"}))
_BARE: Final = b"(" + SIGN + b"{5,64})"
_QUOTED: Final = rb"[\"'](" + SIGN + rb"{5,64})[\"']"
_UNQUOTED: Final = rb"[\"']?" + _BARE
_ARGUMENTS: Final = rb"[^\n\x1f|;&]"
_COOKIES: Final = rb"(?i:[a-z_.-]{0,16}(?:sess|sid|auth|token|jwt|remember)[a-z_.-]{0,12})"
_MOST: Final = 200  # characters of a cookie that decide
COOKIE: Final = (
    rb"(?:[^=;\s\x1f]{1,24}=[^;\s\x1f]{0,32}; ){0,3}?" + _COOKIES + rb"=([A-Za-z0-9._~+/%%=-]{16,%d})" % _MOST
)
_LOGIN: Final = compiled(rb"(?:^|[\"'`=\s\x1f])[A-Za-z0-9_.-]{1,40}:([^\s\"'`@?\x1f]{1,64})\z")
_NEAR: Final = 112  # characters of a word, a name and what leads from one to the other
_LONGEST: Final = 112  # characters of a name and a password
_ENDS: Final = b".,:;!)\x1a"  # of a sentence, behind a password


def _found(pattern: bytes, kind: str, judge: Judge, *, is_prose: bool = False, needs: bytes = b"") -> Detector:
    """Finds what the pattern's group matches behind a gate word, if `judge` takes it; `needs` is between them."""
    whole = compiled(pattern)

    def detect(scan: Scan, at: int) -> Candidate | None:
        if needs and scan.octets.find(needs, at, at + _NEAR) < 0:
            return None
        match = whole.match(scan.octets, at) if scan.begins(at) or scan.octets[at] in b" :" else None
        if match is None:
            return None
        start, end = match.span(1)
        if is_prose:
            end = start + len(scan.octets[start:end].rstrip(_ENDS))
        if not scan.takes(judge, scan.octets[start:end]):
            return None
        return Candidate(start, 2, scan.tokens(end) if end - start == _MOST else end, kind, 0.9)

    return detect


_ASKED: Final = (  # and answered in the next line of a chat
    rb"(?i:passw(?:or)?d|passphrase|passcode)(?i:,? again|,? now|,? please| for [a-z -]{1,20}){0,2}\x1a\s{1,2}"
    rb"[A-Za-z][A-Za-z0-9._-]{1,20}: {1,2}" + _BARE
)
_STRING: Final = rb"[\"'][^\"'\n\x1f]{0,100}[\"'],\s{0,8}"
_CALLS: Final = ("username_pw_set(", "login(", "networkcredential(", "passwordauthentication(",
                 "usernamepasswordcredentials(", "setbasicauth(", "basicauth(", "basic_auth(", "credential]::new(",
                 "oracle.connect(", "oracledb.connect(")  # fmt: skip
_CONNECTS: Final = (
    "pdo(",
    "getconnection(",
    "mysqli(",
    "mysqli_connect(",
    "pg.connect(",
    "dbi->connect(",
    "plainauth(",
    "ftp(",
)
_ROUTERS: Final = ("password 0 ", "password 7 ", "secret 0 ")


_spoken = _found(
    rb"(?i:creds?|credentials?|log(?:ged)? ?in (?:with|as)|sign in with)(?i: are| is)?:? {1,2}" + _NAME +
    rb"(?: / | and |:)" + _BARE,
    PASSWORD, is_password_in_prose, is_prose=True,
)  # fmt: skip
_paired = _found(
    rb"(?i:log-?ins?|accounts?|access|wi-?fi|ftp|ssh|vpn)\b[^\n:.\x1f]{0,32}?(?:: {0,2}| is | are )" + _NAME +
    rb" / " + _BARE,
    PASSWORD, is_password_in_prose, is_prose=True, needs=b" / ",
)  # fmt: skip
_for = _found(
    rb"(?i:creds?|credentials?) for [a-z -]{1,24} (?:are|is):? " + _NAME + rb"(?: / | and |:)" + _BARE,
    PASSWORD, is_password_in_prose, is_prose=True, needs=b" for ",
)  # fmt: skip
_slashed = _found(
    rb"(?i:creds?|credentials?|log-?in)(?: are| is) " + _NAME + rb"/" + _BARE,
    PASSWORD,
    is_password_in_prose,
    is_prose=True,
    needs=b"/",
)


_answer = _found(_ASKED, PASSWORD, is_password_in_prose, is_prose=True)


def _answered(scan: Scan, at: int) -> Candidate | None:
    """The password in the line behind one that asks for it."""
    return _answer(scan, at) if scan.octets.find(b"\x1a", at, at + CONTEXT) >= 0 else None


def _addressed(scan: Scan, at: int) -> Candidate | None:
    """The password in an address as Go's drivers have it: user:password@tcp(host)."""
    low = max(0, at - _LONGEST)
    found = _LOGIN.search(scan.octets[low:at])
    if found is None or not is_password(found.group(1)):
        return None
    return Candidate(low + found.start(1), 2, at, CONNECTION, 0.9)


DETECTORS: Final[tuple[tuple[str, Detector], ...]] = (
    *((gate, _paired) for gate in ("login", "log-in", "account", "access", "wifi", "wi-fi", "ftp", "ssh", "vpn")),
    *((gate, _spoken) for gate in ("creds", "credential", "log in ", "login with", "logged in ", "sign in with")),
    *((gate, _for) for gate in ("creds ", "credential")),
    *((gate, _slashed) for gate in ("creds ", "credential", "login ")),
    *((gate, _addressed) for gate in ("@tcp(", "@unix(")),
    (":thin:", _found(rb"(?i::thin):[^/\s\x1f:@\"']{1,60}/(" + _PART + rb"{4,64})@", CONNECTION, is_password)),
    ("identified by", _found(rb"(?i:identified by) " + _QUOTED, PASSWORD, is_password)),
    *(
        (gate, _found(pattern + _UNQUOTED, PASSWORD, is_password))
        for gate, pattern in (
            ("smbclient ", rb"smbclient [^\n\x1f]{0,80}?-U ?" + _NAME + rb"%"),
            ("htpasswd ", rb"htpasswd -[A-Za-z]{0,4}b[A-Za-z]{0,4} (?:[^\s\x1f]{1,64} )?" + _NAME + rb" "),
            *((gate, gate.encode()) for gate in ("-storepass ", "-keypass ", "requirepass ", "masterauth ", "psk=")),
            ("u: ", rb"(?i:u: ?)" + _NAME + rb",?\s{1,2}(?i:p): ?"),
            *((gate, gate.encode() + _ARGUMENTS + rb"{0,120}?-P ?") for gate in ("sqlcmd ", "bcp ")),
            ("ssh-keygen ", rb"ssh-keygen " + _ARGUMENTS + rb"{0,80}?-[PN] "),
            ("unzip -p ", rb"unzip -P "),
            ("cqlsh ", rb"cqlsh " + _ARGUMENTS + rb"{0,80}?-p "),
            ("rabbitmqctl ", rb"rabbitmqctl (?:add_user|change_password) " + _NAME + rb" "),
            ("xfreerdp ", rb"xfreerdp " + _ARGUMENTS + rb"{0,100}?/p:"),
            ("rclone ", rb"rclone obscure "),
            ("zip -p ", rb"zip -P "),
            ("mosquitto_", rb"mosquitto_[a-z]{3,6} " + _ARGUMENTS + rb"{0,100}?-P "),
            ("snmp-server community ", rb"(?i:snmp-server community )"),
            ("snmp", rb"snmp[a-z]{3,8} " + _ARGUMENTS + rb"{0,40}?-c ?"),
            ("7z ", rb"7z [a-z](?: [^\n\x1f]{1,80}?)? -p"),
            ("basic auth", rb"(?i:basic auth)(?:entication)?:? " + _NAME + rb":"),
            ("curl ", rb"curl " + _ARGUMENTS + rb"{0,120}?-(?:[a-zA-Z]{0,4}u|-proxy-user)[ =]?[\"']?" + _NAME + rb":"),
            ("http -a ", rb"http -a [\"']?" + _NAME + rb":"),
            ("redis-cli ", rb"redis-cli (?:" + _ARGUMENTS + rb"{1,80}? )??-a "),
            ("wpa_passphrase ", rb"wpa_passphrase [^\s\x1f]{1,32} "),
            ("openssl enc ", rb"openssl enc " + _ARGUMENTS + rb"{0,100}?-k "),
            ("net use ", rb"(?i:net use) [^\n\x1f]{1,100}?/(?i:user):[^\s\x1f]{1,40} "),
            (":5432:", rb":5432:[A-Za-z0-9_*-]{1,40}:[A-Za-z0-9_.-]{1,40}:"),
        )
    ),
    *(
        (gate, _found(gate.encode() + rb"[a-z]{0,8} " + _ARGUMENTS + rb"{0,160}?-" + option + rb" ?" + _UNQUOTED,
                      PASSWORD, is_password))
        for gate, option in (("ldap", b"w"), ("mongo", b"p"))
    ),
    ("sqlplus ", _found(rb"(?i:sqlplus)(?: -[A-Za-z]{1,3})? [\"']?[^/\s\x1f]{1,40}/(" + _PART + rb"{4,64})@",
                        CONNECTION, is_password)),
    ("convertto-securestring ", _found(rb"(?i:convertto-securestring(?: -string)?) " + _QUOTED, PASSWORD, is_password)),
    ("net use ", _found(rb"(?i:net use) [^\s\x1f]{1,16} [^\s\x1f]{1,80} ([^/\s\x1f\"']" + SIGN + rb"{4,63})",
                        PASSWORD, is_password)),
    ("net user ", _found(rb"(?i:net user) " + _NAME + rb" " + _BARE, PASSWORD, is_password)),
    *(
        (gate, _found(gate.encode() + rb" [^\n\x1f|;&]{0,48}?-p[ =][\"']?" + _BARE, PASSWORD, is_password))
        for gate in ("docker login", "podman login", "registry login", "oc login")
    ),
    *(
        (gate, _found(rb"(?i:[a-z]{4,13}(?: ?= ?)?)\(\s?[\"'][^\"'\s\x1f]{1,64}[\"'],\s?" + _QUOTED,
                      PASSWORD, is_password))
        for gate in ("auth=(", "auth = (", "httpbasicauth(")
    ),
    *(
        (gate, _found(rb"[]A-Za-z_>:.-]{3,30}\(\s{0,8}" + _STRING * strings + _QUOTED, PASSWORD, is_password))
        for gates, strings in ((_CALLS, 1), (_CONNECTS, 2))
        for gate in gates
    ),
    ("twilio", _found(rb"(?i:twilio)[^\n\x1f]{0,40}\([\"']AC[0-9a-f]{32}[\"'], ?[\"']([0-9a-f]{32})[\"']",
                      "secret.twilio", is_token)),
    *((gate, _found(b"(?i:" + gate.encode() + b")" + _BARE, PASSWORD, is_password)) for gate in ("bindpw ", *_ROUTERS)),
    ("wpa", _found(rb"(?i:wpa[23]?(?:[ /-](?:psk|wpa2|wpa3|personal))?[ _-](?:key|psk|pass|code)(?: is|:|=| =) ?)" +
                   _UNQUOTED, PASSWORD, is_password_in_prose, is_prose=True)),
    *((gate, _answered) for gate in ("passw", "passphrase", "passcode")),
    ("jwt.", _found(rb"jwt\.[a-z]{4,6}\([^\n\x1f]{1,60}?, ?[\"']([A-Za-z0-9+/=_-]{16,128})[\"']", GENERIC, is_token)),
    *(
        (gate, _found(gate.encode() + _BARE, PASSWORD, shows_by_itself, is_prose=True))
        for name in ("admin", "root", "administrator")
        for gate in (f"{name}/", f"{name} / ", f"{name}:")
    ),
    ("curl ", _found(rb"curl " + _ARGUMENTS + rb"{0,120}?(?:-b|--cookie)[ =][\"']?" + COOKIE, SESSION, is_token)),
    ("cookie: ", _found(rb"(?i:cookie): " + COOKIE, SESSION, is_token)),
)  # fmt: skip
KINDS: Final = (SESSION,)
