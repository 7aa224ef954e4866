"""What others may ask over MQTT: mute, and a few requests. Whatever arrives, nothing of it can do harm.

Called on the connection's thread; whatever takes long or touches the audio is only noted here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from monitor.host import elapsed_s
from monitor.limits import REQUEST_BYTES_MAX
from monitor.mqtt.topics import MUTE_SET, OFF, ON, REQUESTS, TopicTree
from monitor.sinks.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

MAX_PER_S = 10.0
"""Commands a second, on average; more are passed over."""
BURST = 30
_SHOWN_BYTES = 40
_SAY_AGAIN_S = 60.0


class Request(msgspec.Struct, frozen=True):
    """The payload of a request; unknown fields are let pass."""

    transaction: Annotated[str, Meta(max_length=128)] | int | None = None
    """Comes back in the response."""


class Allowance:
    """So many commands a second, with a burst: a token bucket."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = elapsed_s) -> None:
        """Start with a full bucket."""
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._tokens, self._at_s = float(burst), clock()

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now_s = self._clock()
        self._tokens = min(self._tokens + (now_s - self._at_s) * self._per_s, float(self._burst))
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Commands:
    """Understands what arrives, and answers."""

    def __init__(
        self,
        tree: TopicTree,
        *,
        allow_unmute: bool,
        on_mute: Callable[[bool], None],
        answers: Mapping[str, Callable[[], Mapping[str, Any]]],
        respond: Callable[[str, Mapping[str, Any]], None],
        on_mute_refused: Callable[[], None],
    ) -> None:
        """Join the parts.

        Args:
            tree: of this monitor.
            allow_unmute: whether `OFF` is obeyed.
            on_mute: told whether to be mute; must return at once.
            answers: command to what makes its data.
            respond: publishes a response on a topic.
            on_mute_refused: says again what holds, for switches that have already turned.
        """
        self._tree, self._allow_unmute = tree, allow_unmute
        self._on_mute, self._answers, self._respond = on_mute, answers, respond
        self._on_mute_refused = on_mute_refused
        self._allowance = Allowance(MAX_PER_S, BURST)
        self._complained_at_s: dict[str, float] = {}
        self.n_passed_over = 0
        """Beyond the allowance."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topics to be read."""
        return self._tree.of(MUTE_SET), self._tree.request("+")

    def take(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        """One message; False where the topic is none of ours."""
        command = topic.removeprefix(self._tree.request(""))
        is_request, is_mute = command != topic, topic == self._tree.of(MUTE_SET)
        if not (is_request or is_mute):
            return False
        if is_mute and payload == ON.encode():
            self._on_mute(True)  # silence is never denied, whatever else arrives
        elif not self._allowance.take():
            self.n_passed_over += 1
            self._complain(
                "flood", f"more than {MAX_PER_S:g} commands a second, {self.n_passed_over} passed over so far"
            )
        elif is_mute:
            self._mute(payload, retained=retained)
        elif not retained:  # an old request is nobody's
            self._request(command, payload)
        return True

    def _mute(self, payload: bytes, *, retained: bool) -> None:
        if payload == OFF.encode() and self._allow_unmute and not retained:
            self._on_mute(False)
        elif payload:  # an empty one only clears what was retained
            self._on_mute_refused()
            if payload == OFF.encode():
                self._complain(
                    "refused", "unmute over MQTT is not allowed, see mqtt.allow_remote_unmute; restart to listen again"
                )
            else:
                self._complain("unknown", f"found {_shown(payload)} on {self._tree.of(MUTE_SET)}, wanted {ON} or {OFF}")

    def _request(self, command: str, payload: bytes) -> None:
        if command not in REQUESTS:
            self._answer_error("unknown", None, f"found the request {command[:_SHOWN_BYTES]!r}, wanted {_or(REQUESTS)}")
            return
        try:
            request = _decoded(payload)
        except ValueError as error:
            self._answer_error(command, None, str(error))
            return
        self._answer(command, request)

    def _answer(self, command: str, request: Request) -> None:
        try:
            found = self._answers[command]()
        except Exception as error:
            log.exception("the request %s failed", command)
            self._answer_error(command, request, f"{type(error).__name__}: {error}")
            return
        self._respond(self._tree.response(command), _response("ok", request, data=dict(found)))

    def _answer_error(self, command: str, request: Request | None, error: str) -> None:
        self._respond(self._tree.response(command), _response("error", request, error=error))

    def _complain(self, kind: str, text: str) -> None:
        """Each kind once in a while: nonsense must neither fill the log nor hide a refusal."""
        now_s = elapsed_s()
        if now_s - self._complained_at_s.get(kind, float("-inf")) >= _SAY_AGAIN_S:
            self._complained_at_s[kind] = now_s
            log.warning("MQTT: %s", text)


def _decoded(payload: bytes) -> Request:
    """The request in a payload; an empty one asks for nothing special.

    Raises:
        ValueError: it is too long, no JSON object, or `transaction` is neither text nor number.
    """
    if len(payload) > REQUEST_BYTES_MAX:
        raise ValueError(f"found {len(payload)} bytes, wanted {REQUEST_BYTES_MAX} at most")
    if not payload.strip():
        return Request()
    try:
        return msgspec.json.decode(payload, type=Request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f'{error}; wanted a JSON object like {{"transaction": "1"}}') from None


def _response(status: str, request: Request | None, **more: Any) -> dict[str, Any]:
    transaction = None if request is None else request.transaction
    return {"schema": SCHEMA_VERSION, "status": status, "transaction": transaction, **more}


def _shown(payload: bytes) -> str:
    return repr(payload[:_SHOWN_BYTES]) + ("…" if len(payload) > _SHOWN_BYTES else "")


def _or(names: tuple[str, ...]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1]))
