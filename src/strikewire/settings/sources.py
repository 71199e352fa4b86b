"""Where settings come from: the environment, secret files and `.env`.

Every setting `x` is read from `STRIKEWIRE_X`; those with a customary name (`DATABASE_URL`, `PORT`,
...) also from that. `<NAME>_FILE` names a file that holds the value, for secrets that are mounted
as files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from dotenv import dotenv_values
from pydantic import Field, JsonValue
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from strikewire.core.errors import SettingsError

_PREFIX: Final = "STRIKEWIRE_"
# A secret is a line; a mistaken path to something large must not be read into memory.
_MAX_SECRET_BYTES: Final = 64 * 1024

Seconds = Annotated[float, Field(gt=0, le=86_400)]


def setting(default: Any, description: str, *, customary: str | None = None, **rules: Any) -> Any:
    """Declare a setting: its default, what it does, its limits, and a customary name of it."""
    extra: dict[str, JsonValue] = {"customary": customary} if customary else {}
    return Field(default, description=description, json_schema_extra=extra, **rules)


def list_field_variables(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return the variables a field is read from, the one that wins first."""
    own = f"{_PREFIX}{name.upper()}"
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "customary" in extra:
        return own, str(extra["customary"])
    return (own,)


class VariableSource(PydanticBaseSettingsSource):
    """Reads variables by all their names: the environment first, then `.env` where we stand."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._dotenv = _read_dotenv()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Find one setting's text."""
        variables = list_field_variables(field_name, field)
        for layer in (os.environ, self._dotenv):
            value = _find(layer, variables)
            if value is not None:
                return value, field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the settings that somebody set."""
        fields = self.settings_cls.model_fields.items()
        found = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: value for name, value in found.items() if value is not None}


def _read_dotenv() -> Mapping[str, str | None]:
    path = Path(".env")
    return dotenv_values(path) if path.is_file() else {}


def _find(layer: Mapping[str, str | None], variables: tuple[str, ...]) -> str | None:
    """Find a value in one layer, by name or by file; an empty one counts as not set."""
    for variable in variables:
        value, path = layer.get(variable), layer.get(f"{variable}_FILE")
        if value and path:
            msg = f"{variable} and {variable}_FILE are both set; one was wanted"
            raise SettingsError(msg)
        if value:
            return value
        if path:
            return _read_secret(f"{variable}_FILE", Path(path))
    return None


def _read_secret(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SECRET_BYTES + 1)
    except OSError as error:
        msg = f"{variable}: cannot read {path}: {error.strerror}"
        raise SettingsError(msg) from error
    if len(content) > _MAX_SECRET_BYTES:
        msg = f"{variable}: {path} is longer than {_MAX_SECRET_BYTES} bytes"
        raise SettingsError(msg)
    # Editors and `kubectl create secret --from-file` leave a newline that is no part of the secret.
    return content.decode("utf-8", "strict").strip()
