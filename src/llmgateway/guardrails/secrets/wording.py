"""Words that tell what is said about passwords, and what programs call things, from passwords made of words."""

from typing import Final

from llmgateway.guardrails.secrets.scan import compiled

_SAID: Final = """
password passwords passwd passwort passphrase pass passe pwd pin user users username name email e-mail mail login log
sign account enter type input confirm repeat retype verify choose change changed reset forgot forgotten lost show hide
toggle new old current your you must should can could cannot may please invalid incorrect wrong weak strong required
optional missing empty match matches mismatch characters chars letters digits digit number numbers symbol length long
short least most minimum maximum min max between contain contains include upper lower uppercase lowercase case not no
do does did error failed failure success successfully valid again here this that these those click field form value
values string text example e.g i.e default secret key token code hint label placeholder set create update save submit
cancel continue next back step policy rule rules expired expires expire use used using without with will be been is
are was were have has had it its if when before after because than too very more less only also same different at on
in of for to from by an a the and or we our us they them their he she his her as und oder der die das ein eine ist
nicht mit von zu mot de la le les et un une pour vous votre nouveau el los las y para su nueva actual contrasena clave
senha nova para sua il lo della e per tua het een van wachtwoord
"""
OF_MESSAGES: Final = frozenset(_SAID.encode().split())
"""What forms and messages say in the place of a password."""

_CALLED: Final = """
admin administrator api app apps application auth authentication aws azure backend base bucket build cert certificate
class cli client cloud cluster config configuration connection container content credential credentials cron css
custom data database db debug deploy deployment dev directory docker dummy elastic empty encrypted encryption endpoint
env environment external file files folder from frontend function generate generated get git global group hash hashed
header helper hidden host http https icon identity image import info init inline instance internal item java job json
keys kube kubernetes label language link list local main manager map meta method mod model module mongo mysql
namespace net node none not npm null object operator option options org output package page panel param parameter path
plain plugin pod policy pool port postgres prefix private prod production profile project property prod provider proxy
public python query queue random read readonly redis ref reference registry release remote repo report request
resource response role root route rsa run runner salt schema scope script secrets secure security server service
session setting settings shared some source sql ssh ssl stack stage staging state status storage store strength style
sub suffix super svc system table tag target task template temp temporary test tests text time title tls token tokens
tool tools type unique unknown url users utf util utils vault version view volume web webhook widget window workflow
write www xml yaml yml
"""
_OF_PROGRAMS: Final = frozenset(_CALLED.encode().split())
_WORD: Final = rb"[A-Za-z]{3,10}"
_JOINED: Final = compiled(
    _WORD
    + rb"(?:(?:-"
    + _WORD
    + rb"){2,7}|(?:_"
    + _WORD
    + rb"){3,7}|(?:\."
    + _WORD
    + rb"){3,7})(?:[-_.][0-9]{1,4})?[!\x1a]?"
)
_DIFFERENT: Final = 3  # words of a passphrase
_SIGNS: Final = b"-_."
_FEWEST: Final = 2  # of these
_PARTS: Final = b"_.-!\x1a0123456789"
_BLANKS: Final = bytes.maketrans(_PARTS, b" " * len(_PARTS))


def is_passphrase(value: bytes) -> bool:
    """Whether it is several words that a sign joins, and none of them is what programs or messages have."""
    if not has_several_signs(value) or not _JOINED.takes(value) or are_of_programs(value):
        return False
    return value.islower() or all(word.istitle() for word in _words(value))


def has_several_signs(value: bytes) -> bool:
    """A quick look: whether signs may join words in it."""
    return len(value) - len(value.translate(None, _SIGNS)) >= _FEWEST


def are_of_programs(value: bytes) -> bool:
    """Whether one of the words that signs join is what programs or messages have, or most are the same."""
    words = [word.lower() for word in _words(value)]
    return len({*words}) < _DIFFERENT or not (_OF_PROGRAMS.isdisjoint(words) and OF_MESSAGES.isdisjoint(words))


def _words(value: bytes) -> list[bytes]:
    return value.translate(_BLANKS).split()
