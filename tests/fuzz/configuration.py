"""The configuration file: settings that every key accepts, or one line with exit code 78."""

import os
import tempfile
from pathlib import Path

from fuzz.promise import keep_promise
from monitor.config import Settings, load_configuration
from monitor.errors import MonitorError
from monitor.settings.catalogue import Catalogue
from monitor.settings.document import commented_file

_CATALOGUE = Catalogue(Settings)
_PLACE = Path(tempfile.gettempdir()) / f"ser-fuzz-{os.getpid()}.toml"


def check(data):
    _PLACE.write_bytes(data)
    try:
        configuration = load_configuration(_PLACE, {})
    except MonitorError as error:
        keep_promise(error, _PLACE, {78})
        return
    finally:
        _PLACE.unlink()
    for path, found in configuration.found.items():
        assert _CATALOGUE.keys[path].accept(found.value, "again") == found.value
        assert found.origin.where.startswith(f"{_PLACE}:")


def seeds():
    texts = [
        commented_file(_CATALOGUE).replace("\n# ", "\n"),
        '[vad]\nmode = 1\nmode = 2\n[mqtt]\nhost = "a"\n[mqtt.tls]\nenabled = true\n[mqtt.host]\n',
        "mqtt = {host = 'a', tls = {enabled = false}}\naudio.command = '''arecord\n'''\n",
        '[[mqtt]]\n"mode" = [nan, -inf, 0x1f, 1979-05-27T07:32:00Z, "\\u0000"]\n',
        "\ufeffnode = 'Küche'\r\n[decision]\r\nmax_events_per_min = 1\r\n",
    ]
    return [b"", *(text.encode() for text in texts)]
