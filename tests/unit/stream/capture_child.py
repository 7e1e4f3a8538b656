"""A capture program of a few lines that speaks `camerad.stream.wire` and does what it is told.

settings: "runs": a list of scripts, one for each run of the program (the last one repeats), counted
in the file "counter". A script is a list of steps; "play" is the endless loop of a good camera:
obey commands, and send a beat and, if armed, a packet for every frame. "group": packets from one
key frame to the next, if none is asked for; 10 by itself.

    {"do": "hello"} {"do": "beat"} {"do": "error", "message": ...} {"do": "gap", ...}
    {"do": "play", "frames": 30, "deaf": true, "beats": false, "packets": false, "frozen": true,
     "interval": 0.005}
    {"do": "skip", "frames": 3}            frame numbers jump
    {"do": "cut"}                          half a packet
    {"do": "garbage"} {"do": "close"} {"do": "exit", "code": 3} {"do": "hang"}
    {"do": "age", "us": 1000000}           media time goes back
    {"do": "say", "sound": {...}}          hello, with that format of sound
    {"do": "heard", "state": "on", ...}    what the microphone does
    {"do": "armed"} {"do": "loud"}         wait until it is armed, or sound is on
    {"do": "told", "command": "view"}      wait until it was told that
    {"do": "cut sound"}                    half an access unit

While it plays and sound is on, each frame brings an access unit of sound too.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
from hashlib import shake_128
from pathlib import Path
from typing import Any

from camerad.base.clock import SystemClock
from camerad.stream.wire import CommandReader, MessageHeader, MessageKind, message

GROUP = 10
PR_SET_PDEATHSIG = 1


def footage(seed: str, number: int, size: int) -> bytes:
    """The bytes of a packet, which nobody can mistake for anything else."""
    return shake_128(f"{seed} {number}".encode()).digest(size)


class Camera:
    def __init__(self, settings: dict[str, Any], link: socket.socket) -> None:
        self.settings = settings
        self.link = link
        self.clock = SystemClock()
        self.commands = CommandReader()
        self.told: set[str] = set()
        self.epoch = 0
        self.sound_epoch = 0
        self.unit = 0
        self.in_group = 0
        self.frame = 0
        self.back_us = 0
        self.deaf = False
        self.journal = Path(settings["journal"])

    def send(self, data: bytes) -> None:
        self.link.sendall(data)

    def obey(self, seconds: float) -> None:
        """Pass the time, and carry out commands meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.deaf:
                time.sleep(left)
                return
            if select.select([self.link], [], [], left)[0]:
                data = self.link.recv(4096)
                if not data:
                    sys.exit(0)
                for command in self.commands.feed(data):
                    self.carry_out(command)

    def carry_out(self, command: dict[str, Any]) -> None:
        with self.journal.open("a") as journal:
            journal.write(json.dumps({"pid": os.getpid(), **command}) + "\n")
        self.told.add(command["command"])
        match command["command"]:
            case "arm":
                self.epoch, self.in_group = command["epoch"], 0
            case "disarm":
                self.epoch = 0
            case "key_frame":
                self.in_group = 0
            case "sound":
                self.sound_epoch = command["epoch"] if command["mode"] == "on" else 0
            case "stop":
                sys.exit(0)

    def header(self) -> MessageHeader:
        key = self.in_group == 0
        size = self.settings["size"] * (3 if key else 1)
        number = self.frame % 2**32
        now_us = self.clock.now_us() - self.back_us
        return MessageHeader(MessageKind.PACKET, key, self.epoch, number, now_us, size)

    def packet(self) -> bytes:
        header = self.header()
        self.in_group = (self.in_group + 1) % self.settings.get("group", GROUP)
        return header.pack() + footage(self.settings["seed"], self.frame, header.length)

    def sound(self) -> bytes:
        size = self.settings["size"] // 10
        header = MessageHeader(
            MessageKind.SOUND, False, self.sound_epoch, self.unit, self.clock.now_us(), size
        )
        self.unit += 1
        return header.pack() + footage(self.settings["seed"] + " sound", self.unit - 1, size)

    def beat(self, frozen: bool = False) -> None:
        pts_us = 1 if frozen else self.clock.now_us()
        self.send(message(MessageKind.BEAT, {"frame": self.frame, "pts_us": pts_us}))

    def step(self, do: str, **what: Any) -> None:
        match do:
            case "hello":
                self.send(message(MessageKind.HELLO, {"camera": "scripted", "pid": os.getpid()}))
            case "say":
                self.send(message(MessageKind.HELLO, {"camera": "scripted", **what}))
            case "heard":
                self.send(message(MessageKind.SOUND_STATE, what))
            case "loud":
                while not self.sound_epoch:
                    self.obey(0.01)
            case "cut sound":
                self.send(self.sound()[:100])
            case "play":
                self.deaf = what.get("deaf", False)
                for _ in range(what.get("frames", 10**9)):
                    if what.get("beats", True):
                        self.beat(what.get("frozen", False))
                    if self.epoch and what.get("packets", True):
                        self.send(self.packet())
                    if self.sound_epoch:
                        self.send(self.sound())
                    self.frame += 1
                    self.obey(what.get("interval", self.settings["interval"]))
            case "beat":
                self.beat()
            case "gap":
                self.send(message(MessageKind.GAP, what))
            case "error":
                self.send(message(MessageKind.ERROR, what))
            case "skip":
                self.frame += what["frames"]
            case "age":
                self.back_us = what["us"]
            case "cut":
                self.send(self.packet()[: self.header().length // 2])
            case "garbage":
                self.send(b"Traceback (most recent call last):\n")
            case "close":
                self.link.shutdown(socket.SHUT_RDWR)
            case "exit":
                os._exit(what["code"])
            case "hang":
                while True:
                    time.sleep(60)
            case "armed":
                while not self.epoch:
                    self.obey(0.01)
            case "told":
                while what["command"] not in self.told:
                    self.obey(0.01)
            case _:
                raise ValueError(do)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--socket-fd", type=int, required=True)
    parser.add_argument("--frame-fd", type=int, required=True)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = arguments.settings
    with open(settings["counter"], "a+b") as counter:
        counter.write(b".")
        run = counter.tell() - 1
    camera = Camera(settings, socket.socket(fileno=arguments.socket_fd))
    runs = settings["runs"]
    for step in runs[min(run, len(runs) - 1)]:
        camera.step(**step)
    camera.step("hang")


if __name__ == "__main__":
    main()
