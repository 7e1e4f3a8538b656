"""Prints every public name of ``libcamera`` and what kind of thing it is, as one JSON object.

Run by two interpreters, one with the real bindings and one with the simulated ones.
"""

import inspect
import json
import re

import libcamera


def members(cls):
    names = {}
    for base in reversed(cls.__mro__):
        if base.__module__ not in ("builtins", "pybind11_builtins", "enum"):
            names.update(vars(base))
    return names


def arguments(function):
    """[how many arguments are needed, how many there can be], without self; None if unknown."""
    signature = re.match(r"\w+\((.*)\)( ->|$)", (function.__doc__ or "").split("\n")[0])
    if signature and "libcamera._libcamera" in signature[1]:
        if "Overloaded" in function.__doc__:
            return None
        flat = re.sub(r"\[[^][]*\]", "", re.sub(r"\[[^][]*\]", "", signature[1]))
        given = [part for part in flat.split(", ") if part and not part.startswith("self")]
        return [sum("=" not in part for part in given), len(given)]
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    parameters = [one for one in parameters if one.name != "self"]
    return [sum(one.default is one.empty for one in parameters), len(parameters)]


def kind(value, raw):
    name = type(value).__name__
    if name == "ControlId":
        return [
            "control",
            value.name,
            value.vendor,
            str(value.type),
            value.isArray,
            value.size,
            value.enumerators(),
            value.id,
        ]
    if name == "PixelFormat":
        return ["pixel format", str(value), value.fourcc, value.modifier]
    if hasattr(value, "__members__"):
        return ["enumeration", {n: int(member) for n, member in value.__members__.items()}]
    if inspect.isclass(value):
        hashable = "unhashable" if value.__hash__ is None else "hashable"
        return ["class", hashable, "value" if value.__eq__ is not object.__eq__ else "identity"]
    if isinstance(raw, property):
        return ["property", "rw" if raw.fset else "ro"]
    if inspect.ismemberdescriptor(raw):
        return ["property", "rw"]
    if callable(value):
        return ["method", arguments(value)]
    return ["data"]


def walk(owner, prefix, found):
    names = members(owner) if inspect.isclass(owner) else vars(owner)
    for name in list(names):
        if name.startswith("_"):
            continue
        value = getattr(owner, name)
        if inspect.ismodule(value):
            continue
        found[prefix + name] = kind(value, names[name])
        if found[prefix + name][0] == "class":
            walk(value, f"{prefix}{name}.", found)


everything = {}
walk(libcamera, "", everything)
print(json.dumps(everything))
