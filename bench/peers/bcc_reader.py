#!/usr/bin/python3
"""The peer in Python: bcc's ring buffer reader on the ring whose descriptor is 3.

  bcc_reader.py record|event

bcc compiles BPF programs itself, with the kernel's headers. Here it is given a
ring that is loaded already; what it does with one is the same, as BPF's and
RingBuf's own methods are called.

As every peer of the bench it prints "ready", consumes until standard input is
closed, and prints "records sum": the sum of all numbers and of the lengths of
all strings.
"""
import ctypes as ct
import sys
import threading
from types import SimpleNamespace

from bcc import BPF
from bcc.table import RingBuf

RING_FD = 3


# As in test/bpf/peers.bpf.c.
class Record(ct.Structure):
    _fields_ = [("sequence", ct.c_uint32), ("cpu", ct.c_uint32)]


class Event(ct.Structure):
    _fields_ = [
        ("sequence", ct.c_uint32),
        ("pid", ct.c_uint32),
        ("uid", ct.c_uint32),
        ("comm", ct.c_char * 16),
        ("filename", ct.c_char * 256),
    ]


def bpf_with_ring(event_class):
    """What BPF(src_file=...) and bpf["events"] are to the code that reads rings."""
    bpf = SimpleNamespace(_ringbuf_manager=None)
    bpf._open_ring_buffer = lambda *args: BPF._open_ring_buffer(bpf, *args)
    bpf.ring_buffer_poll = lambda timeout: BPF.ring_buffer_poll(bpf, timeout)
    ring = RingBuf.__new__(RingBuf)
    ring.bpf, ring.map_fd, ring._cbs, ring._event_class = bpf, RING_FD, {}, event_class
    return bpf, ring


records = 0
total = 0
is_event = sys.argv[1] == "event"
bpf, ring = bpf_with_ring(Event if is_event else Record)


def on_record(ctx, data, size):
    global records, total
    record = ring.event(data)
    records += 1
    total += record.sequence + record.cpu


def on_event(ctx, data, size):
    global records, total
    event = ring.event(data)
    comm = event.comm.decode("utf-8", "replace")
    filename = event.filename.decode("utf-8", "replace")
    records += 1
    total += event.sequence + event.pid + event.uid + len(comm) + len(filename)


ring.open_ring_buffer(on_event if is_event else on_record)
print("ready", flush=True)
# A thread that only blocks takes no time from the loop.
parent = threading.Thread(target=sys.stdin.read, daemon=True)
parent.start()
while parent.is_alive():
    bpf.ring_buffer_poll(100)
print(records, total, flush=True)
