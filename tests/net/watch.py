#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""watch.py capture IFACE FILE FILTER | count FILE FILTER | show FILE FILTER

A packet capture with libpcap's filters that, unlike tcpdump, does not insist on becoming
another user: in a user namespace there is none.  `capture` says "listening" on standard
error and ends on SIGTERM; `count` prints how many packets of a file match; `show` prints
the matching IPv4 packets in hex, a line each.
"""

import ctypes
import select
import signal
import sys

pcap = ctypes.CDLL("libpcap.so.0.8")
for function in ("pcap_create", "pcap_open_offline", "pcap_dump_open", "pcap_geterr"):
    getattr(pcap, function).restype = ctypes.c_void_p
pcap.pcap_geterr.restype = ctypes.c_char_p
VOID = ctypes.c_void_p


class Header(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("microseconds", ctypes.c_long),
                ("captured", ctypes.c_uint32), ("length", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("instructions", ctypes.c_void_p)]


def must(result, handle):
    if result:
        sys.exit(f"watch: {pcap.pcap_geterr(handle).decode()}")


def set_filter(handle, text):
    program = Program()
    must(pcap.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, 0xffffffff), handle)
    must(pcap.pcap_setfilter(handle, ctypes.byref(program)), handle)


def capture(interface, path, text):
    error = ctypes.create_string_buffer(256)
    handle = VOID(pcap.pcap_create(interface.encode(), error))
    pcap.pcap_set_snaplen(handle, 2048)
    pcap.pcap_set_timeout(handle, 50)
    pcap.pcap_set_buffer_size(handle, 32 << 20)
    must(min(pcap.pcap_activate(handle), 0), handle)
    set_filter(handle, text)
    dumper = VOID(pcap.pcap_dump_open(handle, path.encode()))
    # libpcap would resume its own wait after a signal, so the waiting is done here.
    pcap.pcap_setnonblock(handle, 1, error)
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    print("listening", file=sys.stderr, flush=True)
    write = ctypes.cast(pcap.pcap_dump, VOID)
    while running:
        select.select([pcap.pcap_get_selectable_fd(handle)], [], [], 0.05)
        pcap.pcap_dispatch(handle, 4096, write, dumper)
    pcap.pcap_dispatch(handle, -1, write, dumper)
    pcap.pcap_dump_close(dumper)


def packets(path, text):
    error = ctypes.create_string_buffer(256)
    handle = VOID(pcap.pcap_open_offline(path.encode(), error))
    if not handle:
        sys.exit(f"watch: {error.value.decode()}")
    set_filter(handle, text)
    header, data = ctypes.POINTER(Header)(), VOID()
    while pcap.pcap_next_ex(handle, ctypes.byref(header), ctypes.byref(data)) == 1:
        yield ctypes.string_at(data, header.contents.captured)


if sys.argv[1] == "capture":
    capture(*sys.argv[2:5])
elif sys.argv[1] == "count":
    print(sum(1 for _ in packets(*sys.argv[2:4])))
else:
    for frame in packets(*sys.argv[2:4]):
        print(frame[14:].hex())
