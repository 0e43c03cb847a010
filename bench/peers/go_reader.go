// The peer in Go: cilium/ebpf's ring buffer reader on the ring whose descriptor
// is 3.
//
//	go_reader record|event read|fast
//
// read is the documented way: Read and binary.Read into a struct. fast is what
// one writes when that shows in a profile: ReadInto a record that is used again,
// fields by hand.
//
// As every peer of the bench it prints "ready", consumes until standard input is
// closed, and prints "records sum": the sum of all numbers and of the lengths of
// all strings.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

const ringFd = 3

// As in test/bpf/peers.bpf.c, in the byte order of the machine.
type record struct {
	Sequence uint32
	CPU      uint32
}

type event struct {
	Sequence uint32
	PID      uint32
	UID      uint32
	Comm     [16]byte
	Filename [256]byte
}

// What is made of an event: strings instead of bytes.
type typedEvent struct {
	Sequence, PID, UID uint32
	Comm, Filename     string
}

func text(field []byte) string {
	if end := bytes.IndexByte(field, 0); end >= 0 {
		field = field[:end]
	}
	return string(field)
}

var records, sum uint64

func onRecord(r record) {
	records++
	sum += uint64(r.Sequence) + uint64(r.CPU)
}

func onEvent(e typedEvent) {
	records++
	sum += uint64(e.Sequence) + uint64(e.PID) + uint64(e.UID) +
		uint64(len(e.Comm)) + uint64(len(e.Filename))
}

func take(raw []byte, isEvent bool) error {
	reader := bytes.NewReader(raw)
	if !isEvent {
		var r record
		err := binary.Read(reader, binary.LittleEndian, &r)
		onRecord(r)
		return err
	}
	var e event
	err := binary.Read(reader, binary.LittleEndian, &e)
	onEvent(typedEvent{e.Sequence, e.PID, e.UID, text(e.Comm[:]), text(e.Filename[:])})
	return err
}

func takeFast(raw []byte, isEvent bool) error {
	u32 := binary.LittleEndian.Uint32
	if isEvent {
		onEvent(typedEvent{u32(raw), u32(raw[4:]), u32(raw[8:]), text(raw[12:28]), text(raw[28:284])})
	} else {
		onRecord(record{u32(raw), u32(raw[4:])})
	}
	return nil
}

func run(isEvent, isFast bool) error {
	ring, err := ebpf.NewMapFromFD(ringFd)
	if err != nil {
		return err
	}
	reader, err := ringbuf.NewReader(ring)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		reader.Close()
	}()
	var again ringbuf.Record
	for err == nil {
		if !isFast {
			var fresh ringbuf.Record
			if fresh, err = reader.Read(); err == nil {
				err = take(fresh.RawSample, isEvent)
			}
		} else if err = reader.ReadInto(&again); err == nil {
			err = takeFast(again.RawSample, isEvent)
		}
	}
	fmt.Println(records, sum)
	if errors.Is(err, ringbuf.ErrClosed) {
		return nil
	}
	return err
}

func main() {
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	if err := run(os.Args[1] == "event", os.Args[2] == "fast"); err != nil {
		fmt.Fprintln(os.Stderr, "go_reader:", err)
		os.Exit(1)
	}
}
