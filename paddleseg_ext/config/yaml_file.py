"""A YAML file in PaddleSeg's format, merged with the files that its ``_base_`` names."""

from pathlib import Path
from typing import Any

import yaml

# The function, not the module: paddleseg.cvlibs gives the name `config` to both.
from paddleseg.cvlibs.config import merge_config_dicts

from paddleseg_ext.config.mask_spelling import keep_newer
from paddleseg_ext.config.places import Key, Places, dotted
from paddleseg_ext.config.top_level_keys import known_keys
from paddleseg_ext.errors import UserError, one_line


class _Loader(yaml.SafeLoader):
    """Also reads the tuples in files that ``yaml.dump`` wrote from a ``Config`` of PaddleSeg."""


def _tuple(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> tuple:
    return tuple(loader.construct_sequence(node))


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _tuple)


def require_yaml(path: str, named_by: str) -> None:
    """Raise ``UserError`` unless ``path``, which the flag or key ``named_by`` gives, is a .yml or .yaml file."""
    if not Path(path).is_file():
        raise UserError(f"{named_by}: the file {path} does not exist; check the path.")
    if not path.endswith((".yml", ".yaml")):
        raise UserError(f"{named_by}: {path} is not a .yml or .yaml file; give the YAML file of the model.")


def read_yaml(path: Path, above: tuple[Path, ...] = ()) -> tuple[dict, Places]:
    """The merged content of a file and its bases, and where its keys stand.

    Args:
        path: The file.
        above: The files, resolved, that lead to this one through ``_base_``.

    Raises:
        UserError: A file does not exist, is no YAML, or leads back to itself; a key is misspelled.
    """
    if path.resolve() in above:
        raise UserError(f"{path}: _base_ leads back to this file; break the circle.")
    text, dic, places = _read_one(path)
    bases = dic.pop("_base_", [])
    dic = known_keys(dic, places, text)
    if not isinstance(bases, (str, list)):
        raise UserError(f"{path}: _base_ must be a file name or a list of them, not {bases!r}.")
    own = places
    for base in [bases] if isinstance(bases, str) else bases:
        base_path = path.parent / str(base)
        require_yaml(str(base_path), f"{own('_base_')}, _base_")
        base_dic, base_places = read_yaml(base_path, (*above, path.resolve()))
        _check_mergeable(dic, base_dic, places, ())
        if isinstance(dic.get("model"), dict):
            keep_newer(set(dic["model"]), base_dic.get("model"))
        dic = merge_config_dicts(dic, base_dic)
        places = places.over(base_places)
    dic.pop("_inherited_", None)
    return dic, places


def _read_one(path: Path) -> tuple[str, dict, Places]:
    """The text of one file, its content, and where its keys stand."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        dic = yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line} is not valid YAML: {error.problem}; check indentation and colons.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {one_line(error)}.") from error
    if not isinstance(dic, dict):
        raise UserError(f"{path} holds no keys; a configuration is a mapping such as `batch_size: 2`.")
    return text, dic, Places.of(path, node)


def _check_mergeable(dic: dict[str, Any], base: dict[str, Any], places: Places, key: Key) -> None:
    """Raise ``UserError`` where a mapping would be merged with something else; PaddleSeg ends in a traceback there."""
    for name, value in dic.items():
        if not isinstance(value, dict) or name not in base or not value.get("_inherited_", True):
            continue
        here = (*key, name)
        if not isinstance(base[name], dict):
            raise UserError(
                f"{places(*here)}: {dotted(here)} is a mapping here and {base[name]!r} in the file of _base_; "
                "add `_inherited_: False` to replace it."
            )
        _check_mergeable(value, base[name], places, here)
