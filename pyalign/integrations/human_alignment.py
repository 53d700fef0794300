"""What human_alignment leaves on the disk: its temperatures.

It scores with ``softmax(dots * temperature)`` of dot products, whatever the distance that it decides by. Here a
temperature divides, so that theirs becomes ``1 / temperature`` with measure "dot".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyalign._dataclass import dataclass
from pyalign.errors import InputError, nearest
from pyalign.io.documents import read_json
from pyalign.io.paths import PathLike, bad

Key = tuple[str, ...]  # model, module, and the objective where there are several


@dataclass(frozen=True)
class ModelTemperature:
    """A temperature of human_alignment, converted."""

    temperature: float  # divides similarities: p = softmax(s / temperature).
    theirs: float  # the number in the file, which multiplies.
    measure: str = "dot"  # the similarity that it belongs to.


def read_temperatures(path: PathLike) -> dict[Key, ModelTemperature]:
    """The temperatures of a ``model_dict.json``.

    Args:
        path: a JSON file ``{model: {module: {"temperature": number}}}``, or with ``{objective: number}`` in place of
            the number. Modules without a temperature are passed over.

    Returns:
        By (model, module), or (model, module, objective).

    Raises:
        InputError: not such a file, no temperature in it, or one that is not a positive number.
        OSError: the file is missing or forbidden.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model_dict.json")
        ...     _ = path.write_text('{"vgg16": {"penultimate": {"module_name": "fc7", "temperature": {"vice": 0.5}}}}')
        ...     read_temperatures(path)
        {('vgg16', 'penultimate', 'vice'): ModelTemperature(temperature=2.0, theirs=0.5, measure='dot')}
    """
    temperatures: dict[Key, ModelTemperature] = {}
    for model, modules in _items(path, read_json(path, strict=False), "the file"):
        for module, facts in _items(path, modules, repr(model)):
            temperature = dict(_items(path, facts, f"{model}/{module}")).get("temperature")
            if isinstance(temperature, dict):
                for objective, value in temperature.items():
                    temperatures[model, module, objective] = _converted(path, f"{model}/{module}/{objective}", value)
            elif temperature is not None:
                temperatures[model, module] = _converted(path, f"{model}/{module}", temperature)
    if not temperatures:
        raise bad(path, "holds no temperature; expected {model: {module: {'temperature': number}}}")
    return temperatures


def find_temperature(path: PathLike, name: str) -> ModelTemperature:
    """The temperature under ``MODEL/MODULE`` or ``MODEL/MODULE/OBJECTIVE``; names may hold slashes themselves.

    Raises:
        InputError: as `read_temperatures`, or no such name.
    """
    by_name = {"/".join(key): value for key, value in read_temperatures(path).items()}
    if name not in by_name:
        raise InputError(f"{path}: has no temperature {name!r} ({len(by_name)} others){nearest(name, by_name)}")
    return by_name[name]


def _items(path: PathLike, value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise bad(path, f"must map models to modules to their facts; {where} is a {type(value).__name__}")
    yield from value.items()


def _converted(path: PathLike, where: str, value: Any) -> ModelTemperature:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 1e-30 <= value <= 1e30:
        raise bad(path, f"temperatures must be positive numbers (1e-30 to 1e30); {where} is {value!r:.60}")
    return ModelTemperature(1.0 / value, float(value))
