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

func decodeRecord(raw []byte) (decoded record, err error) {
	err = binary.Read(bytes.NewReader(raw), binary.LittleEndian, &decoded)
	return decoded, err
}

func decodeRecordFast(raw []byte) (record, error) {
	return record{binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])}, nil
}

func decodeEvent(raw []byte) (typedEvent, error) {
	var e event
	err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, &e)
	return typedEvent{e.Sequence, e.PID, e.UID, text(e.Comm[:]), text(e.Filename[:])}, err
}

func decodeEventFast(raw []byte) (typedEvent, error) {
	return typedEvent{
		Sequence: binary.LittleEndian.Uint32(raw),
		PID:      binary.LittleEndian.Uint32(raw[4:]),
		UID:      binary.LittleEndian.Uint32(raw[8:]),
		Comm:     text(raw[12:28]),
		Filename: text(raw[28:284]),
	}, nil
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

func consume[T any](read func() ([]byte, error), decode func([]byte) (T, error), on func(T)) error {
	for {
		raw, err := read()
		if errors.Is(err, ringbuf.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		decoded, err := decode(raw)
		if err != nil {
			return err
		}
		on(decoded)
	}
}

func run(kind string, fast bool) error {
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

	read := func() ([]byte, error) {
		record, err := reader.Read()
		return record.RawSample, err
	}
	if fast {
		var record ringbuf.Record
		read = func() ([]byte, error) {
			err := reader.ReadInto(&record)
			return record.RawSample, err
		}
	}
	switch {
	case kind == "event" && fast:
		err = consume(read, decodeEventFast, onEvent)
	case kind == "event":
		err = consume(read, decodeEvent, onEvent)
	case fast:
		err = consume(read, decodeRecordFast, onRecord)
	default:
		err = consume(read, decodeRecord, onRecord)
	}
	fmt.Println(records, sum)
	return err
}

func main() {
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2] == "fast"); err != nil {
		fmt.Fprintln(os.Stderr, "go_reader:", err)
		os.Exit(1)
	}
}
