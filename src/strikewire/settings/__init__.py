"""Settings: read, checked, and handed to the components they configure."""

from strikewire.settings.settings import Settings, list_variables, load_settings

__all__ = ["Settings", "list_variables", "load_settings"]
