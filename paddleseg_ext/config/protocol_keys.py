"""``test_config``: the keys of the test protocol."""

from paddleseg_ext.config.places import Places, placed
from paddleseg_ext.errors import UserError, hint
from paddleseg_ext.protocol.settings import TEST_CONFIG_KEYS, check_setting


def check_protocol_keys(dic: dict, places: Places) -> None:
    """Raise ``UserError`` for a key of ``test_config`` that does not exist, or a value of the wrong kind."""
    for name, value in dic.get("test_config", {}).items():
        where = places("test_config", name)
        if name not in TEST_CONFIG_KEYS:
            raise UserError(f"{where}: unknown key test_config.{name}; {hint(str(name), TEST_CONFIG_KEYS)}")
        with placed(f"{where}: test_config."):
            check_setting(name, value)
