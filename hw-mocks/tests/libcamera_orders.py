"""Calls ``libcamera`` in any order, and prints what comes of each call.

Run like `libcamera_probe.py`, by two interpreters. Left out is only what the real library does not
survive: to queue or reuse a request that the camera has, or one with another configuration's
buffers.
"""

import itertools
import random

from libcamera_probe import asking, configured, ready

import libcamera as L

WALKS, STEPS = 40, 40
SIZES = (1280, 720), (640, 480)
USUAL = (
    *("acquire", "configure", "allocate", "allocate", "request", "request", "start"),
    *("queue", "queue", "ready", "reuse", "queue", "ready", "reuse", "queue", "stop"),
)
EXCEPTIONS = 0.2
"""Share of calls that are not the usual next one."""


KEPT = []
"""Of all walks: the real library must not lose what it has in use."""


class Walk:
    """Calls in an order that follows from a seed; each method is one."""

    def __init__(self, cam, seed):
        self.cam, self.dice = cam, random.Random(seed)
        self.streams, self.requests, self.queued = [], [], []
        self.allocators = {}
        self.deaf = False

    def acquire(self):
        self.cam.acquire()

    def release(self):
        self.cam.release()

    def generate(self):
        cfg = self.cam.generate_configuration([L.StreamRole.Viewfinder] * self.dice.randint(0, 5))
        return None if cfg is None else len(cfg)

    def configure(self):
        cfg = configured(self.cam, *SIZES[: self.dice.randint(1, 2)])
        KEPT.append((self.requests, self.allocators))
        self.streams, self.requests = [one.stream for one in cfg], []
        self.allocators = {stream: L.FrameBufferAllocator(self.cam) for stream in self.streams}

    def configure_wrongly(self):
        cfg, _ = asking(self.cam, "NV12", (99999, 99999))
        if self.dice.random() < 0.5:
            cfg = self.cam.generate_configuration([])
        self.cam.configure(cfg)

    def allocate(self):
        stream = self.dice.choice(self.streams)
        return self.allocators[stream].allocate(stream)

    def request(self):
        made = self.cam.create_request(len(self.requests))
        self.requests.append(made)
        for stream in self.streams[: self.dice.randint(0, 2)]:
            buffers = self.allocators[stream].buffers(stream)
            if len(self.requests) <= len(buffers):
                made.add_buffer(stream, buffers[len(self.requests) - 1])
        return len(made.buffers)

    def add_buffer(self):
        request = self._free()
        stream = self.dice.choice(self.streams)
        request.add_buffer(stream, request.buffers[stream])

    def queue(self):
        request = self._free()
        self.cam.queue_request(request)
        self.queued.append(request)

    def reuse(self):
        request = self._free()
        request.reuse()
        return str(request), len(request.buffers), request.metadata

    def ready(self):
        done = ready(len(self.queued)) if self.queued else ready(1, 0)
        self.queued = []
        timed = [L.controls.SensorTimestamp in one.metadata for one in done]
        return [str(one) for one in done], timed

    def start(self):
        try:
            self.cam.start()
        except RuntimeError:
            # What the camera completed before is its own matter; of the rest nothing is heard.
            ready(1, 0)
            self.deaf = True
            raise

    def stop(self):
        self.cam.stop()
        heard = ready(len(self.queued)) if self.queued and not self.deaf else ready(1, 0)
        KEPT.append(self.queued)
        # Whether they are complete or cancelled is the camera's own matter.
        self.requests = [one for one in self.requests if one not in self.queued]
        self.queued, self.deaf = [], False
        return [(one.cookie, one.sequence) for one in heard]

    def _free(self):
        return self.dice.choice([one for one in self.requests if one not in self.queued])


def step(walk, usual):
    calls = [name for name in vars(Walk) if name[0] != "_" and callable(getattr(walk, name))]
    name = walk.dice.choice(calls) if walk.dice.random() < EXCEPTIONS else next(usual)
    if walk.deaf:
        # After a start that failed, no request is heard of until the camera is stopped.
        name = "stop"
    try:
        result = repr(getattr(walk, name)())
    except (RuntimeError, KeyError, IndexError) as error:
        result = type(error).__name__ + (f": {error}" if type(error) is RuntimeError else "")
    print(f"{name}: {result}", flush=True)


def main():
    cam = L.CameraManager.singleton().cameras[0]
    for seed in range(WALKS):
        print(f"walk {seed}: begins")
        walk, usual = Walk(cam, seed), itertools.cycle(USUAL)
        for _ in range(STEPS):
            step(walk, usual)
        walk.stop()
        KEPT.append(walk)
        cam.release()


if __name__ == "__main__":
    main()
