"""The figures beside their goals: one JSON object, and the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from tests.bench import (
    cpu,
    display,
    evidence,
    instructions,
    latency,
    loss,
    memory,
    real_stack,
    sounding,
    stamping,
    starting,
    waking,
)
from tests.bench.camera import CAPTURE, SELF_VIEW
from tests.bench.goals import Goal
from tests.bench.plan import (
    BITRATE,
    FPS,
    HEIGHT,
    LORES_HEIGHT,
    LORES_WIDTH,
    MAX_BITRATE,
    MEMORY_SECONDS,
    PERIOD_US,
    PRE_EVENT_SECONDS,
    THREADS,
    WIDTH,
)

CPU_LIMIT: Final = 1.05
ARENA_LIMIT: Final = 1.05
LOSS_LIMIT: Final = 1.0
LIGHT_LIMIT_MS: Final = 50.0
FRAGMENT_LIMIT_MS: Final = 150.0
CAMERA_LIMIT_MB: Final = 150.0
WHOLE_LIMIT_MB: Final = 185.0
DISPLAY_LIMIT_MS: Final = 1.5 * PERIOD_US / 1000
WORDS_LIMIT_MS: Final = 200.0
DISPLAY_CPU_LIMIT_MS: Final = 0.5
CORRELATION_LIMIT: Final = 0.95


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured in one run."""

    machine: dict[str, Any]
    cpu: cpu.Result
    loss: loss.Result
    memory: memory.Result
    waking: waking.Result
    starting: starting.Result
    latency: latency.Result
    display: display.Result
    evidence: evidence.Result
    stamping: stamping.Result
    sounding: sounding.Result
    instructions: instructions.Result
    real_stack: real_stack.Result
    seconds: float

    def goals(self) -> list[Goal]:
        """Every goal, reached or not."""
        quick, worst = latency.quantile, self.memory.worst
        got = min(self.cpu.pre_event[loss.CAMERAD])
        return [
            Goal(
                "CPU of picamera2's, buffering",
                self.cpu.ratio(cpu.BUFFERING, cpu.PEER_BUFFERING)["ratio"],
                CPU_LIMIT,
                "times",
            ),
            Goal(
                "CPU of picamera2's, recording",
                self.cpu.ratio(cpu.RECORDING, cpu.PEER_RECORDING)["ratio"],
                CPU_LIMIT,
                "times",
            ),
            Goal("pre-event footage, least", round(got, 3), PRE_EVENT_SECONDS, "s", at_least=True),
            Goal(
                "footage lost by SIGKILL, most",
                round(max(self.loss.lost[loss.CAMERAD]), 3),
                LOSS_LIMIT,
                "s",
            ),
            Goal(
                "ring's memory by seconds at maximum rate",
                round(self.memory.arena_ratio, 4),
                ARENA_LIMIT,
                "times",
            ),
            *(
                Goal(
                    f"edge to red light {name}, p99",
                    round(quick(self.latency.light[name], 0.99), 2),
                    LIGHT_LIMIT_MS,
                    "ms",
                )
                for name in latency.POLICIES
            ),
            Goal(
                "decided hold to red light, most",
                round(max(self.latency.hold), 2),
                LIGHT_LIMIT_MS,
                "ms",
            ),
            *(
                Goal(
                    f"edge to first fragment on disk {name}, p99",
                    round(quick(self.latency.fragment[name], 0.99), 1),
                    FRAGMENT_LIMIT_MS,
                    "ms",
                )
                for name in latency.POLICIES
            ),
            Goal(
                "exposure to front display, p99",
                round(quick(self.display.latency, 0.99), 1),
                DISPLAY_LIMIT_MS,
                "ms",
            ),
            Goal(
                "decided press to the cause in words, most",
                round(max(self.display.words), 1),
                WORDS_LIMIT_MS,
                "ms",
            ),
            Goal(
                "CPU of the display's process per picture",
                round(self.display.cpu, 3),
                DISPLAY_CPU_LIMIT_MS,
                "ms",
            ),
            Goal(
                "display like the mirrored picture, least correlation",
                round(min(self.display.correlation), 4),
                CORRELATION_LIMIT,
                "",
                at_least=True,
            ),
            *self.starting.goals(),
            Goal(
                "memory of controller and capture",
                _rounded(worst(memory.CONTROLLER, CAPTURE)),
                CAMERA_LIMIT_MB,
                "MB",
            ),
            Goal(
                "memory with the self-view",
                _rounded(worst(memory.CONTROLLER, CAPTURE, SELF_VIEW)),
                WHOLE_LIMIT_MB,
                "MB",
            ),
            *self.waking.goals(),
            *self.evidence.goals(),
            *self.stamping.goals(),
            *self.instructions.goals(),
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for JSON. Times in the unit that the key names."""
        goals = self.goals()
        return {
            "machine": self.machine,
            "seconds": round(self.seconds),
            "camera": {
                "main": f"{WIDTH}x{HEIGHT}",
                "lores": f"{LORES_WIDTH}x{LORES_HEIGHT}",
                "fps": FPS,
                "bitrate": BITRATE,
                "max_bitrate": MAX_BITRATE,
                "encoder_threads": THREADS,
                "encoded_kilobits_per_second": self.cpu.kilobits,
            },
            "cpu_ms_per_frame": {
                subject: {
                    "median": round(self.cpu.median(subject), 3),
                    "rounds": [round(median(slices), 3) for slices in rounds],
                }
                for subject, rounds in self.cpu.rounds.items()
            },
            "cpu_of_others": {
                "median": round(median(self.cpu.others), 3),
                "most": round(max(self.cpu.others), 3),
            },
            "cpu_camerad_to_picamera2": {
                "buffering": self.cpu.ratio(cpu.BUFFERING, cpu.PEER_BUFFERING),
                "recording": self.cpu.ratio(cpu.RECORDING, cpu.PEER_RECORDING),
            },
            "cpu_picamera2_default_threads_to_one": self.cpu.ratio(
                cpu.PEER_DEFAULT, cpu.PEER_ONE_THREAD
            ),
            "pre_event_seconds": {
                "wanted": PRE_EVENT_SECONDS,
                "got": {name: _list(of, 3) for name, of in self.cpu.pre_event.items()},
            },
            "seconds_missing_after_an_orderly_stop": {
                name: _list(of, 3) for name, of in self.cpu.stopped_short.items()
            },
            "seconds_lost_by_sigkill": {
                name: {
                    "median": round(median(of), 3),
                    "most": round(max(of), 3),
                    "all": _list(of, 3),
                    "unreadable_files": self.loss.unreadable[name],
                }
                for name, of in self.loss.lost.items()
            },
            "ring": {
                "arena_bytes": self.memory.arena_bytes,
                "arena_to_seconds_at_maximum_rate": round(self.memory.arena_ratio, 4),
                "footage_seconds": round(self.memory.footage_seconds, 3),
                "footage_bytes": self.memory.footage_bytes,
                "arena_to_footage": _quotient(self.memory.arena_bytes, self.memory.footage_bytes),
                "picamera2_memory_to_footage": [
                    _quotient(held["memory_bytes"], held["bytes"]) for held in self.cpu.held
                ],
            },
            "memory_megabytes": {
                "buffer_seconds": MEMORY_SECONDS,
                "pss": {
                    state: {name: _rounded(of.pss) for name, of in processes.items()}
                    for state, processes in self.memory.processes.items()
                },
                "rss": {
                    state: {name: round(of.rss, 1) for name, of in processes.items()}
                    for state, processes in self.memory.processes.items()
                },
                "of_pss_the_simulated_cameras_buffers": _rounded(
                    self.memory.processes[memory.STATES[-1]][CAPTURE].simulated
                ),
                "controller_asked_by_its_socket": _rounded(self.memory.asked.pss),
                "other_processes_sharing_libraries": self.memory.sharers,
            },
            "wakes_per_second": self.waking.as_json(),
            "milliseconds": {
                **{
                    f"edge_to_red_light {name}": _quantiles(of)
                    for name, of in self.latency.light.items()
                },
                "decided_hold_to_red_light": _quantiles(self.latency.hold),
                **{
                    f"edge_to_first_fragment {name}": _quantiles(of)
                    for name, of in self.latency.fragment.items()
                },
                "exposure_to_front_display": _quantiles(self.display.latency),
                "decided_press_to_words": _quantiles(self.display.words),
                "start_to_ready": _quantiles(self.latency.ready),
                "start_to_control_socket": _quantiles(self.latency.control),
                "picamera2_start_to_first_picture": _quantiles(self.latency.peer_ready),
            },
            "start_ms": self.starting.as_json(),
            "display": {
                "cpu_ms_per_picture": round(self.display.cpu, 3),
                "correlation_least": round(min(self.display.correlation), 4),
                "correlation_not_mirrored_most": round(max(self.display.plain), 4),
                "pictures_missed": self.display.missed,
                "pictures_exposed": self.display.exposed,
            },
            "evidence": self.evidence.as_json(),
            "stamp": self.stamping.as_json(),
            "sound": self.sounding.as_json(),
            "instructions": self.instructions.as_json(),
            "real_libcamera": self.real_stack.as_json(),
            "goals": [goal.as_json() for goal in goals],
            "all_reached": all(goal.reached for goal in goals),
        }

    def table(self) -> str:
        """Everything, for people."""
        lines = [f"{self.machine['processor']}, {self.machine['cores']} cores", ""]
        lines += [f"{'processor time per picture':<52}{'ms':>9}", "-" * 61]
        for subject in _SUBJECTS:
            if subject in self.cpu.rounds:
                lines.append(f"{subject:<52}{self.cpu.median(subject):>9.2f}")
        for name, figures in self.stamping.ms_per_frame.items():
            lines.append(f"{f'{name}, 1920x1080':<52}{median(figures):>9.4f}")
        lines += self.sounding.table()
        lines += ["", *self.instructions.table()]
        lines += ["", *self.real_stack.table()]
        lines += [
            "",
            f"{'seconds':<36}{'camerad':>12}{'picamera2':>12}{'  fragmented':>13}",
            "-" * 73,
        ]
        lines += self._seconds()
        lines += [
            "",
            f"{'proportional memory, MB':<36}" + "".join(f"{s:>12}" for s in memory.STATES),
        ]
        lines.append("-" * 73)
        for name in (memory.CONTROLLER, CAPTURE, SELF_VIEW):
            row = [self.memory.processes[state][name].pss for state in memory.STATES]
            lines.append(f"{name:<36}" + "".join(f"{_shown(f, 1):>12}" for f in row))
        lines += ["", *self.waking.table()]
        lines += ["", f"{'milliseconds':<48}{'p50':>8}{'p99':>8}{'most':>8}", "-" * 73]
        for name, of in self.as_json()["milliseconds"].items():
            shown = "".join(f"{of[key]:>8.1f}" for key in ("p50", "p99", "most"))
            lines.append(f"{name.replace('_', ' '):<48}{shown}")
        lines += ["", *self.evidence.table()]
        lines += ["", f"{'goal':<63}{'is':>10}{'limit':>10}", "-" * 110]
        for goal in self.goals():
            sign = ">=" if goal.at_least else "<="
            verdict = "reached" if goal.reached else "not measured"
            if goal.missed_by is not None:
                verdict = f"missed by {goal.missed_by:.3g} {goal.unit}"
            is_now = _shown(goal.value, 3)
            lines.append(
                f"{goal.name:<63}{is_now:>10}  {sign} {goal.limit:<6g} {goal.unit:<6}{verdict}"
            )
        return "\n".join(lines)

    def _seconds(self) -> list[str]:
        got, short = self.cpu.pre_event, self.cpu.stopped_short
        lost = self.loss.lost
        rows: list[tuple[str, list[float | None]]] = [
            ("pre-event wanted", [PRE_EVENT_SECONDS, PRE_EVENT_SECONDS, None]),
            ("pre-event got, least", [min(got["camerad"]), min(got["picamera2"]), None]),
            ("missing after a stop, most", [max(short["camerad"]), max(short["picamera2"]), None]),
            ("lost by SIGKILL, median", [median(lost[name]) for name in _LOSERS]),
            ("lost by SIGKILL, most", [max(lost[name]) for name in _LOSERS]),
        ]
        return [
            f"{name:<36}" + "".join(f"{_shown(figure, 2):>12}" for figure in figures)
            for name, figures in rows
        ]


_LOSERS: Final = (loss.CAMERAD, loss.PEER, loss.FRAGMENTED)
_SUBJECTS: Final = (
    cpu.BARE,
    cpu.SENSOR,
    cpu.PEER_BUFFERING,
    cpu.PEER_RECORDING,
    cpu.PEER_ONE_THREAD,
    cpu.PEER_DEFAULT,
    *(
        state + part
        for state in (cpu.IDLE, cpu.BUFFERING, cpu.RECORDING)
        for part in ("", cpu.CONTROLLER, cpu.DISPLAY)
    ),
)


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)


def _shown(figure: float | None, digits: int) -> str:
    return "-" if figure is None else f"{figure:.{digits}f}"


def _list(figures: Sequence[float], digits: int) -> list[float]:
    return [round(figure, digits) for figure in figures]


def _quotient(one: float, other: float) -> float | None:
    return round(one / other, 3) if other else None


def _quantiles(figures: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(latency.quantile(figures, 0.5), 2),
        "p99": round(latency.quantile(figures, 0.99), 2),
        "most": round(max(figures), 2),
        "count": len(figures),
    }
