"""Uses ``libcamera`` as an application does, rightly and wrongly, and prints what comes of it.

Run by two interpreters: with the real bindings on the virtual camera of libcamera itself, and with
the simulated ones. Each line is "label: result". Only what holds for any camera is printed, so that
the two must agree line by line.
"""

import os
import select
import time

import libcamera as L


def show(label, function):
    try:
        result = repr(function())
    except (RuntimeError, ValueError, KeyError) as error:
        result = f"{type(error).__name__}: {error}"
    except (TypeError, AttributeError) as error:
        # The words are pybind11's there and Python's here.
        result = type(error).__name__
    print(f"{label}: {result}", flush=True)


def values():
    show("size", lambda: (L.Size(), L.Size(3, 4), str(L.Size(3, 4)), L.Size(3, 4) == L.Size(3, 4)))
    show("size is no tuple", lambda: L.Size(1, 2) == (1, 2))
    show("size has no hash", lambda: hash(L.Size(1, 2)))
    show("size of negative length", lambda: L.Size(-1, 2))
    show("size of broken length", lambda: L.Size(1.5, 2))
    show("size by name", lambda: L.Size(width=1, height=2))
    show("size times", lambda: (L.Size(1, 2) * 2.0, L.Size(10, 21) / 2.0))
    show("size null", lambda: (L.Size().is_null, L.Size(0, 1).is_null))
    show("size bounded", lambda: L.Size(3, 4).bounded_to(L.Size(2, 9)))
    show("size expanded", lambda: L.Size(3, 4).expanded_to(L.Size(2, 9)))
    show("size aligned", lambda: L.Size(33, 65).aligned_up_to(32, 2))
    show("size takes no attribute", lambda: setattr(L.Size(), "depth", 1))
    one = L.SizeRange(L.Size(2, 4), L.Size(8, 8), 2, 4)
    show("range", lambda: (one, str(one), L.SizeRange(), L.SizeRange(L.Size(1, 2), L.Size(3, 4))))
    show("range contains", lambda: [one.contains(L.Size(*s)) for s in ((4, 8), (3, 8), (4, 16))])
    show("point", lambda: (L.Point(1, -2), str(L.Point(1, -2)), L.Point() == L.Point(0, 0)))
    r = L.Rectangle(1, 2, 3, 4)
    show("rectangle", lambda: (r, str(r), L.Rectangle(), L.Rectangle(1, 2, L.Size(3, 4)) == r))
    show("rectangle of size", lambda: L.Rectangle(L.Size(5, 6)))
    show("rectangle parts", lambda: (r.size, r.topLeft, r.center, r.is_null))
    show("rectangle bounded", lambda: L.Rectangle(0, 0, 9, 9).bounded_to(L.Rectangle(5, 5, 9, 9)))
    for degrees in (0, 90, 180, 270, -90):
        t = L.Transform(degrees)
        show(f"transform {degrees}", lambda t=t: (str(t), t.hflip, t.vflip, t.transpose))
    show("transform 45", lambda: L.Transform(45))
    show("transform turned and flipped", lambda: str(L.Transform(180, hflip=True)))
    show("transform copy", lambda: str(L.Transform(L.Transform(hflip=True, transpose=True))))
    show("transform identity", lambda: L.Transform() == L.Transform())
    show("orientation", lambda: (L.Orientation.Rotate180, int(L.Orientation.Rotate90)))


def colours():
    C = L.ColorSpace
    named = (C.Raw(), C.Srgb(), C.Sycc(), C.Smpte170m(), C.Rec709(), C.Rec2020())
    show("colour spaces", lambda: [str(one) for one in named])
    for one in (C.Raw, C.Sycc, C.Smpte170m, C.Rec2020):
        odd = one()
        odd.range = C.Range.Limited if odd.range == C.Range.Full else C.Range.Full
        show(f"colour space of no name, from {one()}", lambda odd=odd: (str(odd), str(C(odd))))
    show("colour space of numbers", lambda: C(1, 2, 3, 4))
    show("colour space identity", lambda: C.Raw() == C.Raw())
    p = C.Sycc().primaries
    show("primaries", lambda: (p, str(p), p.name, p.value, int(p)))
    A = L.controls.AfModeEnum
    show("enumeration", lambda: (A.Auto, str(A.Auto), A.Auto == 1, A.Auto == A.Auto, A.Auto != 1))
    show("enumeration as number", lambda: ([7, 8][A.Auto], hash(A.Auto), A(1)))
    show("enumeration has no order", lambda: A.Auto < A.Manual)
    show(
        "enumerations by number", lambda: L.Request.Status.Complete == L.FrameMetadata.Status.Error
    )
    N = L.PixelFormat("NV12")
    show("pixel format", lambda: (N, str(N), N.fourcc, N.modifier, L.PixelFormat("NV12") == N))
    show("pixel format by code", lambda: L.PixelFormat(0x32315559, 0))
    show("pixel format is no name", lambda: N == "NV12")
    show("pixel format unknown", lambda: (L.PixelFormat("foo"), L.PixelFormat("foo").fourcc))
    show(
        "pixel format none", lambda: (L.PixelFormat() == L.PixelFormat("foo"), str(L.PixelFormat()))
    )
    show("pixel format has no hash", lambda: hash(N))
    E = L.controls.ExposureTime
    show("control", lambda: (E, str(E), L.controls.FrameDurationLimits))
    show("control identity", lambda: (E is L.controls.ExposureTime, {E: 1}[E], E.isArray))
    show("control values", L.controls.AfMode.enumerators)


def buffers():
    fd = os.memfd_create("probe")
    os.ftruncate(fd, 100)
    before = len(os.listdir("/proc/self/fd"))
    p = L.FrameBuffer.Plane()
    show("plane", lambda: (p.fd, p.offset, p.length))
    p.fd, p.offset, p.length = fd, 0, 100
    show("plane duplicates", lambda: (p.fd != fd, len(os.listdir("/proc/self/fd")) - before))
    b = L.FrameBuffer([p])
    show("buffer", lambda: (b.cookie, b.planes[0].fd == p.fd, b.planes[0] is b.planes[0]))
    show("buffer metadata", lambda: len(b.metadata.planes))
    show("buffer identity", lambda: (b == L.FrameBuffer([p]), {b: 1}[b]))
    b.cookie = 5
    show("buffer cookie", lambda: b.cookie)
    s = L.SensorConfiguration()
    show("sensor configuration", lambda: (s.is_valid(), s.bit_depth, s.output_size, s.analog_crop))
    show("sensor binning", lambda: (s.binning, s.skipping))
    s.bit_depth, s.output_size = 10, L.Size(640, 480)
    show("sensor configuration set", s.is_valid)


def set_controls(request):
    C = L.controls
    A = C.AfModeEnum
    for control, tried in (
        (C.ExposureTime, (1, 1.5, True, "x", None, A.Auto, (1, 2), [1, 2], 2**40)),
        (C.AnalogueGain, (1, 1.5, True, "x", None, (1.0,), [])),
        (C.AeEnable, (1, True, 0.5, "x", None)),
        (C.FrameDurationLimits, ((1, 2), [1, 2], (1.5, 2), (1, 2, 3), 5, (1,))),
        (C.ScalerCrop, (L.Rectangle(1, 2, 3, 4), (1, 2, 3, 4), [L.Rectangle()])),
        (C.ColourGains, ((1.0, 2.0), (1, 2), 1.0)),
        (L.properties.Model, ("x", 5)),
    ):
        for value in tried:
            show(f"set {control} {value!r}", lambda c=control, v=value: request.set_control(c, v))
    show("set a number", lambda: request.set_control(5, 1))


def make_buffer(stream):
    """Both planes of an NV12 picture in one memory, as the virtual camera needs them."""
    configuration = stream.configuration
    size = configuration.frame_size
    luma = configuration.stride * configuration.size.height
    fd = os.memfd_create("probe")
    os.ftruncate(fd, size)
    planes = []
    for offset, length in ((0, luma), (luma, size - luma)):
        plane = L.FrameBuffer.Plane()
        plane.fd, plane.offset, plane.length = fd, offset, length
        planes.append(plane)
    os.close(fd)
    return L.FrameBuffer(planes)


def readable(timeout=0):
    return bool(select.select([L.CameraManager.singleton().event_fd], [], [], timeout)[0])


def ready(count, seconds=5.0):
    """The requests that are completed, once there are `count`, or after some seconds."""
    done, deadline = [], time.monotonic() + seconds
    while len(done) < count and readable(max(0, deadline - time.monotonic())):
        done += L.CameraManager.singleton().get_ready_requests()
    return done


def configured(cam, *sizes):
    """A configuration with streams of these sizes, set up."""
    cfg = cam.generate_configuration([L.StreamRole.Viewfinder] * len(sizes))
    for one, size in zip(cfg, sizes, strict=True):
        one.pixel_format, one.size = L.PixelFormat("NV12"), L.Size(*size)
    cam.configure(cfg)
    return cfg


def configurations(cam):
    """What becomes of what is asked for. Before a comma: what is a camera's own matter."""
    R = L.StreamRole
    for role in (R.Viewfinder, R.VideoRecording, R.StillCapture, R.Raw):
        offered(cam, role)
    three = cam.generate_configuration([R.Viewfinder] * 3)
    show("default, three pictures", lambda: (len(three), three.validate()))
    show("more roles than streams", lambda: cam.generate_configuration([R.Viewfinder] * 4))
    adjusted(cam, "a size that is too large", "NV12", (99999, 99999))
    adjusted(cam, "no size", "NV12", (0, 0))
    adjusted(cam, "another camera's format", "MJPEG", (1280, 720))
    adjusted(cam, "an unknown format", "foo", (1280, 720))
    counted(cam, "four buffers", 4)
    counted(cam, "buffers asked for, one", 1)
    counted(cam, "buffers asked for, six", 6)
    cfg, one = asking(cam, "NV12", (1280, 720))
    one.stride, one.frame_size = 1, 1
    show("rows too short", lambda: (cfg.validate(), one.stride, one.frame_size))
    cfg.sensor_config = L.SensorConfiguration()
    show("sensor configuration, invalid", cfg.validate)


def offered(cam, role):
    cfg = cam.generate_configuration([role])
    show(f"default, {role.name}", lambda: cfg and (str(cfg.at(0)), cfg.at(0).buffer_count))
    if cfg is not None and role != L.StreamRole.Raw:
        show(f"{role.name} is valid", lambda: (len(cfg), cfg.validate()))


def adjusted(cam, label, name, size):
    cfg, one = asking(cam, name, size)
    show(f"configure {label}", lambda: cam.configure(cfg))
    show(f"stream of {label}", lambda: one.stream)
    again, one = asking(cam, name, size)
    show(f"validate {label}", lambda: (again.validate(), again.validate()))
    show(f"adjusted, {label}", lambda: str(one))
    show(f"configure {label} when adjusted", lambda: cam.configure(again))


def counted(cam, label, count):
    cfg, one = asking(cam, "NV12", (1280, 720))
    one.buffer_count = count
    show(label, lambda: (cfg.validate(), one.buffer_count))
    cam.configure(cfg)
    allocator, stream = L.FrameBufferAllocator(cam), one.stream
    show(f"{label} allocated", lambda: allocator.allocate(stream))
    show("as many as configured", lambda: len(allocator.buffers(stream)) == one.buffer_count)


def asking(cam, name, size):
    """A configuration with one stream of this format and size, and that stream's."""
    cfg = cam.generate_configuration([L.StreamRole.Viewfinder])
    one = cfg.at(0)
    one.pixel_format, one.size = L.PixelFormat(name), L.Size(*size)
    return cfg, one


def delivered(cam, streams):
    """What comes with pictures, in the order of their requests."""
    C = L.controls
    allocators = [L.FrameBufferAllocator(cam) for _ in streams]
    pairs = [*zip(allocators, streams, strict=True)]
    show("buffers of both", lambda: [one.allocate(stream) for one, stream in pairs])
    planes = allocators[0].buffers(streams[0])[0].planes
    show("planes of a buffer", lambda: [(at.offset, at.length) for at in planes if at.length])
    requests = []
    for cookie in range(4):
        request = cam.create_request(cookie)
        for allocator, stream in pairs:
            request.add_buffer(stream, allocator.buffers(stream)[cookie])
        requests.append(request)
    show("add to no stream", lambda: cam.create_request().add_buffer(None, None))
    cam.start({C.FrameDurationLimits: (33333, 33333)})
    begun = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    show("allocate while running", lambda: L.FrameBufferAllocator(cam).allocate(streams[0]))
    show("generate while running", asking(cam, "NV12", (640, 480))[0].validate)
    for request in requests:
        request.set_control(C.Brightness, 0.5)
        cam.queue_request(request)
    done = ready(4)
    ended = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    show("order of the requests", lambda: [(one.cookie, one.sequence) for one in done])
    stamps = [one.metadata[C.SensorTimestamp] for one in done]
    show("timestamps rise", lambda: stamps == sorted({*stamps}))
    show("timestamps between queue and return", lambda: begun <= stamps[0] <= stamps[-1] <= ended)
    others = {key.name for key in done[0].metadata} - {"SensorTimestamp"}
    show("metadata, beside the timestamp", lambda: sorted(others))
    found = [request.buffers[stream].metadata for request in done for stream in streams]
    show("status of the buffers", lambda: [str(one.status) for one in found])
    show("buffer's metadata, sequence", lambda: [one.sequence > 0 for one in found[2:]])
    show("buffer's metadata, time", lambda: [one.timestamp for one in found[::2]] == stamps)
    show("buffer's metadata, bytes", lambda: [one.bytes_used for one in found[0].planes])
    done[0].reuse()
    show("after reuse", lambda: (str(done[0]), done[0].metadata, len(done[0].buffers)))
    done[1].reuse()
    # Out of their first order, and one with a stream less.
    cam.queue_request(done[1])
    cam.queue_request(done[0])
    alone = cam.create_request(9)
    alone.add_buffer(streams[0], done[2].buffers[streams[0]])
    cam.queue_request(alone)
    show("order of a second round", lambda: [(one.cookie, one.sequence) for one in ready(3)])
    show("request with one of two streams", lambda: (str(alone), len(alone.buffers)))
    for one in (done[0], done[1], alone):
        one.reuse()
        cam.queue_request(one)
    cam.stop()
    last = ready(3)
    show("order after stop", lambda: [(one.cookie, one.sequence) for one in last])
    show("stopped, status", lambda: [str(one.status) for one in last])
    show("stopped, metadata", lambda: [bool(one.metadata) for one in last])
    status = [str(buffer.metadata.status) for one in last for buffer in one.buffers.values()]
    show("stopped, buffers", lambda: status)


def one_stream(cam):
    """From two streams to one of them: what was made for both is of no use any more."""
    both = configured(cam, (1280, 720), (640, 480))
    streams = [one.stream for one in both]
    old = cam.create_request(1)
    old.add_buffer(streams[1], make_buffer(streams[1]))
    cfg = configured(cam, (640, 480))
    show("stream stays the same", lambda: cfg.at(0).stream is streams[0])
    show("configuration of the stream", lambda: str(cfg.at(0).stream.configuration.size))
    show("configuration of the other", lambda: str(streams[1].configuration.size))
    show("allocate for the other", lambda: L.FrameBufferAllocator(cam).allocate(streams[1]))
    show("allocator forgets it", lambda: L.FrameBufferAllocator(cam).allocated)
    cam.start()
    show("queue a request of the other", lambda: cam.queue_request(old))
    cam.stop()


def changes():
    """A whole life of the camera, from one configuration to the next."""
    cam = L.CameraManager.singleton().cameras[0]
    cam.acquire()
    show("request before configure", cam.create_request)
    configurations(cam)
    two = configured(cam, (1280, 720), (640, 480))
    delivered(cam, [one.stream for one in two])
    one_stream(cam)
    cam.release()


def camera():
    manager = L.CameraManager.singleton()
    cam = manager.cameras[0]

    show("manager identity", lambda: manager is L.CameraManager.singleton())
    show("camera identity", lambda: (cam is manager.cameras[0], cam is manager.get(cam.id)))
    show("camera text", lambda: str(cam) == f"<libcamera.Camera '{cam.id}'>")
    show("camera unknown", lambda: manager.get("none"))
    show("cameras cannot be set", lambda: setattr(manager, "cameras", []))
    show("streams", lambda: (type(cam.streams), len(cam.streams)))
    show("start before acquire", cam.start)
    show("configure before acquire", lambda: cam.configure(cam.generate_configuration([])))
    show("acquire", cam.acquire)
    show("acquire again", cam.acquire)
    show("start unconfigured", cam.start)
    show("nothing is ready", manager.get_ready_requests)
    show("role that is none", lambda: cam.generate_configuration([1]))
    empty = cam.generate_configuration([])
    show("empty configuration", lambda: (len(empty), empty.size, empty.empty, empty.validate()))
    show("configure empty", lambda: cam.configure(empty))
    cfg = cam.generate_configuration([L.StreamRole.Viewfinder, L.StreamRole.Viewfinder])
    show("configuration", lambda: (len(cfg), cfg.size, cfg.empty, cfg.orientation))
    show("sensor configuration absent", lambda: cfg.sensor_config)
    show("stream before configure", lambda: [one.stream for one in cfg])
    for one in cfg:
        one.pixel_format, one.size = L.PixelFormat("NV12"), L.Size(1280, 720)
    show("size is no tuple here", lambda: setattr(cfg.at(0), "size", (1, 2)))
    show("format is no text", lambda: setattr(cfg.at(0), "pixel_format", "NV12"))
    show("validate", lambda: (cfg.validate(), str(cfg.at(0)), cfg.at(0).buffer_count))
    show("layout", lambda: (cfg.at(0).stride, cfg.at(0).frame_size))
    show("formats know the size", lambda: cfg.at(0).formats.sizes(L.PixelFormat("foo")))
    show("configure", lambda: cam.configure(cfg))
    s0, s1 = cfg.at(0).stream, cfg.at(1).stream
    show("stream", lambda: (s0 is cfg.at(0).stream, s0 in cam.streams, s0 == s1))
    show("stream configuration", lambda: (s0.configuration.size, s0.configuration is cfg.at(0)))
    show("stream cannot be configured so", lambda: setattr(s0, "configuration", None))
    bare = cam.create_request()
    show("request", lambda: (str(bare), bare.cookie, bare.status, bare.sequence, bare.buffers))
    show("request metadata", lambda: (bare.metadata, bare.has_pending_buffers))
    set_controls(bare)
    show("cookie", lambda: cam.create_request(7).cookie)
    pairs = [(make_buffer(s0), make_buffer(s1)) for _ in range(4)]
    requests = []
    for first, second in pairs:
        request = cam.create_request(3)
        request.add_buffer(s0, first)
        request.add_buffer(s1, second)
        requests.append(request)
    r = requests[0]
    show("add a buffer twice", lambda: r.add_buffer(s0, pairs[0][0]))
    show("buffers", lambda: (r.buffers[s0] is pairs[0][0], len(r.buffers), r.has_pending_buffers))
    show("queue before start", lambda: cam.queue_request(r))
    show("start", lambda: cam.start(controls={}))
    show("queue without buffers", lambda: cam.queue_request(bare))
    for request in requests:
        cam.queue_request(request)
    done = ready(4)
    show("ready", lambda: (len(done), [str(one.status) for one in done], done[0] is requests[0]))
    show("request complete", lambda: (str(r), r.has_pending_buffers, [q.sequence for q in done]))
    show("event descriptor drained", readable)
    show("ready again", manager.get_ready_requests)
    show("metadata", lambda: type(r.metadata))
    stamp = r.metadata[L.controls.SensorTimestamp]
    age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - stamp
    show("timestamp", lambda: (type(stamp), 0 <= age < 5_000_000_000))
    show("metadata absent", lambda: r.metadata[L.controls.AfState])
    show("planes of the metadata", lambda: len(r.buffers[s0].metadata.planes))
    show("queue a complete request", lambda: cam.queue_request(r))
    show("reuse", lambda: (r.reuse(), r.status, len(r.buffers), len(r.metadata)))
    show("pending after reuse", lambda: r.has_pending_buffers)
    show("queue again", lambda: cam.queue_request(r))
    show("ready once more", lambda: len(ready(1)))
    show("configure while running", lambda: cam.configure(cfg))
    show("release while running", cam.release)
    show("acquire while running", cam.acquire)
    for request in requests:
        request.reuse()
        cam.queue_request(request)
    show("stop", cam.stop)
    show("stop again", cam.stop)
    show("requests come back from stop", lambda: len(ready(4)))
    show(
        "none is pending then", lambda: {one.status == L.Request.Status.Pending for one in requests}
    )
    show("queue after stop", lambda: (r.reuse(), cam.queue_request(r)))
    show("start once more", cam.start)
    cam.queue_request(r)
    show("sequence starts over", lambda: [one.sequence for one in ready(1)])
    show("stop once more", cam.stop)
    show("start a third time", cam.start)
    show("start again", cam.start)
    r.reuse()
    cam.queue_request(r)
    show("a failed start cuts the running camera off", lambda: ready(1, seconds=0.5))
    show("stop the third time", cam.stop)
    show("start with bad key", lambda: cam.start({"ExposureTime": 1}))
    # The real bindings hand every request out twice after this, until the process ends.
    show("start with bad value", lambda: cam.start({L.controls.ExposureTime: "x"}))
    allocator = L.FrameBufferAllocator(cam)
    show("allocator", lambda: (allocator.allocated, allocator.allocate(s0), allocator.allocated))
    show("allocate again", lambda: allocator.allocate(s0))
    show(
        "allocated", lambda: (len(allocator.buffers(s0)), allocator.buffers(s0)[0].planes[0].fd > 0)
    )
    show("buffers of another stream", lambda: allocator.buffers(s1))
    show("release", cam.release)
    show("release again", cam.release)
    show("request after release", cam.create_request)
    show("allocate after release", lambda: L.FrameBufferAllocator(cam).allocate(s0))
    show("configure after release", lambda: cam.configure(cfg))


if __name__ == "__main__":
    values()
    colours()
    buffers()
    changes()
    camera()
